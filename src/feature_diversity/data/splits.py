"""Dividing a data set: fixed by a seed, in equal shares of every class, disjoint."""

import numpy as np

from feature_diversity.base.errors import InputError
from feature_diversity.data.sizes import split_sizes


def stratified_draw(labels: np.ndarray, count: int, generator: np.random.Generator) -> np.ndarray:
    """Draw rows at random without replacement, each class in its share of all rows.

    Shares are rounded so that they add up to `count` (largest remainders first).

    Args:
        labels: integer, N.
        count: rows to draw.
        generator: of the draws.

    Returns:
        Row numbers, int64, ascending.

    Raises:
        InputError: there are fewer rows.
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
    held_out_2: int = 0,
    candidates: np.ndarray | None = None,
) -> dict[str, np.ndarray]:
    """Divide the rows of one data set.

    Args:
        labels: integer, N.
        is_test: bool, N, the published test images.
        test: rows drawn for testing where `is_test` is nowhere True, else 0.
        validation: rows drawn from the rest.
        held_out: rows drawn from the test rows, whose features the energy is computed from.
        train: rows drawn from what remains; 0 for all of it.
        seed: of the draws.
        held_out_2: more rows drawn from the test rows.
        candidates: rows that may be used; None for all.

    Returns:
        Row numbers of "train", "validation" and "test" (disjoint), and of "held_out" and "held_out_2"
        (disjoint parts of "test").

    Raises:
        InputError: as `split_sizes`.
    """
    generator = np.random.default_rng(seed)
    rows = np.arange(len(labels)) if candidates is None else candidates
    published_test = rows[is_test[rows]]
    sizes = split_sizes(
        len(rows) - len(published_test),
        len(published_test),
        test=test,
        validation=validation,
        held_out=held_out,
        held_out_2=held_out_2,
        train=train,
    )

    def draw(candidates: np.ndarray, split: str) -> np.ndarray:
        if sizes[split] == len(candidates):
            return candidates
        return candidates[stratified_draw(labels[candidates], sizes[split], generator)]

    test_rows = draw(rows if test else published_test, "test")
    rest = np.setdiff1d(rows, test_rows)
    validation_rows = draw(rest, "validation")
    train_rows = draw(np.setdiff1d(rest, validation_rows), "train")
    held_out_rows = draw(test_rows, "held_out")
    second = draw(np.setdiff1d(test_rows, held_out_rows), "held_out_2")
    return {
        "train": train_rows,
        "validation": validation_rows,
        "test": test_rows,
        "held_out": held_out_rows,
        "held_out_2": second,
    }


def copies(rows: dict[str, np.ndarray], content: np.ndarray) -> dict[str, np.ndarray]:
    """Find rows whose content is also in a split that must not be seen.

    Training images must be neither test nor validation images, validation images no test images.

    Args:
        rows: row numbers of "train", "validation" and "test".
        content: N, equal where images are equal.

    Returns:
        For "train" and "validation", M x 2 rows: its own, the other's.
    """
    test, validation = rows["test"], rows["validation"]
    return {
        "train": _shared(rows["train"], np.concatenate([test, validation]), content),
        "validation": _shared(validation, test, content),
    }


def _shared(rows: np.ndarray, others: np.ndarray, content: np.ndarray) -> np.ndarray:
    first = {content[row]: row for row in others[::-1]}
    pairs = [(row, first[content[row]]) for row in rows if content[row] in first]
    return np.array(pairs, np.int64).reshape(-1, 2)
