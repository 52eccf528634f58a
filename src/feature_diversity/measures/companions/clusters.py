"""Whether clusters of the features are easily learnt."""

import math

import numpy as np

from feature_diversity.measures.spectra import Features

SEED = 0  # of the first centres
MOST_STEPS = 100  # of k-means


def cluster_learnability(features: Features) -> float:
    """Learning speed of a nearest neighbour on labels that k-means gives (Lu et al. 2023, half of CLID).

    The u_i are divided into as many clusters as the whole part of sqrt(N). Images come one after another,
    and each is given the label of the nearest that came before. The value is the share that is right over
    all orders of the images: the k-th nearest is the nearest before with probability 1 / (k (k + 1)).

    CLID adds to this the intrinsic dimension (`two_nn`), each scaled over the networks compared: it is no
    property of one network.

    Returns:
        0 to 1; nan where there are not two clusters.
    """
    order, n = features.canonical_order, len(features.x)
    cosines = features.cosines[np.ix_(order, order)]
    labels = k_means(cosines, math.isqrt(n), np.random.default_rng(SEED))
    if labels.max() == 0:
        return np.nan
    np.fill_diagonal(cosines, -np.inf)
    nearest = np.argsort(-cosines, axis=1, kind="stable")[:, :-1]
    rank = np.arange(1, n)
    weights = 1 / (rank * (rank + 1))
    return float(((labels[nearest] == labels[:, None]) @ weights).mean() / weights.sum())


def k_means(products: np.ndarray, k: int, generator: np.random.Generator) -> np.ndarray:
    """Divide points into clusters by Lloyd's algorithm from k-means++ centres (Arthur & Vassilvitskii 2007).

    Args:
        products: N x N inner products of the points.
        k: clusters, at most N; of fewer different points there are fewer.
        generator: draws the first centres.

    Returns:
        int64, N numbers of clusters from 0; a cluster may lose all its points.
    """
    squares = products.diagonal()
    centres = [int(generator.integers(len(products)))]
    smallest = len(products) * np.finfo(float).eps * squares.max()  # what rounding leaves of 0
    nearest = np.full(len(products), np.inf)
    while len(centres) < k:
        nearest = np.minimum(nearest, squares + squares[centres[-1]] - 2 * products[centres[-1]])
        nearest[nearest <= smallest] = 0
        if not nearest.any():
            break
        centres.append(int(generator.choice(len(products), p=nearest / nearest.sum())))
    labels = (squares[centres] - 2 * products[:, centres]).argmin(axis=1)
    for _ in range(MOST_STEPS):
        sizes = np.bincount(labels)
        there = np.flatnonzero(sizes)
        starts = np.concatenate([[0], np.cumsum(sizes[there])[:-1]])
        by_cluster = np.argsort(labels, kind="stable")
        with_mean = np.add.reduceat(products[by_cluster], starts, axis=0) / sizes[there, None]
        of_mean = np.add.reduceat(with_mean[:, by_cluster], starts, axis=1).diagonal() / sizes[there]
        new = (of_mean[:, None] - 2 * with_mean).argmin(axis=0)
        if (new == labels).all():
            break
        labels = new
    return labels
