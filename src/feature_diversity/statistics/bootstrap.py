"""Cluster bootstrap over seeds: how far the means of cells would move with other seeds.

A cell is a network with its number of epochs; its runs are resampled, a training with all its numbers of
epochs at once. Means of few seeds vary too little when resampled (variance (n - 1)/n of the unbiased one, and
normal instead of Student tails); draws are therefore spread about the cell's mean by
sqrt(n / (n - 1)) t / z, the factor that makes the 95 % interval of one mean right (the expanded percentile
interval of Hesterberg 2015).
"""

from functools import lru_cache

import numpy as np
import pandas as pd
from scipy import stats

from feature_diversity.base.run import CONFIGURATION

DRAWS = 2_000
LEVEL = 0.95
FEWEST = 5  # seeds from which a share of draws may decide a claim


def cell_means(table: pd.DataFrame, columns: list[str], by: list[str]) -> tuple[pd.DataFrame, np.ndarray]:
    """Means of every cell, and the same in each bootstrap draw.

    table: one row a run, with CONFIGURATION, "epochs" and "seed"; `by`: the columns that tell cells apart.
    Returns (cells, draws): `cells` has a row for each cell, with `by`, the means of `columns` and `n`, the
    number of its runs; `draws` has the shape (columns, DRAWS, cells). Cells of one run do not move: see `n`.
    """
    cell, network = codes(table, by), codes(table, CONFIGURATION)
    seed = np.unique(table["seed"], return_inverse=True)[1]
    values = table[columns].to_numpy(dtype=float)
    order = np.argsort(cell, kind="stable")
    groups = np.split(order, np.flatnonzero(np.diff(cell[order])) + 1)
    means = np.stack([values[rows].mean(axis=0) for rows in groups])
    draws = np.empty((len(columns), len(groups), DRAWS))
    for number, (rows, mean) in enumerate(zip(groups, means, strict=True)):
        weights = _weights(int(network[rows[0]]), int(seed.max()) + 1)[:, seed[rows]]
        total = weights.sum(axis=1)
        moved = weights @ (values[rows] - mean) / np.maximum(total, 1)[:, None]
        draws[:, number] = (mean + _expansion(len(rows)) * moved).T
    cells = table.iloc[[rows[0] for rows in groups]][by].reset_index(drop=True)
    cells[columns] = means
    return cells.assign(n=[len(rows) for rows in groups]), draws.transpose(0, 2, 1)


def codes(table: pd.DataFrame, columns: list[str]) -> np.ndarray:
    """A number for each row that tells the combinations of these columns apart, in their sorted order."""
    result = np.zeros(len(table), dtype=np.int64)
    for column in columns:
        values = pd.factorize(table[column], sort=True)[0]
        if values.max() > 0:
            result = np.unique(result * (values.max() + 1) + values, return_inverse=True)[1]
    return result


def interval(draws: np.ndarray, n: int) -> tuple[float, float]:
    """95 % interval of a statistic from its value in each draw; NaN with fewer than two runs in a cell."""
    draws = draws[np.isfinite(draws)]
    if n < 2 or len(draws) == 0:
        return np.nan, np.nan
    low, high = np.quantile(draws, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return float(low), float(high)


def equivalence(draws: np.ndarray, margin: float) -> tuple[float, float]:
    """p of two one-sided tests that a statistic lies within +-margin, and p that it lies outside.

    The first is small when nearly all draws lie within; the second when nearly all lie beyond one end.
    """
    edge = margin - 1e-9  # a rho of 0.3 may be computed as 0.29999999999999993
    inside = max(np.mean(draws >= edge), np.mean(draws <= -edge))
    outside = min(np.mean(draws <= margin + 1e-9), np.mean(draws >= -margin - 1e-9))
    return max(float(inside), 1 / DRAWS), max(float(outside), 1 / DRAWS)


def contrasts(samples: list[np.ndarray], weights: np.ndarray) -> tuple[float, np.ndarray, np.ndarray]:
    """Test that some contrast of means is above 0, by a bootstrap of max T (Romano & Wolf 2005).

    samples: the runs of each cell. weights: (contrasts, cells). Residuals are resampled within cells; the
    standard error, pooled over cells, is estimated anew in each draw, so that tails are right with few seeds.
    Returns p, the contrasts' estimates, and their simultaneous lower 95 % confidence limits.
    """
    counts = np.array([len(sample) for sample in samples])
    means = np.array([np.mean(sample) for sample in samples])
    estimates = weights @ means
    freedom = counts.sum() - len(counts)
    if counts.min() < 2:
        return np.nan, estimates, np.full(len(weights), np.nan)
    moved, squares = np.empty((len(samples), DRAWS)), np.zeros(DRAWS)
    for number, (sample, mean) in enumerate(zip(samples, means, strict=True)):
        residuals = (sample - mean) * np.sqrt(len(sample) / (len(sample) - 1))
        drawn = _weights(number, len(sample))
        moved[number] = drawn @ residuals / len(sample)
        squares += drawn @ residuals**2 - len(sample) * moved[number] ** 2
    lengths = np.sqrt(weights**2 @ (1 / counts))
    spread = np.sqrt(
        sum(((sample - mean) ** 2).sum() for sample, mean in zip(samples, means, strict=True)) / freedom
    )
    with np.errstate(divide="ignore", invalid="ignore"):
        observed = (estimates / (spread * lengths)).max()
        draws = ((weights @ moved) / (np.sqrt(np.maximum(squares, 0) / freedom) * lengths[:, None])).max(
            axis=0
        )
    draws = np.nan_to_num(draws, nan=np.inf)
    p = (1 + np.sum(draws >= observed)) / (DRAWS + 1)
    return float(p), estimates, estimates - np.quantile(draws, LEVEL) * spread * lengths


def rank_correlation_draws(x: np.ndarray, y: np.ndarray, strata: np.ndarray, cells: np.ndarray) -> np.ndarray:
    """Bootstrap draws of Spearman's rho within strata over runs, resampled within cells, ranks kept.

    x, y, strata, cells: (runs,); every cell lies within one stratum. Returns (DRAWS,).
    """
    cross, square_x, square_y = np.zeros(DRAWS), np.zeros(DRAWS), np.zeros(DRAWS)
    for stratum in np.unique(strata):
        inside = strata == stratum
        a, b = (stats.rankdata(values[inside]) for values in (x, y))
        sums = np.zeros((5, DRAWS))
        for cell in np.unique(cells[inside]):
            here = cells[inside] == cell
            moments = np.stack([a[here], b[here], a[here] * b[here], a[here] ** 2, b[here] ** 2], axis=1)
            sums += (_weights(int(cell), int(here.sum())) @ moments).T
        n = inside.sum()
        cross += sums[2] - sums[0] * sums[1] / n
        square_x += sums[3] - sums[0] ** 2 / n
        square_y += sums[4] - sums[1] ** 2 / n
    scale = np.sqrt(np.maximum(square_x, 0) * np.maximum(square_y, 0))
    return cross / np.where(scale > 0, scale, np.nan)


@lru_cache(maxsize=4096)
def _weights(network: int, n: int) -> np.ndarray:
    """How often each of n seeds is drawn, shape (DRAWS, n)."""
    return np.random.default_rng([network, n]).multinomial(n, np.full(n, 1 / n), DRAWS).astype(np.float32)


@lru_cache
def _expansion(n: int) -> float:
    if n < 2:
        return 1.0
    quantile = (1 + LEVEL) / 2
    return float(np.sqrt(n / (n - 1)) * stats.t.ppf(quantile, n - 1) / stats.norm.ppf(quantile))
