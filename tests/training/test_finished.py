"""Finished trainings wait beside their outputs until Snakemake knows them."""

import base64
import multiprocessing
import os
import shutil
import time
from pathlib import Path

import pytest

from feature_diversity.base.lock import locked
from feature_diversity.commands import clean_resume, stale
from feature_diversity.training import finished
from feature_diversity.training import loop as pretrain

LONG = "results/demo/simclr/" + "x" * 200


@pytest.fixture
def here(tmp_path, monkeypatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def mark(path: str) -> None:
    """Mark an output as Snakemake does when it starts the output's job."""
    name = base64.urlsafe_b64encode(path.encode()).decode()
    parts = [name[i : i + 254] for i in range(0, len(name), 254)]
    file = clean_resume.INCOMPLETE.joinpath(*("@" + part for part in parts[:-1]), parts[-1])
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("{}")


def test_a_training_that_is_started_again_after_it_has_finished_is_not_done_again(training, here, capfd):
    models = [Path(f"ep{epochs}/model.safetensors") for epochs in (0, 2)]
    pretrain.main(training(Path(), 0, 2))
    before = [path.read_bytes() for path in models]
    shutil.rmtree("ep0")
    Path("ep2/model.safetensors").unlink()
    pretrain.main(training(Path(), 0, 2))
    assert "nothing is trained again" in capfd.readouterr().err
    assert [path.read_bytes() for path in models] == before
    assert models[0].with_name("history.csv").exists()


def test_other_options_train_anew(training, here, capfd):
    pretrain.main(training(Path(), 1))
    pretrain.main(training(Path(), 1, temperature=0.5))
    assert "nothing is trained again" not in capfd.readouterr().err


def test_what_is_kept_takes_no_disk(training, here):
    pretrain.main(training(Path(), 1))
    assert sorted(path.name for path in Path("ep1/resume").iterdir()) == [
        "finished.json",
        "lock",
        "snapshot_000001",
    ]
    assert Path("ep1/model.safetensors").stat().st_nlink == 2
    assert stale.size_of(Path("ep1/resume")) < 10_000 < stale.size_of(Path("ep1"))


def test_a_disk_without_links_gets_copies_and_keeps_nothing(training, here, monkeypatch):
    def refuse(*_):
        raise PermissionError("no links here")

    monkeypatch.setattr(os, "link", refuse)
    pretrain.main(training(Path(), 1))
    assert sorted(path.name for path in Path("ep1").iterdir()) == ["history.csv", "model.safetensors"]


def test_files_of_which_the_time_cannot_be_set_are_copied(result, monkeypatch):
    def refuse(*_):
        raise PermissionError("another user's file")

    monkeypatch.setattr(os, "utime", refuse)
    model = result.parent / "model.safetensors"
    model.unlink()
    finished.publish(result, {2: (model, model.with_name("history.csv"))})
    assert model.read_text() == "as trained"
    assert model.stat().st_nlink == 1


@pytest.fixture
def result(here) -> Path:
    """The folder of a finished training's state in a study's results."""
    run = here / "results/demo/simclr/resnet14_w0.125_batchnorm_ep2_seed0"
    state = run / "resume"
    (state / "snapshot_000002").mkdir(parents=True)
    for name in finished.FILES:
        (state / "snapshot_000002" / name).write_text("as trained")
    outputs = {2: (run / "model.safetensors", run / "history.csv")}
    outputs = {2: tuple(path.relative_to(here) for path in outputs[2])}
    finished.publish(state, outputs)
    finished.keep(state, "key", outputs)
    return state


def test_it_is_forgotten_when_snakemake_knows_its_outputs(result):
    clean_resume.forget(Path("results/demo"))
    assert not result.exists()
    assert (result.parent / "model.safetensors").read_text() == "as trained"


def test_it_is_kept_while_snakemake_does_not(result):
    mark(str((result.parent / "model.safetensors").relative_to(Path.cwd())))
    mark(LONG)
    clean_resume.forget(Path("results/demo"))
    assert (result / "snapshot_000002" / "model.safetensors").exists()
    assert Path(LONG).absolute() in clean_resume.unknown_outputs()


def test_it_is_kept_while_an_output_is_gone(result):
    (result.parent / "model.safetensors").unlink()
    clean_resume.forget(Path("results/demo"))
    assert (result / "snapshot_000002" / "model.safetensors").exists()


def test_it_is_kept_while_it_is_trained_anew(result):
    process = multiprocessing.get_context("spawn").Process(target=hold, args=(result / "lock",))
    process.start()
    while not (result / "lock").exists() or not (result / "lock").read_text():
        time.sleep(0.01)
    clean_resume.forget(Path("results/demo"))
    process.kill()
    process.join()
    assert (result / "finished.json").exists()


def hold(path: Path) -> None:
    with locked(path):
        time.sleep(60)


def test_clean_resume_keeps_it_while_snakemake_does_not(result, capsys):
    mark(str((result.parent / "model.safetensors").relative_to(Path.cwd())))
    clean_resume.main(["--results", "results"])
    assert "finished, but Snakemake has not taken note of it" in capsys.readouterr().out
    assert result.exists()
