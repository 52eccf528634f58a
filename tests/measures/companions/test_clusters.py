import itertools

import numpy as np
import pytest

from feature_diversity.measures.companions.clusters import cluster_learnability, k_means
from feature_diversity.measures.spectra import Features


def clusters(n, k, spread, seed=0):
    """Vectors around k axes, and which each is around."""
    rng = np.random.default_rng(seed)
    label = np.arange(n) % k
    return np.eye(k)[label] + spread * rng.standard_normal((n, k)), label


def partition(labels):
    """The sets of rows that have one label."""
    return {frozenset(np.flatnonzero(labels == label)) for label in set(labels.tolist())}


def test_k_means_finds_clusters_that_are_there():
    x, label = clusters(60, 6, 0.05)
    found = k_means(x @ x.T, 6, np.random.default_rng(0))
    assert partition(found) == partition(label)


def test_every_point_is_nearest_to_the_mean_of_its_cluster():
    x = np.random.default_rng(0).standard_normal((80, 5))
    labels = k_means(x @ x.T, 8, np.random.default_rng(0))
    means = np.array([x[labels == label].mean(axis=0) for label in np.unique(labels)])
    distances = np.linalg.norm(x[:, None] - means, axis=2)
    np.testing.assert_array_equal(np.unique(labels)[distances.argmin(axis=1)], labels)


def test_fewer_different_points_are_fewer_clusters():
    x = np.repeat(np.eye(3), 4, axis=0)
    assert partition(k_means(x @ x.T, 5, np.random.default_rng(0))) == partition(np.repeat(range(3), 4))


def test_learnability_is_the_mean_over_all_orders():
    """Of five images by all 120 orders."""
    x = np.random.default_rng(2).standard_normal((5, 3))
    features = Features(x)
    order = features.canonical_order
    cosines = features.cosines
    labels = np.empty(5, dtype=int)
    labels[order] = k_means(cosines[np.ix_(order, order)], 2, np.random.default_rng(0))
    right = total = 0
    for images in itertools.permutations(range(5)):
        for place in range(1, 5):
            before = list(images[:place])
            nearest = before[int(np.argmax(cosines[images[place], before]))]
            right += labels[nearest] == labels[images[place]]
            total += 1
    assert cluster_learnability(features) == pytest.approx(right / total)


def test_clusters_far_apart_are_learnt_from_one_image_each():
    """Of n = 100 in 10 clusters an image is right unless it is the first of its cluster: 90 of 99."""
    x, _ = clusters(100, 10, 0.01)
    assert cluster_learnability(Features(x)) == pytest.approx(90 / 99)


def test_the_more_clusters_overlap_the_less_is_learnt():
    found = [cluster_learnability(Features(clusters(400, 20, spread)[0])) for spread in (0.05, 0.3, 1)]
    assert found[0] > found[1] > found[2] > 1 / 20


def test_equal_points_have_no_clusters():
    assert np.isnan(cluster_learnability(Features(np.full((20, 3), 0.1))))


def test_images_that_stand_twice_share_their_ranks():
    x = np.repeat(np.eye(4) + 0.1 * np.arange(4), 2, axis=0)
    rng = np.random.default_rng(0)
    found = [cluster_learnability(Features(x[rng.permutation(8)])) for _ in range(5)]
    assert found == pytest.approx([found[0]] * 5, rel=1e-9)
    assert 0 < found[0] < 1
