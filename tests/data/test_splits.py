import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from feature_diversity.data.splits import divide, stratified_draw
from feature_diversity.files import InputError

LABELS = np.repeat([0, 1, 2], [600, 300, 100])
NO_TEST_SET = np.zeros(len(LABELS), bool)
SIZES = {"test": 100, "validation": 50, "held_out": 40, "train": 200, "seed": 0}


@st.composite
def draws(draw):
    """Labels and a number of rows to draw from them."""
    labels = np.array(draw(st.lists(st.integers(0, 4), min_size=1, max_size=200)))
    return labels, draw(st.integers(0, len(labels)))


@given(draws(), st.integers(0, 5))
def test_each_class_is_drawn_in_its_share(case, seed):
    labels, count = case
    rows = stratified_draw(labels, count, np.random.default_rng(seed))
    for label in np.unique(labels):
        exact = count * (labels == label).sum() / len(labels)
        assert abs((labels[rows] == label).sum() - exact) < 1


@given(draws(), st.integers(0, 5))
def test_as_many_rows_are_drawn_as_asked_for_each_once_in_order(case, seed):
    labels, count = case
    rows = stratified_draw(labels, count, np.random.default_rng(seed))
    assert len(rows) == count
    assert (np.diff(rows) > 0).all()


def test_every_row_of_a_class_is_as_likely_as_another():
    counts = np.zeros(20)
    generator = np.random.default_rng(0)
    for _ in range(2000):
        counts[stratified_draw(np.repeat([0, 1], 10), 6, generator)] += 1
    assert np.abs(counts / 2000 - 0.3).max() < 0.05  # five standard errors


def test_more_rows_than_there_are_cannot_be_drawn():
    with pytest.raises(InputError, match="4 images asked for, but there are only 3"):
        stratified_draw(np.array([0, 1, 0]), 4, np.random.default_rng(0))


# --- splits ---


def test_train_validation_and_test_are_disjoint():
    rows = divide(LABELS, NO_TEST_SET, **SIZES)
    together = np.concatenate([rows["train"], rows["validation"], rows["test"]])
    assert len(np.unique(together)) == len(together) == 350


def test_held_out_images_are_test_images():
    rows = divide(LABELS, NO_TEST_SET, **SIZES)
    assert np.isin(rows["held_out"], rows["test"]).all()


def test_every_split_has_the_classes_in_their_shares():
    rows = divide(LABELS, NO_TEST_SET, **SIZES)
    counts = {split: np.bincount(LABELS[rows[split]]).tolist() for split in rows}
    assert counts == {
        "train": [120, 60, 20],
        "validation": [30, 15, 5],
        "test": [60, 30, 10],
        "held_out": [24, 12, 4],
    }


def test_no_number_of_training_images_means_all_that_remain():
    assert len(divide(LABELS, NO_TEST_SET, **SIZES | {"train": 0})["train"]) == 850


def test_a_seed_fixes_the_splits():
    first, second = (divide(LABELS, NO_TEST_SET, **SIZES) for _ in range(2))
    assert all(np.array_equal(first[split], second[split]) for split in first)


def test_another_seed_divides_otherwise():
    first, second = (divide(LABELS, NO_TEST_SET, **SIZES | {"seed": seed}) for seed in (0, 1))
    assert not any(np.array_equal(first[split], second[split]) for split in first)


def test_the_test_images_are_the_same_however_many_train():
    first, second = (divide(LABELS, NO_TEST_SET, **SIZES | {"train": train}) for train in (0, 50))
    assert np.array_equal(first["test"], second["test"])
    assert np.array_equal(first["validation"], second["validation"])


def test_a_test_set_that_comes_along_is_used_whole():
    is_test = np.arange(len(LABELS)) % 5 == 0
    rows = divide(LABELS, is_test, **SIZES | {"test": 0})
    assert np.array_equal(rows["test"], np.flatnonzero(is_test))


@pytest.mark.parametrize(
    ("sizes", "message"),
    [
        ({"test": 1001}, r"dataset\.test: 1001 images asked for, but there are only 1000"),
        ({"validation": 901}, r"dataset\.validation: 901 .* only 900"),
        ({"train": 851}, r"dataset\.train: 851 .* only 850"),
        ({"held_out": 101}, r"dataset\.held_out: 101 .* only 100"),
        ({"train": 0, "validation": 900}, r"dataset: no training images are left"),
    ],
)
def test_a_split_larger_than_what_there_is_names_the_key(sizes, message):
    with pytest.raises(InputError, match=message):
        divide(LABELS, NO_TEST_SET, **SIZES | sizes)


def test_test_images_cannot_be_asked_for_beside_a_test_set():
    with pytest.raises(InputError, match=r"dataset\.test: 100 asked for, but .* its own test set"):
        divide(LABELS, LABELS == 2, **SIZES)
