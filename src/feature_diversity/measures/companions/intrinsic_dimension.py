"""How many coordinates the vectors need where they lie: estimates from distances to near neighbours."""

import numpy as np

from feature_diversity.measures.spectra import Features

DISCARDED = 0.1  # share of the largest ratios that Facco et al. leave out of the fit
SPLITS = 8  # into random halves, of which the tree's mean length is averaged; ours
SEED = 0  # of the splits


def two_nn(features: Features) -> float:
    """Estimate the dimension from each point's two nearest neighbours (Facco et al. 2017, TwoNN).

    The ratio mu of the two distances has the law F = 1 - mu^(-d) where the density is constant. d is the
    slope of -log(1 - F) on log mu, a line through the origin, over the smaller nine tenths of the ratios.
    Points that equal another are left out.

    Returns:
        d > 0; nan where fewer than two ratios are left.
    """
    nearest = np.partition(_to_others(features), 1, axis=1)[:, :2]
    first, second = nearest[nearest[:, 0] > 0].T
    ratios = np.sort(np.log(second / first) / 2)
    kept = int(len(ratios) * (1 - DISCARDED))
    if kept < 2:
        return np.nan
    x, y = ratios[:kept], -np.log1p(-np.arange(1, kept + 1) / len(ratios))
    return float(x @ y / (x @ x))


def mst_dimension(features: Features) -> float:
    """Estimate the dimension from how a minimum spanning tree's edges shrink with more points.

    The mean edge of n points falls as n^(-1/d) (Steele 1988); d is taken from all N points and the halves of
    random splits, log(N / h) / (mean log of the halves' mean edges - log of the whole's). Schweinhart (2020)
    takes sums of edges, which differs by (n - 1) / n; Mordacq et al. (2026) order networks by it.

    Returns:
        d > 0, inf where the halves' edges are no longer; nan where all points of a half are equal.
    """
    n = len(features.x)
    generator = np.random.default_rng(SEED)
    shuffled = [features.canonical_order[generator.permutation(n)] for _ in range(SPLITS)]
    halves = np.array([half for rows in shuffled for half in (rows[: n // 2], rows[-(n // 2) :])])
    squares = features.squared_distances
    return dimension(mean_edges(squares, np.arange(n)[None]), mean_edges(squares, halves), n / (n // 2))


def dimension(whole: np.ndarray, parts: np.ndarray, factor: float) -> float:
    """The d of mean edges ~ n^(-1/d), with `factor` times as many points in the whole as in a part."""
    if not (parts > 0).all():
        return np.nan
    shrunk = np.log(parts).mean() - np.log(whole).mean()
    return float(np.log(factor) / shrunk) if shrunk > 0 else np.inf


def mean_edges(squares: np.ndarray, subsets: np.ndarray) -> np.ndarray:
    """Mean length of the edges of each subset's minimum spanning tree, by Prim's algorithm.

    Args:
        squares: N x N squared distances.
        subsets: int64, S x n, n >= 2, numbers of points.

    Returns:
        float64, S.
    """
    which, n = np.arange(len(subsets)), subsets.shape[1]
    nearest = np.full(subsets.shape, np.inf)  # squared distance of each point to the tree
    outside = np.ones(subsets.shape, dtype=bool)
    newest = np.zeros(len(subsets), dtype=np.int64)  # the tree's newest point: a place in the subset
    lengths = np.zeros(len(subsets))
    for _ in range(n - 1):
        outside[which, newest] = False
        np.minimum(nearest, squares[subsets[which, newest][:, None], subsets], out=nearest)
        newest = np.where(outside, nearest, np.inf).argmin(axis=1)
        lengths += np.sqrt(nearest[which, newest])
    return lengths / (n - 1)


def _to_others(features: Features) -> np.ndarray:
    """Squared distances of each point to all, infinite to itself."""
    squares = features.squared_distances.copy()
    np.fill_diagonal(squares, np.inf)
    return squares
