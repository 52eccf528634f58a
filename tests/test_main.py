"""The command line, and the list of stages that it, the rules and the files agree on."""

import os
import re
import subprocess
import sys

import numpy as np
import pytest
from support.helps import helps
from support.paths import ROOT, SOURCE

from feature_diversity.base.stages import COMMANDS, MAKERS, STAGES

PACKAGE = SOURCE / "feature_diversity"


def test_without_a_stage_the_usage_is_printed(command):
    done = command()
    assert done.returncode == 2
    assert "usage: python -m feature_diversity STAGE" in done.stdout
    assert "pretrain" in done.stdout


def test_help_lists_every_stage_and_command_with_what_it_does(command):
    done = command("--help")
    assert done.returncode == 0
    listed = dict(re.findall(r"^  (\w+) +(.+)$", done.stdout, re.MULTILINE))
    assert listed == {name: stage.summary for name, stage in STAGES.items()} | COMMANDS


def test_an_unknown_stage_names_those_there_are(command):
    done = command("pretrian")
    assert done.returncode == 2
    assert done.stderr.startswith("error: unknown stage 'pretrian'; choose from data, pretrain,")
    assert all(name in done.stderr for name in [*STAGES, *COMMANDS])


def test_a_stage_is_a_file_of_its_name_and_a_command_too():
    assert {path.stem for path in (PACKAGE / "stages").glob("*.py")} == {*STAGES, "__init__"}
    assert {path.stem for path in (PACKAGE / "commands").glob("*.py")} == {*COMMANDS, "__init__"}


def test_a_rule_has_the_name_of_its_stage_and_calls_it():
    text = "\n".join(path.read_text() for path in (ROOT / "workflow" / "rules").glob("*.smk"))
    rules = re.split(r"^rule (\w+):$", text, flags=re.MULTILINE)
    called = dict(zip(rules[1::2], rules[2::2], strict=True))
    assert set(called) == set(STAGES)
    for name, rule in called.items():
        assert re.search(rf"feature_diversity {name} ", rule), name


def test_output_that_nobody_reads_to_its_end_is_no_error():
    arguments = [sys.executable, "-m", "feature_diversity", "zoo", "list"]
    read, write = os.pipe()
    os.close(read)  # as head does, once it has its lines
    done = subprocess.run(
        arguments, env=os.environ | {"PYTHONPATH": str(SOURCE)}, stdout=write, stderr=-1, check=False
    )
    os.close(write)
    assert done.returncode == 1
    assert done.stderr == b""


def test_every_module_whose_meaning_makes_a_stages_numbers_is_there():
    for name, stage in STAGES.items():
        for module in stage.code:
            assert (PACKAGE / f"{module.replace('.', '/')}.py").exists(), name


def test_every_engine_has_a_stage():
    assert set(MAKERS.values()) <= set(STAGES)


TOLD = [name for name in STAGES if name not in ("vissl", "zoo")]


@pytest.fixture(scope="module")
def told() -> dict[str, subprocess.CompletedProcess]:
    return helps(TOLD, SOURCE)


@pytest.mark.parametrize("name", TOLD)
def test_a_stage_tells_its_options(told, name):
    done = told[name]
    assert done.returncode == 0
    assert done.stdout.startswith(f"usage: feature_diversity {name} ")


@pytest.mark.parametrize(
    ("stage", "option", "given", "message"),
    [
        ("data", "--dataset", "{", "{ is not valid JSON: "),
        ("data", "--dataset", "[]", "[] is no JSON object: expected {...}"),
        ("tabulate", "--runs", "{}", "{} is no JSON list: expected [...]"),
    ],
)
def test_an_option_that_is_not_the_json_it_should_be_is_named(command, stage, option, given, message):
    done = command(stage, option, given)
    assert done.returncode == 2
    assert f"argument {option}: {message}" in done.stderr


def test_a_stage_that_is_not_told_of_threads_gives_the_same_bits_with_any_number(tmp_path):
    draws = np.random.default_rng(0)
    (tmp_path / "features").mkdir()
    np.save(tmp_path / "features" / "trunk.npy", draws.standard_normal((300, 400)).astype(np.float32))
    np.save(
        tmp_path / "features" / "views_trunk.npy", draws.standard_normal((2, 300, 400)).astype(np.float32)
    )
    found = set()
    for threads in ("1", "2"):
        made = [tmp_path / f"{name}{threads}.csv" for name in ("energy", "measures")]
        arguments = ["energy", "--features", tmp_path / "features", "--layers", "trunk", "--powers", "1"]
        arguments += [
            "--vectors",
            "flatten",
            "--centred",
            "false",
            "--energy",
            made[0],
            "--measures",
            made[1],
        ]
        subprocess.run(
            [sys.executable, "-m", "feature_diversity", *map(str, arguments)],
            env=os.environ | {"OMP_NUM_THREADS": threads, "PYTHONPATH": str(SOURCE)},
            check=True,
        )
        found.add(tuple(path.read_bytes() for path in made))
    assert len(found) == 1
