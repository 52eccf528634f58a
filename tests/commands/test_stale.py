"""Results of runs in no study any more are named; states that nothing goes on from are removed."""

import multiprocessing
import time
from pathlib import Path

import pytest

from feature_diversity.base.errors import InputError
from feature_diversity.base.lock import locked
from feature_diversity.base.paths import STUDIES
from feature_diversity.commands import clean_resume, stale
from feature_diversity.planning.study import Study

OF_DEMO = Study.load(STUDIES / "demo.yaml").runs()[-1].folder
OF_NONE = "simclr/resnet14_w0.25_batchnorm_ep41_seed1"


@pytest.fixture
def results(tmp_path) -> Path:
    """Results of the demo study: a run of it, and one that it has not, of 3 MB."""
    for run in (OF_DEMO, OF_NONE):
        folder = tmp_path / "demo" / run
        (folder / "features").mkdir(parents=True)
        (folder / "model.safetensors").write_bytes(bytes(1_000_000))
        (folder / "features" / "trunk.npy").write_bytes(bytes(2_000_000))
    (tmp_path / "README.md").touch()
    return tmp_path


def state(results: Path, run: str, size: int = 5_000_000) -> Path:
    """A training's state beside a run's results."""
    folder = results / "demo" / run / "resume"
    folder.mkdir(parents=True)
    (folder / "state_000000001.pt").write_bytes(bytes(size))
    return folder


@pytest.fixture
def printed(capsys):
    def run(command, *arguments) -> list[str]:
        command.main([str(argument) for argument in arguments])
        return [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()]

    return run


# --- stale ---


def test_a_run_that_its_study_has_not_is_named_with_its_size(results, printed):
    assert printed(stale, "--results", results) == [
        f"3.0 MB {results / 'demo' / OF_NONE}",
        "3.0 MB in 1 runs of no study. Nothing was deleted.",
    ]


def test_nothing_is_deleted(results, printed):
    before = sorted(results.rglob("*"))
    printed(stale, "--results", results)
    assert sorted(results.rglob("*")) == before


def test_all_runs_of_a_study_that_is_gone_are_named(results, printed):
    (results / "demo").rename(results / "gone")
    first, *runs, total = printed(stale, "--results", results)
    assert first.startswith(f"{results / 'gone'}: no study 'gone'")
    assert len(runs) == 2
    assert total.startswith("6.0 MB in 2 runs")


def test_a_study_elsewhere_is_asked_when_it_is_named(results, printed, tmp_path):
    (results / "demo").rename(results / "mine")
    (tmp_path / "mine.yaml").write_text((STUDIES / "demo.yaml").read_text())
    assert printed(stale, "--results", results, "--study", tmp_path / "mine.yaml")[-1].startswith("3.0 MB")


def test_a_study_that_cannot_be_read_makes_nothing_stale(results, printed, tmp_path):
    (results / "demo").rename(results / "mine")
    (tmp_path / "mine.yaml").write_text("figurs: {}")
    with pytest.raises(InputError, match=r"mine\.yaml"):
        printed(stale, "--results", results, "--study", tmp_path / "mine.yaml")


def test_a_folder_that_is_not_there_is_named(tmp_path, printed):
    with pytest.raises(InputError, match="nowhere is not there"):
        printed(stale, "--results", tmp_path / "nowhere")


# --- clean_resume ---


def test_states_of_finished_trainings_and_of_runs_in_no_study_are_removed(results, printed):
    finished, none = state(results, OF_DEMO), state(results, OF_NONE)
    (none.parent / "model.safetensors").unlink()
    assert sorted(printed(clean_resume, "--results", results)) == sorted(
        [
            f"removed 5.0 MB {finished}: finished",
            f"removed 5.0 MB {none}: in no study",
            "removed 10.0 MB in all",
        ]
    )
    assert not finished.exists()
    assert not none.exists()
    assert (finished.parent / "model.safetensors").exists()


def test_the_state_of_an_unfinished_training_is_kept_and_told(results, printed):
    unfinished = state(results, OF_DEMO)
    (unfinished.parent / "model.safetensors").unlink()
    assert printed(clean_resume, "--results", results) == [
        f"kept 5.0 MB {unfinished}: unfinished",
        "removed 0.0 MB in all",
    ]
    assert unfinished.exists()


def test_it_is_removed_where_that_is_asked_for(results, printed):
    unfinished = state(results, OF_DEMO)
    (unfinished.parent / "model.safetensors").unlink()
    assert f"removed 5.0 MB {unfinished}: unfinished" in printed(clean_resume, "--results", results, "--all")
    assert not unfinished.exists()


def hold(path: Path) -> None:
    with locked(path):
        time.sleep(60)


def test_the_state_of_a_training_that_runs_is_never_removed(results, capsys):
    running = state(results, OF_DEMO)
    process = multiprocessing.get_context("spawn").Process(target=hold, args=(running / "lock",))
    process.start()
    while not (running / "lock").exists() or not (running / "lock").read_text():
        time.sleep(0.01)
    clean_resume.main(["--results", str(results), "--all"])
    process.kill()
    process.join()
    assert f"another process trains this run: process {process.pid} on " in capsys.readouterr().out
    assert (running / "state_000000001.pt").exists()
