"""The store of trainings: found by what they depend on, linked or copied, never done twice."""

import json
import multiprocessing
import os
import shutil
import sys
from pathlib import Path

import pytest
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from feature_diversity.base.errors import InputError
from feature_diversity.stages import pretrain
from feature_diversity.training import settings, store

CODE = ("--code", "0123456789abcdef")


@pytest.fixture
def train_shared(training, tmp_path, capfd):
    """Train with a shared store; returns the models and whether they were trained, not taken."""

    def run(name: str, *epochs: int, options=CODE, **changes) -> tuple[list[Path], bool]:
        arguments = shared(training(tmp_path / name, *epochs, **changes), tmp_path)
        capfd.readouterr()
        pretrain.main([*arguments, *options])
        models = [tmp_path / name / f"ep{number}" / "model.safetensors" for number in epochs]
        return models, "epoch 1" in capfd.readouterr().err

    return run


def shared(arguments: list[str], folder: Path) -> list[str]:
    """The stage's arguments, with a store that is shared in place of the study's own."""
    return [*arguments, "--shared", str(folder / "shared")]


def times(folder: Path) -> dict[Path, tuple[int, int]]:
    """Inode and time of each file of snapshots in a folder."""
    files = (path.stat() and path for path in folder.rglob("snapshot_*/*"))
    return {path: (path.stat().st_ino, path.stat().st_mtime_ns) for path in files}


# --- shared ---


def test_another_study_gets_the_same_bytes_without_training(train_shared):
    first, trained = train_shared("first", 0, 2)
    assert trained
    second, trained = train_shared("second", 0, 2)
    assert not trained
    for mine, theirs in zip(first, second, strict=True):
        assert mine.read_bytes() == theirs.read_bytes()
        assert mine.with_name("history.csv").read_text() == theirs.with_name("history.csv").read_text()


def test_taking_from_a_shared_store_touches_nothing_there(train_shared, tmp_path):
    [first], _ = train_shared("first", 1)
    before = times(tmp_path / "shared")
    assert len(before) == 2
    [second], _ = train_shared("second", 1)
    for model in (first, second):
        os.utime(model)  # as Snakemake does after every job
        assert model.stat().st_nlink == 1
    assert times(tmp_path / "shared") == before


def test_sharing_changes_no_bit(train_shared, training, tmp_path):
    [shared], _ = train_shared("shared_study", 1)
    pretrain.main([*training(tmp_path / "alone", 1), *CODE])
    assert (tmp_path / "alone" / "ep1" / "model.safetensors").read_bytes() == shared.read_bytes()


@pytest.mark.parametrize("file", ["model.safetensors", "history.csv", "finished.json"])
@pytest.mark.parametrize("damage", ["spoilt", "cut", "missing"])
def test_what_is_damaged_in_the_store_is_trained_anew_and_mended(train_shared, tmp_path, file, damage):
    [first], _ = train_shared("first", 1)
    [path] = (tmp_path / "shared").rglob(file)
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1 if file != "finished.json" else 128
    path.unlink() if damage == "missing" else path.write_bytes(content if damage == "spoilt" else content[:9])
    [second], trained = train_shared("second", 1)
    assert trained
    assert second.read_bytes() == first.read_bytes()
    assert not train_shared("third", 1)[1]


def test_a_training_that_cannot_be_shared_is_finished_all_the_same(training, tmp_path, monkeypatch, capfd):
    def full(*arguments):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(store, "machine", full)
    pretrain.main([*shared(training(tmp_path / "study", 1), tmp_path), *CODE])
    assert (tmp_path / "study" / "ep1" / "model.safetensors").exists()
    output = capfd.readouterr()
    assert "the training is not shared" in output.out + output.err


def test_snapshots_on_the_way_are_found_one_by_one(train_shared):
    train_shared("first", 0, 1, 2)
    assert not train_shared("second", 1, 2)[1]
    assert train_shared("third", 1)[1]  # its learning rates fall to zero within one epoch


def test_of_a_training_that_lacks_a_snapshot_only_that_is_added(train_shared, tmp_path):
    train_shared("first", 2)
    before = times(tmp_path / "shared")
    _, trained = train_shared("second", 0, 1, 2)
    assert trained
    after = times(tmp_path / "shared")
    assert len(after) == 6
    assert before.items() <= after.items()
    assert not train_shared("third", 0, 1, 2)[1]


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
    monkeypatch.setattr(settings, "versions", lambda *names: dict.fromkeys(names, "9.9"))
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
        pretrain.main([*shared(training(tmp_path / name, 1), tmp_path), *CODE])
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
        arguments = [*shared(training(tmp_path / name, 3), tmp_path), *CODE]
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
        pretrain.main(shared(training(tmp_path, 1), tmp_path))
    assert "--shared needs --code" in capfd.readouterr().err


# --- a study's own ---


@pytest.fixture
def here(tmp_path, monkeypatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


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


def test_a_value_that_is_changed_and_changed_back_finds_its_training(training, here, capfd):
    pretrain.main(training(Path(), 1))
    before = Path("ep1/model.safetensors").read_bytes()
    pretrain.main(training(Path(), 1, temperature=0.5))
    assert Path("ep1/model.safetensors").read_bytes() != before
    capfd.readouterr()
    pretrain.main(training(Path(), 1))
    assert "nothing is trained again" in capfd.readouterr().err
    assert Path("ep1/model.safetensors").read_bytes() == before


def test_what_is_in_a_studys_own_store_takes_no_disk(training, here):
    pretrain.main(training(Path(), 1))
    [folder] = Path("trainings").iterdir()
    assert sorted(path.name for path in folder.iterdir()) == [
        "finished.json",
        "lock",
        "settings.json",
        "snapshot_000001",
    ]
    for name in ("model.safetensors", "history.csv"):
        assert Path("ep1", name).samefile(folder / "snapshot_000001" / name)


def test_outputs_are_newer_than_what_they_were_made_from(training, here):
    pretrain.main(training(Path(), 1))
    Path("ep1/model.safetensors").unlink()
    Path("data").touch()
    pretrain.main(training(Path(), 1))
    assert Path("ep1/model.safetensors").stat().st_mtime_ns >= Path("data").stat().st_mtime_ns


@pytest.mark.parametrize("refused", ["link", "utime"])  # a disk without links; another user's file
def test_where_links_are_refused_there_are_copies(training, here, monkeypatch, refused):
    def refuse(*_):
        raise PermissionError("not here")

    monkeypatch.setattr(os, refused, refuse)
    pretrain.main(training(Path(), 1))
    [trained] = Path("trainings").glob("*/snapshot_000001/model.safetensors")
    assert sorted(path.name for path in Path("ep1").iterdir()) == ["history.csv", "model.safetensors"]
    assert Path("ep1/model.safetensors").read_bytes() == trained.read_bytes()
    assert Path("ep1/model.safetensors").stat().st_nlink == 1


def test_a_file_is_copied_where_the_system_cannot_share_its_bytes(tmp_path, monkeypatch):
    (tmp_path / "a").write_bytes(bytes(range(256)) * 100)
    store.copy(tmp_path / "a", tmp_path / "b")

    def refuse(*_):
        raise OSError(18, "Invalid cross-device link")

    monkeypatch.setattr(os, "copy_file_range", refuse)
    store.copy(tmp_path / "a", tmp_path / "c")
    assert (tmp_path / "b").read_bytes() == (tmp_path / "c").read_bytes() == (tmp_path / "a").read_bytes()


def test_a_damaged_snapshot_is_reported_and_trained_anew(training, here, capfd):
    pretrain.main(training(Path(), 0, 1))
    before = Path("ep1/model.safetensors").read_bytes()
    [trained] = Path("trainings").glob("*/snapshot_000001/model.safetensors")
    os.truncate(trained, len(before) // 2)
    capfd.readouterr()
    pretrain.main(training(Path(), 0, 1))
    output = capfd.readouterr().err
    assert f"warning: {trained} is damaged (it is not what was trained); training anew" in output
    assert "epoch 1/1" in output
    assert Path("ep1/model.safetensors").read_bytes() == trained.read_bytes() == before
