"""Image files that were replaced after their data set was prepared are noticed by whoever reads them."""

import json
import os
import re
import shutil
import tarfile
import time
from pathlib import Path

import pytest
from support.pictures import picture

from feature_diversity.base.errors import InputError
from feature_diversity.data import store
from feature_diversity.data.loader import evaluation_images
from feature_diversity.stages import data as data_stage
from feature_diversity.stages import extract, linear_eval, pretrain
from feature_diversity.vissl.run import write_inputs

REPLACED = "is not the image that it was when the data set was prepared; run the stage `data` anew"


def images_of(path: Path, folder: Path, split: str) -> list[Path]:
    """The files of a split's images."""
    _, (part,) = store.read(path, split, folder=folder)
    return [folder / name for name in part.images.paths]


def replace(file: Path) -> None:
    """Another picture in the place of one."""
    picture(1000).save(file, quality=95)


def pretrain_arguments(training, data: Path, folder: Path) -> list[str]:
    """One epoch on those images."""
    arguments = training(folder / "results", 1, batch_size=4)
    return [*arguments, "--data", str(data), "--folder", str(folder)]


def test_a_training_image(training, prepare_folders, class_folders):
    data = prepare_folders()
    file = images_of(data, class_folders, "train")[3]
    replace(file)
    with pytest.raises(InputError, match=re.escape(f"{file} {REPLACED}")):
        pretrain.main(pretrain_arguments(training, data, class_folders))


def test_a_held_out_image(training, prepare_folders, class_folders):
    data = prepare_folders()
    pretrain.main(pretrain_arguments(training, data, class_folders))
    file = images_of(data, class_folders, "held_out")[0]
    replace(file)
    model = class_folders / "results" / "ep1" / "model.safetensors"
    with pytest.raises(InputError, match=re.escape(f"{file} {REPLACED}")):
        extract.main(
            ["--data", str(data), "--folder", str(class_folders), "--models", str(model), "--layers", "trunk"]
        )


@pytest.mark.parametrize("protocol", ["cached", "vissl"])
@pytest.mark.parametrize("split", ["train", "validation", "test"])
def test_an_image_of_the_linear_evaluation(training, prepare_folders, class_folders, protocol, split):
    data = prepare_folders()
    pretrain.main(pretrain_arguments(training, data, class_folders))
    file = images_of(data, class_folders, split)[-1]
    replace(file)
    model = class_folders / "results" / "ep1" / "model.safetensors"
    options = {"penalties": [0.1], "protocol": protocol} | ({"epochs": 1} if protocol == "vissl" else {})
    with pytest.raises(InputError, match=re.escape(f"{file} {REPLACED}")):
        linear_eval.main(
            [
                *("--data", str(data), "--folder", str(class_folders), "--models", str(model)),
                *("--options", json.dumps(options), "--outputs", str(class_folders / "linear.json")),
            ]
        )


def test_an_image_that_vissl_would_read(prepare_folders, class_folders, tmp_path):
    data = prepare_folders()
    _, (train,) = store.read(data, "train", folder=class_folders)
    file = class_folders / train.images.paths[2]
    replace(file)
    with pytest.raises(InputError, match=re.escape(f"{file} {REPLACED}")):
        write_inputs(tmp_path, train, {})


def test_the_same_bytes_at_another_time_are_the_same_image(prepare_folders, class_folders):
    data = prepare_folders()
    _, (before,) = store.read(data, "held_out", folder=class_folders)
    expected = evaluation_images(before, 32)
    shutil.copytree(class_folders / "pictures", class_folders / "copy")
    shutil.rmtree(class_folders / "pictures")
    (class_folders / "copy").rename(class_folders / "pictures")
    os.utime(class_folders / before.images.paths[0], (1, 1))
    assert evaluation_images(before, 32).equal(expected)


def test_after_preparing_anew_the_new_image_counts(prepare_folders, class_folders):
    file = images_of(prepare_folders(), class_folders, "held_out")[0]
    replace(file)
    _, (part,) = store.read(prepare_folders(), "held_out", folder=class_folders)
    assert len(evaluation_images(part, 32)) == 6


def pack(folder: Path, changed: str | None = None) -> None:
    """Tar shards `shards/{train,test}.tar` of 6 images each. changed: one with another image in it."""
    (folder / "shards").mkdir(exist_ok=True)
    for seed, part in enumerate(("train", "test")):
        with tarfile.open(folder / "shards" / f"{part}.tar", "w", format=tarfile.USTAR_FORMAT) as shard:
            for number in range(6):
                image, label = folder / f"{number}.jpg", folder / f"{number}.cls"
                picture(1000 if part == changed and number == 4 else 10 * seed + number).save(
                    image, quality=95
                )
                label.write_text(str(number % 2))
                for file in (image, label):
                    shard.add(file, file.name)
    (folder / "shards" / "classes.txt").write_text("cat\ndog\n")


def test_an_image_in_a_tar_shard(tmp_path):
    pack(tmp_path)
    dataset = {"name": "tar_shards", "path": "shards", "image_size": 32, "validation": 2, "test": 0}
    dataset |= {"train": 0, "held_out": 6, "seed": 0}
    output = tmp_path / "data.safetensors"
    data_stage.main(["--folder", str(tmp_path), "--dataset", json.dumps(dataset), "--output", str(output)])
    _, (held_out,) = store.read(output, "held_out", folder=tmp_path)
    whole = evaluation_images(held_out, 32)
    time.sleep(0.01)
    pack(tmp_path)  # the same bytes
    assert evaluation_images(held_out, 32).equal(whole)
    pack(tmp_path, changed="test")
    with pytest.raises(InputError, match=rf"test\.tar, byte \d+ {REPLACED}"):
        evaluation_images(held_out, 32)
