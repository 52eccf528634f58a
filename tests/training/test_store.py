"""Trainings in a folder that studies share: found by what they depend on, copied, never done twice."""

import json
import multiprocessing
import shutil
import sys
from pathlib import Path

import pytest
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from feature_diversity.base.errors import InputError
from feature_diversity.training import loop as pretrain

CODE = ("--code", "0123456789abcdef")


@pytest.fixture
def train_shared(training, tmp_path, capfd):
    """Train with a shared folder; returns the models and whether they were trained, not taken."""

    def run(name: str, *epochs: int, options=CODE, **changes) -> tuple[list[Path], bool]:
        arguments = training(tmp_path / name, *epochs, **changes)
        capfd.readouterr()
        pretrain.main([*arguments, "--shared", str(tmp_path / "shared"), *options])
        models = [tmp_path / name / f"ep{number}" / "model.safetensors" for number in epochs]
        return models, "epoch 1" in capfd.readouterr().err

    return run


def test_another_study_gets_the_same_bytes_without_training(train_shared):
    first, trained = train_shared("first", 0, 2)
    assert trained
    second, trained = train_shared("second", 0, 2)
    assert not trained
    for mine, theirs in zip(first, second, strict=True):
        assert mine.read_bytes() == theirs.read_bytes()
        assert mine.with_name("history.csv").read_text() == theirs.with_name("history.csv").read_text()


def test_sharing_changes_no_bit(train_shared, training, tmp_path):
    [shared], _ = train_shared("shared_study", 1)
    pretrain.main([*training(tmp_path / "alone", 1), *CODE])
    assert (tmp_path / "alone" / "ep1" / "model.safetensors").read_bytes() == shared.read_bytes()


@pytest.mark.parametrize("file", ["model.safetensors", "history.csv", "origin.json"])
@pytest.mark.parametrize("damage", ["spoilt", "cut", "missing"])
def test_what_is_damaged_in_the_folder_is_trained_anew_and_mended(train_shared, tmp_path, file, damage):
    [first], _ = train_shared("first", 1)
    [path] = (tmp_path / "shared").rglob(file)
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1 if file != "origin.json" else 128
    path.unlink() if damage == "missing" else path.write_bytes(content if damage == "spoilt" else content[:9])
    [second], trained = train_shared("second", 1)
    assert trained
    assert second.read_bytes() == first.read_bytes()
    assert not train_shared("third", 1)[1]


def test_a_training_that_cannot_be_shared_is_finished_all_the_same(training, tmp_path, monkeypatch, capfd):
    def full(*arguments):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(pretrain.shared, "machine", full)
    pretrain.main([*training(tmp_path / "study", 1), *CODE, "--shared", str(tmp_path / "shared")])
    assert (tmp_path / "study" / "ep1" / "model.safetensors").exists()
    output = capfd.readouterr()
    assert "the training is not shared" in output.out + output.err


def test_snapshots_on_the_way_are_found_one_by_one(train_shared):
    train_shared("first", 0, 1, 2)
    assert not train_shared("second", 1, 2)[1]
    assert train_shared("third", 1)[1]  # its learning rates fall to zero within one epoch


@pytest.mark.parametrize(
    "changes",
    [{"seed": 2}, {"learning_rate": 0.05}, {"algorithm": "supervised"}, {"options": ("--code", "other")},
     {"options": (*CODE, "--precision", "bfloat16")}],
)  # fmt: skip
def test_what_makes_another_network_is_trained(train_shared, changes):
    train_shared("first", 1)
    assert train_shared("second", 1, **changes)[1]


def test_other_images_in_a_data_set_of_the_same_name_are_trained_on(train_shared, digits, tmp_path):
    train_shared("first", 1)
    content = load_file(digits)
    with safe_open(digits, "pt") as file:
        facts = json.loads(file.metadata()["facts"])
    assert len(facts["digest"]) == 32
    other = tmp_path / "data.safetensors"
    save_file(content, other, {"facts": json.dumps(facts | {"digest": "0" * 32})})
    assert train_shared("second", 1, options=(*CODE, "--data", str(other)))[1]
    del facts["digest"]
    save_file(content, other, {"facts": json.dumps(facts)})
    with pytest.raises(InputError, match="no digest of its images"):
        train_shared("third", 1, options=(*CODE, "--data", str(other)))


def test_networks_of_other_packages_are_not_taken(train_shared, monkeypatch):
    train_shared("first", 1)
    monkeypatch.setattr(pretrain, "versions", lambda *names: dict.fromkeys(names, "9.9"))
    assert train_shared("second", 1)[1]


def test_a_study_stays_whole_when_the_folder_is_emptied_or_its_own_files_change(train_shared, tmp_path):
    [first], _ = train_shared("first", 1)
    content = first.read_bytes()
    first.write_bytes(b"spoilt")
    [second], _ = train_shared("second", 1)
    shutil.rmtree(tmp_path / "shared")
    assert second.read_bytes() == content


def test_a_training_that_was_taken_says_where_from_and_who_trained_it(training, tmp_path, capfd):
    for name in ("first", "second"):
        pretrain.main([*training(tmp_path / name, 1), "--shared", str(tmp_path / "shared"), *CODE])
    [line] = [line for line in capfd.readouterr().err.splitlines() if line.startswith("taken ")]
    origin = json.loads(line.removeprefix("taken "))
    assert Path(origin["from"]).parent == tmp_path / "shared"
    assert origin["machine"]["name"]
    assert origin["finished"].endswith("+00:00")


def test_half_a_training_in_the_folder_is_not_taken(train_shared, tmp_path):
    train_shared("first", 0, 1)
    next((tmp_path / "shared").glob("*/snapshot_000001/model.safetensors")).unlink()
    assert train_shared("second", 0, 1)[1]
    assert not train_shared("third", 0, 1)[1]


def test_of_two_studies_at_once_one_trains_and_the_other_waits_for_it(training, tmp_path):
    processes = []
    context = multiprocessing.get_context("forkserver")
    for name in ("first", "second"):
        arguments = [*training(tmp_path / name, 3), "--shared", str(tmp_path / "shared"), *CODE]
        processes.append(context.Process(target=train_with_log, args=(arguments, tmp_path / f"{name}.log")))
        processes[-1].start()
    for process in processes:
        process.join()
    logs = [(tmp_path / f"{name}.log").read_text() for name in ("first", "second")]
    assert sorted("epoch 1/3" in log for log in logs) == [False, True]
    models = [tmp_path / name / "ep3" / "model.safetensors" for name in ("first", "second")]
    assert models[0].read_bytes() == models[1].read_bytes()


def train_with_log(arguments, log):
    """The stage in a process of its own, its standard error in a file."""
    with open(log, "w") as sys.stderr:
        pretrain.main(arguments)


def test_sharing_without_a_digest_of_the_code_is_refused(training, tmp_path, capfd):
    with pytest.raises(SystemExit):
        pretrain.main([*training(tmp_path, 1), "--shared", str(tmp_path / "shared")])
    assert "--shared needs --code" in capfd.readouterr().err
