import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import quad

from feature_diversity.measures.energy import hyperspherical_energy
from feature_diversity.measures.parts import coefficients
from feature_diversity.measures.uniform_sphere import excess_energy, excess_z, expectation

POWERS = (0, 0.5, 1, 2)
UNIFORM = 400


def kernel(t: np.ndarray, s: float) -> np.ndarray:
    return -0.5 * np.log(2 - 2 * t) if s == 0 else (2 - 2 * t) ** (-s / 2)


def integrated(d: int, function) -> float:
    """E function(t) of the cosine of two uniform points, over the angle, where nothing is singular."""

    def integral(of):
        return quad(lambda angle: of(angle) * math.sin(angle) ** (d - 2), 0, math.pi, epsabs=1e-13)[0]

    return integral(lambda angle: function(math.cos(angle), angle)) / integral(lambda angle: 1)


@pytest.mark.parametrize("d", [5, 8, 16, 40])
@pytest.mark.parametrize("s", POWERS)
def test_coefficients_are_those_of_numerical_integration(d, s):
    def energy(angle):
        r = 2 * math.sin(angle / 2)
        return -math.log(r) if s == 0 else r**-s

    k1 = d * integrated(d, lambda t, angle: energy(angle) * t)
    k2 = integrated(d, lambda t, angle: energy(angle) * (t**2 - 1 / d)) * d**2 * (d + 2) / (2 * (d - 1))
    assert coefficients(d, s) == pytest.approx((k1, k2), rel=1e-10)


def test_coefficients_tend_to_those_of_a_taylor_series_in_high_dimension():
    """There t is near 0, so k1 and k2 are the first and half the second derivative of the kernel."""
    for s in POWERS:
        scale = 0.5 if s == 0 else 2 ** (-s / 2) * s / 2
        expected = scale, scale * (s + 2) / 4
        assert coefficients(10**9, s) == pytest.approx(expected, rel=1e-8)


def test_without_an_expectation_there_are_no_parts():
    assert all(math.isnan(k) for k in coefficients(3, 2))
    parts = hyperspherical_energy(np.random.default_rng(0).standard_normal((9, 3)), 2).parts[2]
    assert math.isnan(parts.mean)
    assert math.isnan(parts.rest)
    assert math.isnan(excess_z(1.0, 3, 1, 10))


sets = st.tuples(st.integers(3, 30), st.integers(4, 40), st.integers(0, 2**31), st.floats(0, 3))


@settings(max_examples=60, deadline=None)
@given(sets)
def test_mean_covariance_and_rest_are_the_excess(drawn):
    n, d, seed, offset = drawn
    x = np.random.default_rng(seed).standard_normal((n, d)) + offset
    result = hyperspherical_energy(x, POWERS)
    for s in POWERS:
        parts, excess = result.parts[s], excess_energy(result.value[s], d, s)
        assert parts.mean + parts.covariance + parts.rest == pytest.approx(excess, rel=1e-12, abs=1e-12)


@settings(max_examples=40, deadline=None)
@given(sets)
def test_parts_are_those_of_their_definition_pair_by_pair(drawn):
    n, d, seed, offset = drawn
    x = np.random.default_rng(seed).standard_normal((n, d)) + offset
    unit = x / np.linalg.norm(x, axis=1, keepdims=True)
    t = (unit @ unit.T)[np.triu_indices(n, 1)]
    for s, parts in hyperspherical_energy(x, POWERS, block_size=7).parts.items():
        k1, k2 = coefficients(d, s)
        rest = kernel(t, s) - expectation(d, s) - k1 * t - k2 * (t**2 - 1 / d)
        found = parts.mean, parts.covariance, parts.rest
        expected = k1 * t.mean(), k2 * (np.mean(t**2) - 1 / d), rest.mean()
        assert found == pytest.approx(expected, rel=1e-8, abs=1e-10)


@settings(max_examples=25, deadline=None)
@given(sets)
def test_order_rotation_and_scale_leave_the_parts_alone(drawn):
    n, d, seed, offset = drawn
    random = np.random.default_rng(seed)
    x = random.standard_normal((n, d)) + offset
    rotation = np.linalg.qr(random.standard_normal((d, d)))[0]
    moved = 1e-3 * (x @ rotation)[random.permutation(n)] * random.uniform(1, 5, (n, 1))
    for s in POWERS:
        before, after = (vars(hyperspherical_energy(rows, s).parts[s]) for rows in (x, moved))
        assert after == pytest.approx(before, rel=1e-7, abs=1e-10)


def test_errors_are_the_jackknife_of_the_parts():
    x = np.random.default_rng(3).standard_normal((14, 6)) + 0.7
    for s, parts in hyperspherical_energy(x, POWERS).parts.items():
        left_out = [hyperspherical_energy(np.delete(x, i, axis=0), s).parts[s] for i in range(14)]
        for name in ("mean", "covariance", "rest"):
            values = [getattr(part, name) for part in left_out]
            assert getattr(parts, f"{name}_se") == pytest.approx(math.sqrt(13 * np.var(values)), rel=1e-9)


def test_infinite_energies_have_an_infinite_rest_without_an_error():
    x = np.random.default_rng(0).standard_normal((9, 6))
    x[3] = 2 * x[5]
    parts = hyperspherical_energy(x, 1).parts[1]
    assert parts.rest == math.inf
    assert math.isnan(parts.rest_se)
    assert math.isfinite(parts.mean)
    assert math.isfinite(parts.covariance_se)


def test_the_excess_of_uniform_directions_has_the_scores_variance():
    random = np.random.default_rng(0)
    d, n = 12, 20
    scores = [
        excess_z(hyperspherical_energy(random.standard_normal((n, d)), 1).value[1], d, 1, n)
        for _ in range(UNIFORM)
    ]
    assert abs(np.mean(scores)) < 4 / math.sqrt(UNIFORM)
    assert 0.75 < np.std(scores) < 1.3


def crowded(kind: str) -> np.ndarray:
    """400 vectors in 64 dimensions: the four kinds of docs/energy.md."""
    random = np.random.default_rng(0)
    x = random.standard_normal((400, 64))
    if kind == "offset":
        x += 1
    elif kind == "spectrum":
        x *= np.arange(1, 65) ** -0.5
    elif kind == "clusters":
        x = np.eye(64)[np.arange(400) % 64] * random.choice([-1, 1], (400, 1)) * 30 + x
    return x


@pytest.mark.parametrize(
    ("kind", "largest"), [("offset", "mean"), ("spectrum", "covariance"), ("clusters", "rest")]
)
def test_each_kind_of_crowding_is_in_its_part(kind, largest):
    result = hyperspherical_energy(crowded(kind), 1)
    parts = result.parts[1]
    shares = {
        name: getattr(parts, name) / excess_energy(result.value[1], 64, 1)
        for name in ("mean", "covariance", "rest")
    }
    assert max(shares, key=shares.get) == largest
    assert shares[largest] > 0.6


def test_uniform_directions_have_no_part():
    parts = hyperspherical_energy(crowded("uniform"), 1).parts[1]
    for name in ("mean", "covariance", "rest"):
        assert abs(getattr(parts, name)) < 4 * getattr(parts, f"{name}_se")
