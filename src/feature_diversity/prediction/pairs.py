"""Pairs of runs that differ in one axis alone: the one idea of all statistics by axis.

In such a pair everything else is equal, so the order of the two errors is the axis' doing. Along `seed` two
runs differ in nothing that anyone chose: only there does an agreement of measure and error say that the
measure knows more than what network this is.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from feature_diversity.base.run import NETWORK, RUN
from feature_diversity.statistics.groups import codes

MOST = 200_000  # pairs along one axis; of more a random sample is taken


@dataclass(frozen=True)
class Pairs:
    """Pairs along one axis, sorted by block and by the two trainings.

    first, second: (pairs,) places of runs. block: (pairs,) numbers from 0 of the sets of trainings that
    share all but this axis; pairs of different blocks share no training. starts: first pair of each pair of
    trainings. trainings: (pairs of trainings, 2). all: how many pairs there are before sampling.
    """

    axis: str
    first: np.ndarray
    second: np.ndarray
    block: np.ndarray
    starts: np.ndarray
    trainings: np.ndarray
    all: int

    def where(self, chosen: np.ndarray) -> "Pairs":
        """The chosen ones, by a mask or by places in rising order."""
        one, other = (np.repeat(column, self._lengths)[chosen] for column in self.trainings.T)
        return _sorted(
            self.axis, self.first[chosen], self.second[chosen], self.block[chosen], one, other, self.all
        )

    @property
    def _lengths(self) -> np.ndarray:
        return np.diff(self.starts, append=len(self.first))

    @property
    def block_starts(self) -> np.ndarray:
        """First pair of each block."""
        return np.flatnonzero(np.diff(self.block, prepend=-1))

    @property
    def independent(self) -> int:
        """Number of pairs of which no two share a training, at most; along epochs, of trainings."""
        if len(self.first) == 0:
            return 0
        if self.axis != "seed":
            return len(self.block_starts)
        of_block = [np.unique(part) for part in np.split(self.trainings, self._block_of_trainings())]
        return sum(len(trainings) // 2 for trainings in of_block)

    def _block_of_trainings(self) -> np.ndarray:
        return np.flatnonzero(np.diff(self.block[self.starts])) + 1


def pairs_along(axis: str, axes: pd.DataFrame, training: np.ndarray) -> Pairs:
    """All pairs of runs that differ in `axis` and in no other; a sample of MOST where there are more.

    Args:
        axis: one of RUN.
        axes: (runs, RUN), a number for each value.
        training: (runs,) numbers from 0.

    Returns:
        The pairs, perhaps none.
    """
    group = codes(axes, [other for other in RUN if other != axis])
    block = codes(axes, [other for other in NETWORK if other != axis])
    first, second = _within(group)
    count = len(first)
    if count > MOST:
        chosen = np.sort(np.random.default_rng(2).choice(count, MOST, replace=False))
        first, second = first[chosen], second[chosen]
    swapped = training[first] > training[second]
    first, second = np.where(swapped, second, first), np.where(swapped, first, second)
    order = np.lexsort([training[second], training[first], block[first]])
    first, second = first[order], second[order]
    return _sorted(axis, first, second, block[first], training[first], training[second], count)


def _sorted(
    axis: str,
    first: np.ndarray,
    second: np.ndarray,
    block: np.ndarray,
    one: np.ndarray,
    other: np.ndarray,
    count: int,
) -> Pairs:
    """Pairs that are sorted already. one, other: their trainings."""
    starts = np.flatnonzero((np.diff(one, prepend=-1) != 0) | (np.diff(other, prepend=-1) != 0))
    block = np.unique(block, return_inverse=True)[1]
    return Pairs(axis, first, second, block, starts, np.column_stack([one[starts], other[starts]]), count)


def _within(group: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Places of the two members of every pair within a group."""
    order = np.argsort(group, kind="stable")
    sizes = np.bincount(group)
    starts = np.cumsum(sizes) - sizes
    firsts, seconds = [np.empty(0, dtype=np.int64)], [np.empty(0, dtype=np.int64)]
    for size in np.unique(sizes[sizes > 1]):
        members = order[starts[sizes == size][:, None] + np.arange(size)]
        one, other = np.triu_indices(size, 1)
        firsts.append(members[:, one].ravel())
        seconds.append(members[:, other].ravel())
    return np.concatenate(firsts), np.concatenate(seconds)
