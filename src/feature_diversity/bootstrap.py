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

DRAWS = 2_000
LEVEL = 0.95
FEWEST = 5  # seeds from which a share of draws may decide a claim

NETWORK = ["algorithm", "depth", "width", "norm"]


def cell_means(table: pd.DataFrame, columns: list[str], by: list[str]) -> tuple[pd.DataFrame, np.ndarray]:
    """Means of every cell, and the same in each bootstrap draw.

    table: one row a run, with NETWORK, "epochs" and "seed"; `by`: the columns that tell cells apart.
    Returns (cells, draws): `cells` has a row for each cell, with `by`, the means of `columns` and `n`, the
    number of its runs; `draws` has the shape (columns, DRAWS, cells). Cells of one run do not move: see `n`.
    """
    cells = table.groupby(by, sort=True)[columns].mean()
    cells["n"] = table.groupby(by, sort=True).size()
    draws = np.empty((len(columns), DRAWS, len(cells)))
    seeds = np.unique(table["seed"])
    position = {cell: number for number, cell in enumerate(cells.index)}
    for number, (_, network) in enumerate(table.groupby(NETWORK, sort=True)):
        for cell, runs in network.groupby(by, sort=True):
            cell = cell if len(by) > 1 else cell[0]
            weights = _weights(number, len(seeds))[:, np.searchsorted(seeds, runs["seed"])]
            total = weights.sum(axis=1, keepdims=True)
            weights = np.where(total > 0, weights / np.maximum(total, 1), 1 / len(runs))
            mean = runs[columns].mean().to_numpy()[:, None]
            moved = (weights @ runs[columns].to_numpy()).T
            draws[:, :, position[cell]] = mean + _expansion(len(runs)) * (moved - mean)
    return cells.reset_index(), draws


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
    above, below = np.mean(draws >= margin), np.mean(draws <= -margin)
    one = 1 / len(draws)
    return max(float(max(above, below)), one), max(float(min(1 - above, 1 - below)), one)


@lru_cache(maxsize=4096)
def _weights(network: int, n: int) -> np.ndarray:
    """How often each of n seeds is drawn, shape (DRAWS, n)."""
    return np.random.default_rng([network, n]).multinomial(n, np.full(n, 1 / n), DRAWS).astype(np.float32)


def _expansion(n: int) -> float:
    if n < 2:
        return 1.0
    quantile = (1 + LEVEL) / 2
    return float(np.sqrt(n / (n - 1)) * stats.t.ppf(quantile, n - 1) / stats.norm.ppf(quantile))
