"""Sharing never stops a training: a store of others that cannot be used is warned of, and ours is used."""

import subprocess

import pytest
from support.disk import small_disk

from feature_diversity.base.errors import InputError
from feature_diversity.stages import pretrain
from feature_diversity.training import job

CODE = ("--code", "0123456789abcdef")
WARNING = "warning: the training is not shared, but kept in"


@pytest.fixture
def disk(tmp_path):
    """A file system of 64 kB in memory: too small for a network."""
    with small_disk(tmp_path / "disk", "64k") as folder:
        yield folder


@pytest.fixture
def alone(training, tmp_path) -> bytes:
    """The model of a study that shares nothing."""
    pretrain.main([*training(tmp_path / "alone", 1), *CODE])
    return (tmp_path / "alone" / "ep1" / "model.safetensors").read_bytes()


@pytest.mark.parametrize("kind", ["full", "read-only", "a file", "a link to nothing"])
def test_a_shared_store_that_cannot_be_used_is_warned_of(alone, training, disk, tmp_path, capfd, kind):
    place = disk / "shared"
    if kind == "read-only":
        subprocess.run(["mount", "-o", "remount,ro", disk], check=True)
    elif kind == "a file":
        place.write_text("not a folder")
    elif kind == "a link to nothing":
        place.symlink_to(tmp_path / "gone" / "away")
        (tmp_path / "gone").touch()
    pretrain.main([*training(tmp_path / "study", 1), "--shared", str(place), *CODE])
    assert capfd.readouterr().err.count(WARNING) == 1
    model = tmp_path / "study" / "ep1" / "model.safetensors"
    assert model.read_bytes() == alone
    assert model.stat().st_nlink == 2  # a link into the study's own store
    pretrain.main([*training(tmp_path / "study", 1), "--shared", str(place), *CODE])
    assert "nothing is trained again" in capfd.readouterr().err


def test_a_shared_store_that_vanishes_while_a_network_trains_is_warned_of(
    alone, training, tmp_path, capfd, monkeypatch
):
    place, take = tmp_path / "shared", job.write_snapshot

    def vanish_first(*arguments):
        if place.is_dir():
            place.rename(tmp_path / "elsewhere")
            place.touch()
        take(*arguments)

    monkeypatch.setattr(job, "write_snapshot", vanish_first)
    pretrain.main([*training(tmp_path / "study", 1), "--shared", str(place), *CODE])
    assert WARNING in capfd.readouterr().err
    model = tmp_path / "study" / "ep1" / "model.safetensors"
    assert model.read_bytes() == alone


def test_what_is_wrong_with_a_training_is_no_matter_of_sharing(training, tmp_path, capfd):
    with pytest.raises(InputError, match="the loss became nan"):
        pretrain.main(
            [
                *training(tmp_path / "study", 1, learning_rate=1e39),
                "--shared",
                str(tmp_path / "shared"),
                *CODE,
            ]
        )
    assert WARNING not in capfd.readouterr().err
