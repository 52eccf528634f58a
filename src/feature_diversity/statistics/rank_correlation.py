"""Rank correlation within cells, with trainings as units: what differs between cells makes none.

Values minus the mean of their cell (a network after a number of epochs) are what differs between seeds;
Spearman's rho is that of all of these. Ranks are taken over all cells, not in each, since the expected rho of
five ranks is a fifth below that of many. A training keeps its values in all cells together, in the
permutation test and in the standard error, since snapshots of one training move together.
"""

from dataclasses import dataclass
from functools import lru_cache
from itertools import permutations, product
from math import lgamma, log

import numpy as np
from scipy import stats

EXACT = 2**14  # up to so many arrangements all are tried
DRAWS = 9_999  # else so many random ones
ELEMENTS = (
    4_000_000  # of the random arrangements of one test, which bounds memory; fewer draws for many units
)
TOLERANCE = 1e-9  # of the largest possible statistic: rounding must not make equal statistics unequal
LEVEL = 0.95
STEEPEST = 0.999  # a rho beyond it counts as this in Fisher's z, which is infinite at 1


@dataclass(frozen=True)
class Correlation:
    """rho, NaN where nothing varies; p, p_below: that it is above or below 0, by permutation.

    error: standard error of Fisher's z = atanh rho; freedom: of that, trainings minus networks at most.
    """

    rho: float
    p: float
    p_below: float
    error: float
    freedom: float

    def interval(self) -> tuple[float, float]:
        """95 % interval by Student's t on Fisher's z."""
        half = stats.t.ppf((1 + LEVEL) / 2, self.freedom) * self.error
        low, high = np.tanh(_z(self.rho) + half * np.array([-1, 1]))
        return float(min(low, self.rho)), float(max(high, self.rho))

    def within(self, margin: float) -> float:
        """p of the two one-sided tests (Schuirmann 1987) that rho lies within +-margin."""
        return float(max(self._beyond(margin, 1), self._beyond(margin, -1)))

    def outside(self, margin: float) -> float:
        """p that rho lies outside +-margin, corrected for its two sides; no less than that it is not 0."""
        sides = [stats.t.sf((s * _z(self.rho) - _z(margin)) / self.error, self.freedom) for s in (1, -1)]
        return float(min(1.0, 2 * max(min(sides), min(self.p, self.p_below))))

    def _beyond(self, margin: float, side: int) -> float:
        """p of the test that rejects rho at this end of the margin or beyond it."""
        return float(stats.t.sf((_z(margin) - side * _z(self.rho)) / self.error, self.freedom))


def within_cells(x: np.ndarray, y: np.ndarray, network: np.ndarray) -> Correlation:
    """Rank correlation of x and y within cells.

    Args:
        x: (trainings, epochs), finite; NaN where a training has none.
        y: the same shape.
        network: (trainings,), numbers that tell networks apart; a cell is a network and a column.

    Returns:
        The correlation; of NaNs where no cell has two trainings or one variable does not vary.
    """
    known = ~(np.isnan(x) | np.isnan(y))
    a, b = (_ranks(values, known, network) for values in (x, y))
    scale = np.sqrt((a**2).sum() * (b**2).sum())
    if scale == 0:
        return Correlation(np.nan, np.nan, np.nan, np.nan, 0)
    rho = float((a * b).sum() / scale)
    return Correlation(rho, *_permuted(a, b, known, network), *_error(a, b, network, rho))


def _ranks(values: np.ndarray, known: np.ndarray, network: np.ndarray) -> np.ndarray:
    """Centred ranks of the values without their cells' means; 0 where there is no other seed."""
    residuals, several = np.zeros(values.shape), np.zeros(values.shape, dtype=bool)
    for number in np.unique(network):
        rows = np.flatnonzero(network == number)
        here = known[rows]
        means = np.where(here, values[rows], 0).sum(axis=0) / np.maximum(here.sum(axis=0), 1)
        residuals[rows] = values[rows] - means
        several[rows] = here & (here.sum(axis=0) > 1)
    ranks = np.zeros(values.shape)
    if several.any():
        # rounding must not tell equal residuals apart
        left = np.round(residuals[several] / max(np.abs(residuals[several]).max(), 1e-300), 9)
        ranks[several] = stats.rankdata(left) - (several.sum() + 1) / 2
    return ranks


def _permuted(a: np.ndarray, b: np.ndarray, known: np.ndarray, network: np.ndarray) -> tuple[float, float]:
    """p of both directions: whole trainings of b change places among those with the same cells."""
    strata = np.unique(np.column_stack([network, known]), axis=0, return_inverse=True)[1].reshape(-1)
    places = arrangements(tuple(strata.tolist()))
    # of every training's a with every training's b, summed over columns
    products = b @ a.T
    statistic = products[places, np.arange(len(a))].sum(axis=1)
    slack = TOLERANCE * np.sqrt((a**2).sum() * (b**2).sum())
    above = np.mean(statistic >= statistic[0] - slack)
    below = np.mean(-statistic >= -statistic[0] - slack)
    return float(above), float(below)


def _error(a: np.ndarray, b: np.ndarray, network: np.ndarray, rho: float) -> tuple[float, float]:
    """Standard error of Fisher's z by linearisation over trainings (sandwich), and its degrees of freedom.

    Where ranks agree perfectly nothing tells the error; it is then that of as many independent pairs.
    """
    square_a, square_b = (a**2).sum(), (b**2).sum()
    moved = (a * b).sum(axis=1) / np.sqrt(square_a * square_b)
    moved -= rho / 2 * ((a**2).sum(axis=1) / square_a + (b**2).sum(axis=1) / square_b)
    used = (a != 0).any(axis=1) | (b != 0).any(axis=1)
    variances, seeds = [], []
    for number in np.unique(network[used]):
        mine = moved[(network == number) & used]
        if (n := len(mine)) > 1:
            variances.append(n / (n - 1) * ((mine - mine.mean()) ** 2).sum())
            seeds.append(n - 1)
    variance, all_seeds = float(np.sum(variances)), float(np.sum(seeds))
    if variance < 1e-12 or 1 - rho**2 < 1e-9:
        return float(1 / np.sqrt(max(all_seeds, 1.0))), all_seeds
    # Satterthwaite (1946): networks whose seeds scatter more bring fewer degrees of freedom than seeds
    freedom = variance**2 / float(np.sum(np.square(variances) / seeds))
    return float(np.sqrt(variance) / (1 - rho**2)), freedom


def _z(rho: float) -> float:
    return float(np.arctanh(np.clip(rho, -STEEPEST, STEEPEST)))


@lru_cache(maxsize=64)
def arrangements(strata: tuple[int, ...]) -> np.ndarray:
    """Places of the units, permuted within strata.

    Args:
        strata: a number for each unit.

    Returns:
        (arrangements, units), the first with every unit in its place: all if they are few, else that one and
        random ones from a fixed seed.
    """
    blocks = [np.flatnonzero(np.equal(strata, stratum)) for stratum in sorted(set(strata))]
    if sum(lgamma(len(block) + 1) for block in blocks) <= log(EXACT) + 1e-9:
        orders = product(*(permutations(block) for block in blocks))
        rows = np.array([np.concatenate(order) for order in orders])
        return rows[:, np.argsort(np.concatenate(blocks))]
    draws = int(min(DRAWS, max(999, ELEMENTS // len(strata))))
    rows = np.tile(np.arange(len(strata)), (draws + 1, 1))
    rng = np.random.default_rng(0)
    for block in blocks:
        rows[1:, block] = rng.permuted(rows[1:, block], axis=1)
    return rows
