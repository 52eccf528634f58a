"""Which trainings another sample would hold, and how large a statistic chance alone makes.

The unit is the training, with all its snapshots. Networks are what the study chose and stay; their seeds are
drawn. Statistics of pairs are quadratic in the trainings' weights, so a draw is a matrix product.
"""

import numpy as np

DRAWS = 1_000  # of the bootstrap
ARRANGEMENTS = 999  # random flips or permutations beside the observed one
LEVEL = 0.95
TOLERANCE = 1e-4  # of a standardised statistic: rounding must not make equal statistics unequal


def weights(training: np.ndarray, network: np.ndarray, draws: int = DRAWS) -> np.ndarray:
    """How often each training is drawn, from its network's trainings with replacement.

    Args:
        training: (runs,) numbers from 0.
        network: (runs,) numbers from 0.
        draws: how many.

    Returns:
        float32 (draws, trainings); ones for networks of one seed, which no resampling moves.
    """
    rng = np.random.default_rng(0)
    network_of = np.zeros(training.max() + 1, dtype=np.int64)
    network_of[training] = network
    order = np.argsort(network_of, kind="stable")
    sizes = np.bincount(network_of)
    sizes = sizes[sizes > 0]
    starts = np.cumsum(sizes) - sizes
    drawn = np.empty((draws, len(network_of)), dtype=np.float32)
    for size in np.unique(sizes):
        places = order[starts[sizes == size][:, None] + np.arange(size)]
        drawn[:, places] = rng.multinomial(size, np.full(size, 1 / size), (draws, len(places)))
    return drawn


def seeds(training: np.ndarray, network: np.ndarray) -> np.ndarray:
    """Number of trainings of each network, (networks,)."""
    pairs = np.unique(np.column_stack([network, training]), axis=0)
    return np.bincount(pairs[:, 0])


def interval(draws: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Ends of the 95 % percentile interval of each column of draws, (draws, columns).

    NaN where less than half of the draws have a value, or where all are equal: nothing was resampled.
    """
    known = np.isfinite(draws)
    ends = np.full((2, draws.shape[1]), np.nan)
    enough = known.mean(axis=0) > 0.5
    if enough.any():
        ends[:, enough] = np.nanquantile(
            np.where(known, draws, np.nan)[:, enough], [(1 - LEVEL) / 2, (1 + LEVEL) / 2], axis=0
        )
    ends[:, np.isclose(ends[0], ends[1], rtol=0, atol=1e-9)] = np.nan
    return ends[0], ends[1]


def interval_around(estimate: np.ndarray, draws: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Ends of the 95 % interval of draws whose spread counts and not their shift: their mean is the estimate.

    For what repeated trainings change by themselves: information found in few pairs, errors of prediction,
    what the best of few candidates lacks. NaN as of `interval`; the estimate lies between the ends.

    Args:
        estimate: (columns,).
        draws: (draws, columns).
    """
    known = np.isfinite(draws)
    mean = np.where(known, draws, 0).sum(axis=0) / np.maximum(known.sum(axis=0), 1)
    low, high = interval(draws - mean + estimate)
    return np.where(low > estimate, estimate, low), np.where(high < estimate, estimate, high)


def bounds_of_perfect_order(units: int) -> tuple[float, float]:
    """95 % bounds of a rank correlation that is 1 in `units` independent pairs (Clopper & Pearson 1934).

    No resampling moves such an estimate, though a few pairs say little.
    """
    return 2 * ((1 - LEVEL) / 2) ** (1 / units) - 1, 1.0


def max_t(statistics: np.ndarray, family: np.ndarray) -> np.ndarray:
    """Two-sided p of each column, corrected for the number of columns of its family.

    Columns are scaled to equal spread; p is the share of arrangements whose largest of the family is as
    large as the column (Westfall & Young 1993, single step).

    Args:
        statistics: (arrangements, columns), the first row as observed, symmetric about 0 under the null.
        family: (columns,) numbers.

    Returns:
        (columns,); 1 where nothing ever moves.
    """
    p = np.ones(statistics.shape[1])
    spread = np.sqrt((statistics.astype(float) ** 2).mean(axis=0))
    for number in np.unique(family):
        mine = np.flatnonzero((family == number) & (spread > 0))
        if len(mine):
            scaled = np.abs(statistics[:, mine]) / spread[mine]
            largest = np.sort(scaled.max(axis=1))
            reached = len(largest) - np.searchsorted(largest, scaled[0] - TOLERANCE)
            p[mine] = reached / len(largest)
    return p


def flipped(contributions: np.ndarray) -> np.ndarray:
    """Sums over units of contributions (units, columns) under random signs; the first row as observed."""
    rng = np.random.default_rng(1)
    signs = rng.integers(0, 2, (ARRANGEMENTS + 1, len(contributions)), dtype=np.int8) * 2 - 1
    signs[0] = 1
    return signs.astype(np.float32) @ contributions.astype(np.float32)
