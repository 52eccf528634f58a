"""Dividing a data set: fixed by a seed, in equal shares of every class, disjoint."""

import numpy as np

from feature_diversity.files import InputError


def stratified_draw(labels: np.ndarray, count: int, generator: np.random.Generator) -> np.ndarray:
    """Draw `count` rows at random without replacement, each class in its share of all rows.

    labels: integer, N. Shares are rounded so that they add up to `count` (largest remainders
    first). Returns the sorted row numbers, int64. Raises InputError if there are fewer rows.
    """
    if count > len(labels):
        raise InputError(f"{count} images asked for, but there are only {len(labels)}")
    classes, sizes = np.unique(labels, return_counts=True)
    exact = count * sizes / len(labels)
    shares = np.floor(exact).astype(int)
    shares[np.argsort(shares - exact, kind="stable")[: count - shares.sum()]] += 1
    rows = [
        generator.permutation(np.flatnonzero(labels == label))[:share]
        for label, share in zip(classes, shares, strict=True)
    ]
    return np.sort(np.concatenate(rows))


def divide(
    labels: np.ndarray,
    is_test: np.ndarray,
    *,
    test: int,
    validation: int,
    held_out: int,
    train: int,
    seed: int,
) -> dict[str, np.ndarray]:
    """Row numbers of the splits of one data set.

    labels: integer, N. is_test: bool, N; if nowhere True, `test` rows are drawn from all.
    validation rows are drawn from the rest, `train` rows from what then remains (0 = all of it),
    and held_out rows, whose features the energy is computed from, out of the test rows.
    Returns "train", "validation" and "test" (disjoint) and "held_out" (a part of test).
    """
    generator = np.random.default_rng(seed)
    rows = np.arange(len(labels))

    def draw(candidates: np.ndarray, count: int, purpose: str) -> np.ndarray:
        try:
            return candidates[stratified_draw(labels[candidates], count, generator)]
        except InputError as error:
            raise InputError(f"dataset.{purpose}: {error}") from None

    if is_test.any() and test:
        raise InputError(
            f"dataset.test: {test} asked for, but this data set comes with its own test set; leave it out"
        )
    if not (is_test.any() or test):
        raise InputError("dataset.test: this data set comes without a test set; say how many images to draw")
    test_rows = rows[is_test] if is_test.any() else draw(rows, test, "test")
    rest = np.setdiff1d(rows, test_rows)
    validation_rows = draw(rest, validation, "validation")
    train_rows = np.setdiff1d(rest, validation_rows)
    if train:
        train_rows = draw(train_rows, train, "train")
    held_out_rows = draw(test_rows, held_out, "held_out")
    if not len(train_rows):
        raise InputError(
            "dataset: no training images are left after the test and validation images were drawn"
        )
    return {"train": train_rows, "validation": validation_rows, "test": test_rows, "held_out": held_out_rows}
