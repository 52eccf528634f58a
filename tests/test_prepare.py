import json

import numpy as np
import pytest
import torch
from safetensors import safe_open
from sklearn.datasets import load_digits

from feature_diversity import prepare
from feature_diversity.data import store
from feature_diversity.files import InputError

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
        prepare.main(["--folder", ".", "--dataset", json.dumps(OPTIONS | changes), "--output", str(path)])
        return path

    return make


def rows_of(path, split):
    """Row numbers of a split, in the data set as it was published."""
    with safe_open(path, framework="np") as file:
        return file.get_tensor(f"{split}.rows")


def test_the_prepared_images_are_the_published_ones(prepared):
    path = prepared(image_size=8)  # as published
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
    with pytest.raises(InputError, match=r"dataset\.validation: 5000 images asked for, but .* only 1767"):
        prepared(validation=5000)
    assert list(tmp_path.iterdir()) == []
