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
    nearer = np.sort(-cosines, axis=1)
    right = 0.0
    for row, (label, distances) in enumerate(zip(labels, -cosines, strict=True)):
        alike = distances[np.flatnonzero(labels == label)]
        alike = alike[alike < np.inf]
        # equal distances share the probability of their ranks
        before, until = nearer[row].searchsorted(alike), nearer[row].searchsorted(alike, side="right")
        right += ((1 / (before + 1) - 1 / (until + 1)) / (until - before)).sum()
    return float(right / (n - 1))  # the first image of all has none before it


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
    sums = np.zeros((len(centres), len(products)))  # of each cluster's points' products with all
    changed, former = np.arange(len(products)), np.full(len(products), -1)
    for _ in range(MOST_STEPS):
        clusters = np.arange(len(centres))[:, None]
        moves = (labels[changed] == clusters).astype(float) - (former[changed] == clusters)
        sums += moves @ products[changed]
        sizes = np.bincount(labels, minlength=len(centres))
        own = np.bincount(labels, weights=sums[labels, np.arange(len(labels))], minlength=len(centres))
        with np.errstate(divide="ignore", invalid="ignore"):
            away = (own / sizes**2)[:, None] - 2 * sums / sizes[:, None]
        former, labels = labels, np.where(sizes[:, None] > 0, away, np.inf).argmin(axis=0)
        changed = np.flatnonzero(labels != former)
        if not len(changed):
            break
    return labels
