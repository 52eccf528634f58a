"""Permutation tests over runs: exact where few arrangements exist, else by seeded random ones.

All are one-sided and give p, the share of arrangements whose statistic is at least the observed one; the
observed arrangement is always among them, so p is never 0 and the tests keep their level. Ask for the
other direction by changing the sign of the values. Replicates are runs (seeds), never images or pairs.
"""

from collections.abc import Hashable, Sequence
from functools import lru_cache
from itertools import combinations
from math import comb, factorial, prod

import numpy as np
from scipy import stats

EXACT = 2**14  # up to so many arrangements all are tried
DRAWS = 9_999  # else so many random ones
ELEMENTS = 4_000_000  # of the random arrangements of one test, which bounds memory; fewer draws for many runs
LARGE = 80  # units above which the trend test uses the normal limit with the exact permutation variance
TOLERANCE = 1e-5  # of the largest possible statistic: rounding must not make equal statistics unequal


def sign_flip(values: np.ndarray, clusters: Sequence[Hashable] | None = None) -> float:
    """p of the paired test that the mean of `values`, differences of shape (runs,), is above 0.

    Under the null each difference is as likely as its negative (Fisher 1935). Runs of one cluster, such as
    snapshots of one training, change sign together.
    """
    return max_t(np.asarray(values, dtype=float)[:, None], clusters)


def max_t(columns: np.ndarray, clusters: Sequence[Hashable] | None = None) -> float:
    """p of the test that the mean of some column of differences, shape (runs, columns), is above 0.

    The statistic is the largest over the columns of sum / sqrt(sum of squares); the rows' signs are flipped
    as a whole, so dependent columns cost little (Westfall & Young 1993). NaN: a run without such a value.
    """
    sums = _cluster_sums(np.nan_to_num(np.asarray(columns, dtype=float)), clusters)
    norms = np.sqrt((sums**2).sum(axis=0))
    sums = sums[:, norms > 0] / norms[norms > 0]
    if sums.size == 0:
        return 1.0
    statistic = (_signs(len(sums)) @ sums.astype(np.float32)).max(axis=1)
    return _share(statistic, statistic[0], np.sqrt(len(sums)))


def two_sample(high: np.ndarray, low: np.ndarray) -> float:
    """p of the test that the mean of `high` is above that of `low`, two independent samples of runs."""
    values = np.concatenate([high, low]).astype(float)
    values = values - values.mean()
    chosen = _choices(len(high), len(values))
    statistic = chosen @ values.astype(np.float32)
    return _share(statistic, statistic[0], np.abs(values).sum())


def jonckheere_terpstra(
    values: np.ndarray, groups: Sequence[float], strata: Sequence[Hashable] | None = None
) -> tuple[float, float]:
    """p of the Jonckheere-Terpstra tests that values rise, and that they fall, with their ordered group.

    values: (units,), or (units, blocks) where a unit, such as a training, has a value in each of several
    blocks, such as numbers of epochs: values are compared within a block, and a unit keeps its values
    together when groups are permuted, within strata only. NaN: a unit without a value there.
    Above LARGE units: the normal limit with the exact permutation variance (Daniels 1944).
    """
    values = np.asarray(values, dtype=float)
    values = values[:, None] if values.ndim == 1 else values
    strata = _codes(strata if strata is not None else [0] * len(values))
    groups = _codes(groups)
    blocks = [np.flatnonzero(strata == stratum) for stratum in np.unique(strata)]
    if len(values) > LARGE:
        return _normal_trend([(_orders_of_pairs(values[block]), groups[block]) for block in blocks])
    signs = np.zeros((len(values), len(values)), dtype=np.float32)
    for block in blocks:
        signs[np.ix_(block, block)] = _orders_of_pairs(values[block])
    permuted = arrangements(tuple(groups), tuple(strata))
    statistic = np.zeros(len(permuted), dtype=np.float32)
    for group in range(groups.max()):
        lower = (permuted == group).astype(np.float32)
        statistic += ((lower @ signs) * (permuted > group)).sum(axis=1)
    return _share(statistic, statistic[0], 1.0), _share(-statistic, -statistic[0], 1.0)


def _orders_of_pairs(values: np.ndarray) -> np.ndarray:
    """For each pair of units: in how many blocks the second is higher, minus in how many it is lower."""
    signs = np.zeros((len(values), len(values)), dtype=np.float32)
    for column in values.astype(np.float32 if len(values) > 10 * LARGE else float).T:
        signs += np.nan_to_num(np.sign(column[None, :] - column[:, None]))
    return signs


def _normal_trend(strata: list[tuple[np.ndarray, np.ndarray]]) -> tuple[float, float]:
    statistic = variance = 0.0
    for a, groups in strata:
        b = np.sign(groups[None, :] - groups[:, None]).astype(np.float32)
        n = len(groups)
        if n < 3:
            continue
        statistic += float(np.vdot(a, b))
        squares = [float(np.vdot(m, m)) for m in (a, b)]
        rows = [float((m.sum(axis=1, dtype=float) ** 2).sum()) for m in (a, b)]
        variance += 4 / (n * (n - 1) * (n - 2)) * (rows[0] - squares[0]) * (rows[1] - squares[1])
        variance += 2 / (n * (n - 1)) * squares[0] * squares[1]
    z = statistic / np.sqrt(variance) if variance > 0 else -np.inf
    return (float(stats.norm.sf(z)), float(stats.norm.cdf(z))) if variance > 0 else (1.0, 1.0)


def rank_correlation(
    x: np.ndarray, y: np.ndarray, strata: Sequence[Hashable] | None = None
) -> tuple[float, float, float]:
    """Spearman's rho within strata, and p of rho > 0 and of rho < 0 by permutation within strata.

    x, y: (points,). Ranks are taken, and centred, within each stratum, so that what differs between strata
    makes no correlation; one stratum gives the ordinary rho. NaN and p = 1 where nothing varies.
    """
    strata = _codes(strata if strata is not None else [0] * len(x))
    a, b = within_ranks(np.asarray(x)[None], strata)[0], within_ranks(np.asarray(y)[None], strata)[0]
    scale = np.sqrt((a**2).sum() * (b**2).sum())
    if scale == 0:
        return np.nan, 1.0, 1.0
    permuted = arrangements(tuple(range(len(a))), tuple(strata))
    statistic = b.astype(np.float32)[permuted] @ a.astype(np.float32)
    return (
        float(a @ b / scale),
        _share(statistic, statistic[0], scale),
        _share(-statistic, -statistic[0], scale),
    )


def within_ranks(values: np.ndarray, strata: np.ndarray) -> np.ndarray:
    """Ranks of `values`, shape (draws, points), within each stratum, minus their mean; ties share a rank."""
    ranks = np.empty(values.shape)
    for stratum in np.unique(strata):
        inside = strata == stratum
        ranks[:, inside] = stats.rankdata(values[:, inside], axis=1) - (inside.sum() + 1) / 2
    return ranks


def holm(p: Sequence[float]) -> np.ndarray:
    """p values corrected for their number by Holm's step-down method; NaN stays NaN and is not counted."""
    p = np.asarray(p, dtype=float)
    corrected = np.full(len(p), np.nan)
    known = np.flatnonzero(~np.isnan(p))
    order = known[np.argsort(p[known], kind="stable")]
    factors = np.arange(len(order), 0, -1)
    corrected[order] = np.minimum(np.maximum.accumulate(p[order] * factors), 1) if len(order) else []
    return corrected


@lru_cache(maxsize=64)
def arrangements(labels: tuple[int, ...], strata: tuple[int, ...]) -> np.ndarray:
    """Labels permuted within strata, shape (arrangements, units): all distinct ones if few, else random ones.

    The first row holds the labels as they are.
    """
    labels_, strata_ = np.array(labels), np.array(strata)
    blocks = [np.flatnonzero(strata_ == stratum) for stratum in np.unique(strata_)]
    sizes = [np.unique(labels_[block], return_counts=True)[1] for block in blocks]
    if sum(_log_multinomial(size) for size in sizes) <= np.log(EXACT):
        rows = np.array([labels_])
        for block in blocks:
            orders = np.array(list(_orders(labels_[block])))
            rows = np.repeat(rows, len(orders), axis=0)
            rows[:, block] = np.tile(orders, (len(rows) // len(orders), 1))
        same = (rows == labels_).all(axis=1)
        return np.concatenate([rows[same], rows[~same]]).astype(np.int32)
    draws = _draws(len(labels_))
    rows = np.tile(labels_, (draws + 1, 1)).astype(np.int32)
    rng = np.random.default_rng(0)
    for block in blocks:
        rows[1:, block] = rng.permuted(rows[1:, block], axis=1)
    return rows


def _orders(labels: np.ndarray) -> list[np.ndarray]:
    """All distinct orders of labels that may repeat."""
    values, counts = np.unique(labels, return_counts=True)
    found = [np.full(len(labels), -1)]
    for value, count in zip(values, counts, strict=True):
        longer = []
        for order in found:
            for places in combinations(np.flatnonzero(order == -1), count):
                longer.append(order.copy())
                longer[-1][list(places)] = value
        found = longer
    return found


def _log_multinomial(counts: np.ndarray) -> float:
    if counts.sum() > 170:
        return np.inf
    return float(
        np.log(float(factorial(int(counts.sum())))) - np.log(float(prod(map(factorial, map(int, counts)))))
    )


@lru_cache(maxsize=32)
def _signs(n: int) -> np.ndarray:
    """Rows of n signs, the first all +1: every one if few, else random."""
    if 2**n <= EXACT:
        bits = (np.arange(2**n)[:, None] >> np.arange(n)) & 1
        return (1 - 2 * bits).astype(np.float32)
    signs = np.random.default_rng(n).integers(0, 2, (_draws(n) + 1, n)) * 2 - 1
    signs[0] = 1
    return signs.astype(np.float32)


@lru_cache(maxsize=32)
def _choices(size: int, n: int) -> np.ndarray:
    """Rows of n zeros and ones with `size` ones, the first with them in front: all if few, else random."""
    if comb(n, size) <= EXACT:
        rows = np.zeros((comb(n, size), n), dtype=np.float32)
        for row, places in zip(rows, combinations(range(n), size), strict=True):
            row[list(places)] = 1
        return rows
    rows = np.zeros((_draws(n) + 1, n), dtype=np.float32)
    rows[:, :size] = 1
    rows[1:] = np.random.default_rng(n).permuted(rows[1:], axis=1)
    return rows


def _draws(n: int) -> int:
    return int(min(DRAWS, max(999, ELEMENTS // n)))


def _share(statistic: np.ndarray, observed: float, scale: float) -> float:
    return float(np.mean(statistic >= observed - TOLERANCE * scale))


def _cluster_sums(values: np.ndarray, clusters: Sequence[Hashable] | None) -> np.ndarray:
    if clusters is None:
        return values
    codes = _codes(clusters)
    sums = np.zeros((codes.max() + 1, values.shape[1]))
    np.add.at(sums, codes, values)
    return sums


def _codes(labels: Sequence[Hashable]) -> np.ndarray:
    """Numbers 0, 1, ... for labels, in their order."""
    return np.unique(np.asarray(labels), return_inverse=True)[1].reshape(-1)
