import csv
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors import safe_open
from sklearn.datasets import load_digits

from feature_diversity.base.errors import InputError
from feature_diversity.data import store
from feature_diversity.stages import data as stage

OPTIONS = {
    "name": "digits",
    "image_size": 16,
    "train": 50,
    "validation": 20,
    "test": 30,
    "held_out": 10,
    "seed": 3,
}


@pytest.fixture
def prepared(tmp_path):
    """Prepare the digits with some options changed."""

    def make(**changes):
        path = tmp_path / f"{len(list(tmp_path.iterdir()))}.safetensors"
        stage.main(["--folder", ".", "--dataset", json.dumps(OPTIONS | changes), "--output", str(path)])
        return path

    return make


def rows_of(path, split):
    """Row numbers of a split, in the data set as it was published."""
    with safe_open(path, framework="np") as file:
        return file.get_tensor(f"{split}.rows")


def test_the_prepared_images_are_the_published_ones(prepared):
    path = prepared(image_size=8, held_out_2=5)  # as published
    bunch = load_digits()
    for split, (_, [part]) in {name: store.read(path, name) for name in store.SPLITS}.items():
        rows = rows_of(path, split)
        assert np.abs(part.images[:, 0].numpy() * (16 / 255) - bunch.images[rows]).max() < 0.04
        assert np.array_equal(part.labels, bunch.target[rows])


def test_the_splits_have_the_sizes_asked_for(prepared):
    path = prepared()
    assert {split: len(rows_of(path, split)) for split in store.SPLITS} == {
        "train": 50,
        "validation": 20,
        "test": 30,
        "held_out": 10,
        "held_out_2": 0,
    }


def test_the_facts_are_those_of_the_training_pixels(prepared):
    facts, (train,) = store.read(prepared(), "train")
    pixels = train.images.numpy() / 255
    assert facts.mean == pytest.approx([pixels.mean()])
    assert facts.std == pytest.approx([pixels.std(ddof=1)])
    assert (facts.name, facts.image_size) == ("digits", 16)
    assert facts.class_names == list("0123456789")


def test_preparing_twice_gives_the_same_bytes(prepared):
    assert prepared().read_bytes() == prepared().read_bytes()


def test_another_seed_gives_other_splits(prepared):
    assert rows_of(prepared(), "test").tolist() != rows_of(prepared(seed=4), "test").tolist()


def test_enlarging_keeps_an_even_image_even():
    images = torch.full((2, 1, 8, 8), 77, dtype=torch.uint8)
    assert torch.equal(store.resize(images, 20), torch.full((2, 1, 20, 20), 77, dtype=torch.uint8))


def test_an_image_of_the_right_size_stays_as_it_is():
    images = torch.randint(0, 256, (3, 3, 9, 9), dtype=torch.uint8)
    assert torch.equal(store.resize(images, 9), images)


def test_a_data_set_that_cannot_be_divided_leaves_no_file(prepared, tmp_path):
    with pytest.raises(InputError, match=r"dataset\.validation is 5000, expected at most 1767"):
        prepared(validation=5000)
    assert list(tmp_path.iterdir()) == []


# --- images in files ---


def damage(path):
    """Cut an image file off."""
    path.write_bytes(path.read_bytes()[:200])


def test_the_prepared_file_of_folders_holds_where_the_images_lie(prepare_folders, class_folders):
    facts, (train, test) = store.read(prepare_folders(), "train", "test", folder=class_folders)
    assert (len(train.images), len(test.images)) == (12, 8)
    assert (facts.image_size, facts.stored_size) == (32, 37)
    for path, label in zip(train.images.paths, train.labels.tolist(), strict=True):
        assert Path(path).parts[:2] == ("pictures", "train")
        assert Path(path).parent.name == facts.class_names[label]


def test_images_in_files_are_normalised_with_vissls_numbers(prepare_folders, class_folders):
    facts, _ = store.read(prepare_folders(), "train", folder=class_folders)
    assert (facts.mean, facts.std) == ([0.485, 0.456, 0.406], [0.229, 0.224, 0.225])


def test_a_corrupt_training_image_is_named_counted_and_left_out(prepare_folders, class_folders, capsys):
    path = class_folders / "pictures/train/cat/3.jpg"
    damage(path)
    _, splits = store.read(prepare_folders(), "train", "validation", folder=class_folders)
    assert str(path.relative_to(class_folders)) not in [p for split in splits for p in split.images.paths]
    assert sum(len(split.labels) for split in splits) == 15
    message = capsys.readouterr().err
    assert f"left out: {path} is not an image" in message
    assert "1 corrupt images left out" in message


def test_a_corrupt_test_image_ends_it(prepare_folders, class_folders):
    path = class_folders / "pictures/test/dog/1.jpg"
    damage(path)
    with pytest.raises(InputError, match=f"a test image is corrupt: {path}"):
        prepare_folders()
    assert not (class_folders / "data.safetensors").exists()


def test_a_training_image_that_is_also_a_test_image_is_refused(prepare_folders, class_folders):
    shutil.copy(class_folders / "pictures/test/cat/0.jpg", class_folders / "pictures/train/dog/copy.jpg")
    with pytest.raises(
        InputError, match=r"1 (train|validation) images are also test or .*copy\.jpg and .*test/cat/0\.jpg"
    ):
        prepare_folders()


def test_training_images_that_are_also_test_images_can_be_dropped(prepare_folders, class_folders):
    shutil.copy(class_folders / "pictures/test/cat/0.jpg", class_folders / "pictures/train/dog/copy.jpg")
    _, splits = store.read(
        prepare_folders(duplicates="drop"), "train", "validation", "test", folder=class_folders
    )
    assert [len(split.labels) for split in splits][2] == 8
    assert not any("copy.jpg" in path for split in splits for path in split.images.paths)


def test_the_cache_holds_the_training_images_made_smaller(prepare_folders, class_folders):
    windows = np.empty((2, 12, 37, 37, 3), np.uint8)
    for cache in (False, True):
        _, (train,) = store.read(prepare_folders(cache=cache), "train", folder=class_folders)
        for row in range(12):
            train.images.window(row, 0.3, windows[int(cache), row])
    assert min(train.images.pixels(0).shape[:2]) == 37
    plain, cached = windows.astype(int)
    # of 255: two JPEG files, and two grids along the longer side
    assert (np.abs(cached - plain).mean(axis=(1, 2, 3)) < 3).all()


def test_a_cache_of_images_in_memory_is_refused(prepared):
    with pytest.raises(InputError, match=r"dataset\.cache is true, expected false"):
        prepared(cache=True)


def test_all_test_images_can_be_held_out(prepared):
    path = prepared(held_out=30)
    assert np.array_equal(rows_of(path, "held_out"), rows_of(path, "test"))


def test_the_held_out_images_are_listed(tmp_path):
    output, listed = tmp_path / "data.safetensors", tmp_path / "held_out.csv"
    dataset = json.dumps(OPTIONS | {"held_out_2": 5})
    stage.main(["--folder", ".", "--dataset", dataset, "--output", str(output), "--held-out", str(listed)])
    rows = list(csv.DictReader(listed.open()))
    assert [int(row["row"]) for row in rows if row["draw"] == "1"] == rows_of(output, "held_out").tolist()
    assert [int(row["row"]) for row in rows if row["draw"] == "2"] == rows_of(output, "held_out_2").tolist()
    target = load_digits().target
    assert all(target[int(row["row"])] == int(row["label"]) for row in rows)
