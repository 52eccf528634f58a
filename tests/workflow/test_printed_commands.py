"""Every command that Snakemake prints, copied into an empty shell, gives the bytes that the workflow gave.

The commands of the tiny study are run one after the other in a copy of the checkout that has no results, with
nothing but the environment's programs and this checkout's package in reach.
"""

import os
import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from support.checkout import Checkout

from feature_diversity.base import paths
from feature_diversity.base.stages import STAGES

pytestmark = pytest.mark.workflow
NOT_RESULTS = {paths.LOGS, paths.BENCHMARKS, paths.TRAININGS, paths.PROVENANCE, ".snakemake_timestamp"}


@dataclass(frozen=True)
class Replay:
    """The study as the workflow made it, and as its printed commands make it.

    errors: stage -> what its commands said, of those that failed.
    """

    workflow: Path
    by_hand: Path
    commands: dict[str, list[str]]
    errors: dict[str, str]


def by_hand(command: str, folder: Path) -> subprocess.CompletedProcess:
    """Run a command in an empty shell, as the environment of `make install` in that checkout has it."""
    environment = f"PATH={Path(sys.executable).parent}:/usr/bin:/bin"
    editable = f"PYTHONPATH={folder / 'src'}"  # what an editable install of that checkout amounts to
    # Which kernels OpenBLAS takes is the machine's matter, as its processor is
    machine = [f"{name}={value}" for name, value in os.environ.items() if name.startswith("OPENBLAS_")]
    shell = ["env", "-i", environment, editable, *machine, "bash", "--noprofile", "--norc", "-c", command]
    return subprocess.run(shell, cwd=folder, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def replay(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> Replay:
    checkout = Checkout.finished(tmp_path_factory.mktemp("checkout"), shared)
    printed = re.findall(r"^Shell command: (?!None$)(.+)$", checkout.printed, re.MULTILINE)
    copy = Checkout.make(tmp_path_factory.mktemp("copy"))
    commands: dict[str, list[str]] = {}
    errors: dict[str, str] = {}
    for command in printed:
        stage = re.search(r"feature_diversity (\w+) ", command)[1]
        log = copy.folder / re.search(r"> (\S+) 2>&1$", command)[1]
        log.parent.mkdir(parents=True, exist_ok=True)  # the only thing that Snakemake does beside
        commands.setdefault(stage, []).append(command)
        if by_hand(command, copy.folder).returncode:
            errors[stage] = log.read_text()
    return Replay(checkout.results, copy.results, commands, errors)


def results_in(folder: Path) -> list[Path]:
    """Paths below a study's folder of all its results."""
    found = (path.relative_to(folder) for path in folder.rglob("*") if path.is_file())
    return sorted(path for path in found if not set(path.parts) & NOT_RESULTS)


def bytes_of(path: Path) -> bytes:
    """Of the page, those beside its provenance, and of a history, those beside its images a second."""
    content = path.read_bytes()
    if path.name == paths.REPORT:
        content = re.sub(rb'<section id="provenance">.*?</section>', b"", content, flags=re.DOTALL)
    if path.name == paths.HISTORY:
        content = re.sub(rb",[^,\n]*$", b"", content, flags=re.MULTILINE)
    return content


# stage -> whether a result is one of its outputs
OF_STAGE: dict[str, Callable[[Path], bool]] = {
    "data": lambda path: path.name in (paths.DATA, paths.HELD_OUT),
    "pretrain": lambda path: path.name in (paths.MODEL, paths.HISTORY),
    "extract": lambda path: paths.FEATURES in path.parts,
    "energy": lambda path: path.name in (paths.ENERGY, paths.MEASURES),
    "linear_eval": lambda path: path.name == paths.LINEAR,
    "pixels": lambda path: path.name == paths.PIXELS,
    "tabulate": lambda path: path.name in (paths.RESULTS_CSV, paths.RESULTS_PARQUET),
    "claims": lambda path: path.name == paths.CLAIMS,
    "predict": lambda path: path.name == paths.PREDICTION,
    "figures": lambda path: path.parts[0] == paths.FIGURES,
    "summary": lambda path: path.name in (paths.SUMMARY, paths.VERDICTS),
    "report": lambda path: path.name == paths.REPORT,
}


def test_every_stage_of_the_study_is_printed(replay: Replay):
    assert set(replay.commands) == set(OF_STAGE)
    assert set(STAGES) - set(OF_STAGE) == {"vissl", "zoo", "model", "outcomes", "intervention"}  # of others


@pytest.mark.parametrize("stage", OF_STAGE)
def test_the_printed_commands_of_a_stage_give_the_same_bytes(replay: Replay, stage: str):
    assert stage not in replay.errors, replay.errors[stage]
    outputs = [path for path in results_in(replay.workflow) if OF_STAGE[stage](path)]
    assert outputs
    for path in outputs:
        assert bytes_of(replay.by_hand / path) == bytes_of(replay.workflow / path), path


@pytest.mark.parametrize("stage", OF_STAGE)
def test_a_printed_command_hides_nothing_in_a_variable(replay: Replay, stage: str):
    for command in replay.commands[stage]:
        assert "$" not in command
        assert "export" not in command.split()


def test_the_commands_leave_no_other_results(replay: Replay):
    assert results_in(replay.by_hand) == results_in(replay.workflow)


def test_all_results_belong_to_a_stage(replay: Replay):
    strays = [path for path in results_in(replay.workflow) if not any(of(path) for of in OF_STAGE.values())]
    assert strays == []
