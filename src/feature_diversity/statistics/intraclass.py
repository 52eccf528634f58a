"""How much of a measure is the network, and how much the seed: the intraclass correlation."""

import numpy as np
from scipy import stats

LEVEL = 0.95  # of the interval


def intraclass_correlation(values: np.ndarray, network: np.ndarray) -> tuple[float, float, float]:
    """ICC(1) of trainings of the same network (Shrout & Fleiss 1979), of ranks.

    Args:
        values: (trainings,), no NaN; infinite ones rank last.
        network: (trainings,) numbers.

    Returns:
        The estimate and the ends of its 95 % interval. 1: seeds do not matter; 0: networks do not. NaN
        with one network, no network of two seeds, or no variation.
    """
    ranks = stats.rankdata(values)
    network = np.unique(network, return_inverse=True)[1]
    sizes = np.bincount(network)
    groups, n = len(sizes), len(ranks)
    if groups < 2 or n == groups:
        return np.nan, np.nan, np.nan
    means = np.bincount(network, ranks) / sizes
    within = ((ranks - means[network]) ** 2).sum() / (n - groups)
    between = (sizes * (means - ranks.mean()) ** 2).sum() / (groups - 1)
    if within + between == 0:
        return np.nan, np.nan, np.nan
    size = (n - (sizes**2).sum() / n) / (groups - 1)  # of unequal groups
    if within == 0:
        return 1.0, np.nan, np.nan
    ratio = between / within
    tail = (1 - LEVEL) / 2
    low = ratio / stats.f.isf(tail, groups - 1, n - groups)
    high = ratio * stats.f.isf(tail, n - groups, groups - 1)
    estimate, low, high = (float((f - 1) / (f + size - 1)) for f in (ratio, low, high))
    return estimate, low, high
