import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from feature_diversity.base.errors import InputError
from feature_diversity.data.splits import copies, divide, stratified_draw

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
    rows = divide(LABELS, NO_TEST_SET, **SIZES | {"held_out_2": 20})
    counts = {split: np.bincount(LABELS[rows[split]]).tolist() for split in rows}
    assert counts == {
        "train": [120, 60, 20],
        "validation": [30, 15, 5],
        "test": [60, 30, 10],
        "held_out": [24, 12, 4],
        "held_out_2": [12, 6, 2],
    }


def test_no_number_of_training_images_means_all_that_remain():
    assert len(divide(LABELS, NO_TEST_SET, **SIZES | {"train": 0})["train"]) == 850


def test_a_seed_fixes_the_splits():
    first, second = (divide(LABELS, NO_TEST_SET, **SIZES) for _ in range(2))
    assert all(np.array_equal(first[split], second[split]) for split in first)


def test_another_seed_divides_otherwise():
    first, second = (divide(LABELS, NO_TEST_SET, **SIZES | {"seed": seed}) for seed in (0, 1))
    assert not any(np.array_equal(first[split], second[split]) for split in first if len(first[split]))


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
        ({"test": 1001}, r"dataset\.test is 1001, expected at most 1000"),
        ({"test": 0}, r"dataset\.test is 0, expected a number: this data set comes without"),
        ({"validation": 901}, r"dataset\.validation is 901, expected at most 900"),
        ({"validation": 0}, r"dataset\.validation is 0, expected at least 1"),
        ({"train": 851}, r"dataset\.train is 851, expected at most 850"),
        ({"held_out": 101}, r"dataset\.held_out is 101, expected at most 100"),
        ({"held_out_2": 61}, r"dataset\.held_out_2 is 61, expected at most 60"),
        ({"train": 0, "validation": 900}, r"dataset\.validation is 900, which leaves no images to train on"),
    ],
)
def test_a_split_larger_than_what_there_is_names_the_key(sizes, message):
    with pytest.raises(InputError, match=message):
        divide(LABELS, NO_TEST_SET, **SIZES | sizes)


def test_test_images_cannot_be_asked_for_beside_a_test_set():
    with pytest.raises(InputError, match=r"dataset\.test is 100, expected 0: .* comes with 100 test images"):
        divide(LABELS, LABELS == 2, **SIZES)


def test_the_second_held_out_images_are_other_test_images():
    rows = divide(LABELS, NO_TEST_SET, **SIZES | {"held_out_2": 30})
    assert np.isin(rows["held_out_2"], rows["test"]).all()
    assert not np.isin(rows["held_out_2"], rows["held_out"]).any()
    assert np.bincount(LABELS[rows["held_out_2"]]).tolist() == [18, 9, 3]


def test_a_second_draw_of_held_out_images_changes_no_other_split():
    first, second = (divide(LABELS, NO_TEST_SET, **SIZES | {"held_out_2": count}) for count in (0, 30))
    assert all(np.array_equal(first[split], second[split]) for split in SIZES if split != "seed")


def test_a_data_set_of_test_images_alone_has_no_others():
    rows = divide(LABELS, np.ones(len(LABELS), bool), **SIZES | {"test": 0, "validation": 0, "train": 0})
    assert [len(rows[split]) for split in ("train", "validation", "test", "held_out")] == [0, 0, 1000, 40]


def test_rows_that_are_no_candidates_are_in_no_split():
    candidates = np.arange(0, 1000, 2)
    rows = divide(LABELS, NO_TEST_SET, **SIZES, candidates=candidates)
    assert all(np.isin(rows[split], candidates).all() for split in rows)


def test_copies_of_images_that_must_not_be_seen_are_found():
    rows = {"train": np.array([0, 1, 2]), "validation": np.array([3, 4]), "test": np.array([5, 6])}
    content = np.array([b"a", b"b", b"c", b"b", b"d", b"c", b"d"], object)
    found = copies(rows, content)
    assert found["train"].tolist() == [[1, 3], [2, 5]]
    assert found["validation"].tolist() == [[4, 6]]


def test_copies_within_a_split_are_no_overlap():
    rows = {"train": np.array([0, 1]), "validation": np.array([2, 3]), "test": np.array([4, 5])}
    found = copies(rows, np.array([b"a", b"a", b"b", b"b", b"c", b"c"], object))
    assert not len(found["train"])
    assert not len(found["validation"])
