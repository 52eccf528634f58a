import numpy as np
import pytest
import torch

from feature_diversity.measures.companions.views import alignment, lidar


def test_alignment_is_the_mean_squared_distance_of_normalised_views():
    rng = np.random.default_rng(0)
    first, second = rng.standard_normal((2, 10, 6), dtype=np.float32)
    a, b = (torch.nn.functional.normalize(torch.from_numpy(v).double()) for v in (first, second))
    expected = (a - b).norm(dim=1).pow(2).mean().item()
    assert alignment(first, second) == pytest.approx(expected, rel=1e-12)
    assert alignment(first, 3 * first) == pytest.approx(0, abs=1e-14)


def by_formula(first, second):
    """As stable-pretraining has it: a whitened covariance of means, with a square root from eigenvectors."""
    both = np.stack([first, second], axis=1)
    n, q, dim = both.shape
    means = both.mean(axis=1)
    from_mean = means - means.mean(axis=0)
    between = from_mean.T @ from_mean / (n - 1)
    inside = (both - means[:, None]).reshape(-1, dim)
    values, vectors = np.linalg.eigh(inside.T @ inside / (n * (q - 1)) + 1e-4 * np.eye(dim))
    root = (vectors / np.sqrt(values)) @ vectors.T
    found = np.linalg.eigvalsh(root @ between @ root).clip(0) + 1e-8
    p = found / found.sum()
    return np.exp(-np.sum(p * np.log(p)))


@pytest.mark.parametrize("shape", [(30, 6), (30, 30), (30, 31), (20, 90)])
@pytest.mark.parametrize("noise", [0.0, 1e-3, 0.5])
def test_lidar_is_that_of_the_formula(shape, noise):
    rng = np.random.default_rng(0)
    images = rng.standard_normal(shape) * np.arange(1, shape[1] + 1) ** -0.5 + 1
    first, second = (images + noise * rng.standard_normal(shape) for _ in range(2))
    assert lidar(first, second) == pytest.approx(by_formula(first, second), rel=1e-6)


def test_lidar_counts_the_directions_that_tell_images_apart():
    rng = np.random.default_rng(0)
    images = np.pad(rng.standard_normal((400, 5)), ((0, 0), (0, 20)))  # noise alone in twenty
    first, second = (images + 0.01 * rng.standard_normal(images.shape) for _ in range(2))
    assert lidar(first, second) == pytest.approx(5, rel=0.02)


def test_lidar_does_not_count_what_differs_between_views():
    """A direction of large variance that views do not share adds nothing, to RankMe it would be the first."""
    rng = np.random.default_rng(0)
    images = rng.standard_normal((400, 4))
    first, second = (np.c_[images, 30 * rng.standard_normal(400)] for _ in range(2))
    assert lidar(first, second) == pytest.approx(4, rel=0.02)


def test_images_of_one_mean_have_no_lidar():
    views = np.full((2, 10, 3), 0.1)
    assert np.isnan(lidar(*views))
