import math

import mpmath
import numpy as np
import pytest
import torch

from feature_diversity.algorithms import lejepa
from feature_diversity.measures.companions.gaussianity import mean_decay, sigreg
from feature_diversity.measures.spectra import Features


@pytest.mark.parametrize("dim", [1, 2, 3, 7, 128, 2048])
@pytest.mark.parametrize("highest", [0.0, 1e-3, 1.0, 1e3])
def test_the_mean_decay_is_kummers_function(dim, highest):
    y = np.linspace(0, 1, 21) ** 3 * highest * dim
    expected = [float(mpmath.hyp1f1(0.5, mpmath.mpf(dim) / 2, -mpmath.mpf(value))) for value in y]
    np.testing.assert_allclose(mean_decay(dim, highest * dim)(y), expected, rtol=0, atol=1e-11)


def test_the_mean_decay_in_many_dimensions_is_that_of_a_normal_value():
    """Of variance 1 / d, up to a term of the order 1 / d."""
    y = np.geomspace(1, 1e9, 30)
    np.testing.assert_allclose(mean_decay(802_816, 1e9)(y), (1 + 2 * y / 802_816) ** -0.5, rtol=2 / 802_816)


def test_the_mean_decay_is_a_mean_over_directions():
    a = np.random.default_rng(0).standard_normal((200_000, 5))
    draws = np.exp(-3 * a[:, 0] ** 2 / (a**2).sum(axis=1))
    error = draws.std() / math.sqrt(len(draws))
    assert mean_decay(5, 3.0)(np.array([3.0]))[0] == pytest.approx(draws.mean(), abs=4 * error)


@pytest.mark.parametrize("scale", [0.1, 1, 5])
def test_the_statistic_is_that_of_the_algorithm_with_all_directions(scale, monkeypatch):
    """In the plane evenly spaced directions are as good as all; the algorithm stops at t = 3."""
    monkeypatch.setattr(lejepa, "KNOTS", 801)
    monkeypatch.setattr(lejepa, "HIGHEST", 9.0)
    z = scale * (np.random.default_rng(0).standard_normal((60, 2)) ** 2 - 0.3)
    angle = np.arange(720) * math.pi / 720
    directions = torch.from_numpy(np.stack([np.cos(angle), np.sin(angle)]))
    expected = lejepa.sigreg(torch.from_numpy(z)[None], directions).item()
    assert sigreg(Features(z)) == pytest.approx(expected, rel=1e-9)


def test_the_statistic_is_near_that_of_the_algorithm_as_it_is():
    """It takes 17 values of t, up to 3, and draws directions."""
    z = np.random.default_rng(1).standard_normal((200, 16)) * 1.5 + 0.2
    directions = torch.randn(16, 4096, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    directions = torch.nn.functional.normalize(directions, dim=0)
    found = lejepa.sigreg(torch.from_numpy(z)[None], directions).item()
    assert sigreg(Features(z)) == pytest.approx(found, rel=0.01)


@pytest.mark.parametrize("n", [50, 400])
def test_standard_normal_vectors_have_the_expectation_whatever_their_number(n):
    rng = np.random.default_rng(0)
    found = np.array([sigreg(Features(rng.standard_normal((n, 12)))) for _ in range(60)])
    expected = math.sqrt(2 * math.pi) - math.sqrt(2 * math.pi / 3)
    assert found.mean() == pytest.approx(expected, abs=4 * found.std() / math.sqrt(60))


def test_vectors_of_another_scale_or_place_are_not_gaussian():
    x = np.random.default_rng(0).standard_normal((400, 12))
    assert min(sigreg(Features(y)) for y in (2 * x, x / 2, x + 0.5)) > 4 * sigreg(Features(x))
