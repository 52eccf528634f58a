"""Results of runs in no study any more are named; states that nothing goes on from are removed."""

import json
import multiprocessing
import os
import shutil
import time
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from feature_diversity.base.errors import InputError
from feature_diversity.base.lock import locked
from feature_diversity.base.paths import STUDIES
from feature_diversity.base.run import Run
from feature_diversity.commands import clean_resume, stale
from feature_diversity.planning.settings import digest_of
from feature_diversity.planning.study import Study

DEMO = Study.load(STUDIES / "demo.yaml")
LAST = DEMO.runs()[-1]
RUN = LAST if DEMO.schedule == "budget" else replace(LAST, epochs=DEMO.epochs[-1])  # that ends a training
NONE = Run("simclr", 14, 0.25, "batchnorm", 41, 1)
OF_DEMO, OF_NONE = RUN.folder, NONE.folder


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


def training(results: Path, run: Run, size: int = 5_000_000, **changes) -> Path:
    """The folder of an unfinished training of the demo in the study's store, with a state."""
    network = run.network
    settings = {
        "network": network.facts,
        "recipe": DEMO.recipe_of(network.algorithm),
        "schedule_epochs": run.epochs,
        "engine": "native",
        "code": digest_of(DEMO, "pretrain", network.algorithm),
    }
    folder = results / "demo" / "trainings" / f"{len(list(results.rglob('settings.json'))):032}"
    folder.mkdir(parents=True)
    (folder / "settings.json").write_text(json.dumps(settings | changes))
    (folder / "state_000000001.pt").write_bytes(bytes(size))
    return folder


def finished(results: Path, run: Run, *, linked: bool, **changes) -> Path:
    """The folder of a finished training of 1 MB. linked: whether it is the one of the run's model."""
    folder = training(results, run, **changes)
    (folder / "state_000000001.pt").unlink()
    model = results / "demo" / run.folder / "model.safetensors"
    (folder / "snapshot_000010").mkdir()
    snapshot = folder / "snapshot_000010" / "model.safetensors"
    os.link(model, snapshot) if linked else shutil.copy(model, snapshot)
    (folder / "finished.json").write_text("{}")
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
        "3.0 MB in 1 runs of no study and 0 trainings that no run uses. Nothing was deleted.",
    ]


def test_a_model_of_others_that_its_study_has_not_is_named(results, printed):
    study = Study.load(STUDIES / "models.yaml")
    kept, gone = study.runs()[0], replace(study.runs()[0], algorithm="resnet9.mine", seed=7)
    for run in (kept, gone):
        (results / "models" / run.folder).mkdir(parents=True)
    told = "\n".join(printed(stale, "--results", results))
    assert f"models/{gone.folder}" in told
    assert kept.folder not in told


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


def test_a_training_that_no_run_uses_is_named_and_why(results, printed):
    finished(results, RUN, linked=True)
    unfinished = training(results, RUN)
    none, other = training(results, NONE), training(results, RUN, code="other")
    spare = finished(results, RUN, linked=False)
    *lines, total = printed(stale, "--results", results)
    assert lines[1:] == [
        f"5.0 MB {none}: in no study",
        f"5.0 MB {other}: unfinished, of another recipe, penalty or code",
        f"1.0 MB {spare}: finished, no result is of it",
    ]
    assert total == "14.0 MB in 1 runs of no study and 3 trainings that no run uses. Nothing was deleted."
    assert unfinished.exists()


def test_what_a_run_and_its_training_have_in_common_is_counted_once_where_it_becomes_free(results, printed):
    of_run = finished(results, NONE, linked=True)
    run, training, total = printed(stale, "--results", results)
    assert run == f"2.0 MB {results / 'demo' / OF_NONE}"
    assert training == f"1.0 MB {of_run}: in no study"
    assert total.startswith("3.0 MB")


# --- clean_resume ---


def test_states_that_no_run_goes_on_from_are_removed(results, printed):
    none = training(results, NONE)
    other = training(results, RUN, recipe={})
    assert printed(clean_resume, "--results", results) == [
        f"removed 5.0 MB {none}: in no study",
        f"removed 5.0 MB {other}: unfinished, of another recipe, penalty or code",
        "removed 10.0 MB in all",
    ]
    assert not none.exists()
    assert not other.exists()
    assert (results / "demo" / OF_NONE / "model.safetensors").exists()


def test_finished_trainings_are_kept(results, printed):
    folders = [finished(results, RUN, linked=linked) for linked in (False, True)]
    assert printed(clean_resume, "--results", results, "--all") == ["removed 0.0 MB in all"]
    assert all((folder / "snapshot_000010" / "model.safetensors").exists() for folder in folders)


def test_the_state_of_an_unfinished_training_is_kept_and_told(results, printed):
    unfinished = training(results, RUN)
    assert printed(clean_resume, "--results", results) == [
        f"kept 5.0 MB {unfinished}: unfinished",
        "removed 0.0 MB in all",
    ]
    assert unfinished.exists()


def test_the_state_of_a_variant_is_compared_with_the_recipe_of_that_variant(results, printed, tmp_path):
    (results / "demo").rename(results / "mine")
    text = (STUDIES / "demo.yaml").read_text()
    axes = ", ".join(f"{axis}: {value}" for axis, value in asdict(replace(RUN, variant="cool")).items())
    grid = f"\n  variants: {{{axes}}}\n"
    file = tmp_path / "mine.yaml"
    file.write_text(f"{text}{grid}\nvariants: {{cool: {{weight_decay: 0.5}}}}\n")
    cool = replace(RUN, variant="cool")
    recipe = Study.load(file).recipe_of(RUN.algorithm, "cool")
    (results / "demo").mkdir()
    kept, other = training(results, cool, recipe=recipe), training(results, cool)
    unknown = training(results, replace(RUN, variant="hot"), recipe=recipe)
    (results / "demo" / "trainings").rename(results / "mine" / "trainings")
    (results / "demo").rmdir()
    assert recipe["weight_decay"] == 0.5
    lines = printed(clean_resume, "--results", results, "--study", file)
    assert [line.split("/")[-1] for line in lines[:-1]] == [
        f"{kept.name}: unfinished",
        f"{other.name}: unfinished, of another recipe, penalty or code",
        f"{unknown.name}: in no study",
    ]
    assert [line.split()[0] for line in lines[:-1]] == ["kept", "removed", "removed"]


def test_it_is_removed_where_that_is_asked_for(results, printed):
    unfinished = training(results, RUN)
    assert f"removed 5.0 MB {unfinished}: unfinished" in printed(clean_resume, "--results", results, "--all")
    assert not unfinished.exists()


def test_a_study_of_which_nothing_is_finished_has_its_states_looked_at(results, printed):
    unfinished = training(results, RUN)
    for run in (OF_DEMO, OF_NONE):
        shutil.rmtree(results / "demo" / run)
    assert printed(clean_resume, "--results", results)[0] == f"kept 5.0 MB {unfinished}: unfinished"


def hold(path: Path) -> None:
    with locked(path):
        time.sleep(60)


def test_the_state_of_a_training_that_runs_is_never_removed(results, capsys):
    running = training(results, RUN)
    process = multiprocessing.get_context("spawn").Process(target=hold, args=(running / "lock",))
    process.start()
    while not (running / "lock").exists() or not (running / "lock").read_text():
        assert process.is_alive()
        time.sleep(0.01)
    clean_resume.main(["--results", str(results), "--all"])
    process.kill()
    process.join()
    assert f"another process trains this run: process {process.pid} on " in capsys.readouterr().out
    assert (running / "state_000000001.pt").exists()
