import math

import numpy as np
import pytest
from scipy.spatial.distance import cdist

from feature_diversity.measures.companions.collapse import koleo, normalised_std
from feature_diversity.measures.energy import hyperspherical_energy
from feature_diversity.measures.spectra import Features


def test_koleo_is_the_mean_log_distance_to_the_nearest():
    x = np.random.default_rng(0).standard_normal((50, 7)).clip(0) + 0.1
    u = x / np.linalg.norm(x, axis=1, keepdims=True)
    distances = cdist(u, u) + 10 * np.eye(50)
    assert koleo(Features(x)) == pytest.approx(-np.log(distances.min(axis=1)).mean(), rel=1e-9)


def test_koleo_of_two_vectors_is_their_energy():
    x = np.array([[1.0, 2.0, 0.0], [3.0, 1.0, 1.0]])
    assert koleo(Features(x)) == pytest.approx(hyperspherical_energy(x, 0).value[0], rel=1e-12)


def test_koleo_of_opposite_vectors_is_the_least_possible():
    assert koleo(Features(np.array([[1.0, 0.0], [-2.0, 0.0]]))) == pytest.approx(-math.log(2))


def test_koleo_of_one_direction_twice_is_infinite():
    with np.errstate(divide="ignore"):
        assert koleo(Features(np.array([[1.0, 3.0], [2.0, 6.0], [1.0, 0.0]]))) == math.inf


def test_directions_spread_evenly_have_the_standard_deviation_of_simsiam():
    axes = np.eye(9)
    assert normalised_std(Features(np.concatenate([axes, -3 * axes]))) == pytest.approx(1 / 3)
    assert normalised_std(Features(np.outer(np.arange(1, 6), np.ones(4)))) == pytest.approx(0, abs=1e-7)


def test_the_standard_deviation_is_a_mean_over_values():
    x = np.random.default_rng(0).standard_normal((40, 6)) + 0.5
    u = x / np.linalg.norm(x, axis=1, keepdims=True)
    assert normalised_std(Features(x)) == pytest.approx(math.sqrt(u.var(axis=0).mean()))
    assert normalised_std(Features(x)) >= u.std(axis=0).mean()  # which SimSiam draws
