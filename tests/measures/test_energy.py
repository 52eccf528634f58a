import doctest
import math
import tracemalloc
from fractions import Fraction

import numpy as np
import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy.spatial.distance import pdist
from support import golden_energy as golden
from support.paths import ROOT

from feature_diversity.measures import directions, uniform_sphere
from feature_diversity.measures import torch_energy as energy_torch
from feature_diversity.measures.energy import hyperspherical_energy

POWERS = (0, 0.5, 1, 2, 3)
few = settings(max_examples=30, deadline=None)


@st.composite
def matrices(draw, max_rows=12, max_columns=9):
    """Gaussian matrices, sometimes pulled towards a cone."""
    n, dim = draw(st.integers(2, max_rows)), draw(st.integers(2, max_columns))
    seed, pull = draw(st.integers(0, 2**32 - 1)), draw(st.sampled_from([0, 0, 1, 30]))
    x = np.random.default_rng(seed).standard_normal((n, dim)) + pull
    assume(pdist(x / np.linalg.norm(x, axis=1, keepdims=True)).min() > 1e-4)
    return x


def assert_same(first, second, rtol=1e-11):
    for s, value in first.value.items():
        np.testing.assert_allclose(second.value[s], value, rtol=rtol, atol=rtol)
        np.testing.assert_allclose(second.standard_error[s], first.standard_error[s], rtol=1e-6, atol=1e-9)
    np.testing.assert_allclose(second.mean_cosine, first.mean_cosine, rtol=rtol, atol=1e-13)


# golden values

FILES = ("closed_forms", "thomson", "random_features", "near_duplicates", "larger")
READINGS = {
    "energies": {},
    "centred": {"center": True},
    "angular": {"distance": "angular"},
    "half_space": {"half_space": True},
}


@pytest.mark.parametrize("reduction", ["mean", "sum"])
@pytest.mark.parametrize("reading", READINGS)
@pytest.mark.parametrize("file", FILES)
def test_golden_energies(file, reading, reduction):
    for name, x, energy, distance in golden.energies(file, reading):
        s = float(energy["s"])
        tolerance = max(1e-12, 100 * 2.3e-16 * max(s, 1) / distance)
        tolerance = max(tolerance, 1e-10 * (reading == "centred"), 1e-9 * (file == "larger"))
        result = hyperspherical_energy(x, s, reduction=reduction, **READINGS[reading]).value[s]
        assert result == pytest.approx(float(energy[reduction]), rel=tolerance, abs=1e-15), (name, s)


def test_golden_energies_of_published_thomson_configurations():
    for case in golden.cases("thomson"):
        x = golden.arrays("thomson")[case["name"]]
        half = hyperspherical_energy(x, 1, reduction="sum").value[1] / 2
        assert half == pytest.approx(case["published_sum_over_unordered_pairs"], abs=2e-9)


def test_numbers_in_the_documentation():
    page = ROOT / "docs" / "energy.md"
    assert doctest.testfile(str(page), module_relative=False, encoding="utf-8") == (0, 3)


# mathematics


@few
@given(matrices(), st.randoms(use_true_random=False))
def test_energy_ignores_the_order_of_rows(x, random):
    order = list(range(len(x)))
    random.shuffle(order)
    assert_same(hyperspherical_energy(x, POWERS), hyperspherical_energy(x[order], POWERS))


@few
@given(matrices(), st.integers(0, 1000))
def test_energy_ignores_positive_factors_of_rows(x, seed):
    factors = 10.0 ** np.random.default_rng(seed).uniform(-150, 150, (len(x), 1))
    assert_same(hyperspherical_energy(x, POWERS), hyperspherical_energy(x * factors, POWERS), 1e-9)


@few
@given(matrices(), st.integers(0, 1000))
def test_energy_ignores_rotations(x, seed):
    rotation = np.linalg.qr(np.random.default_rng(seed).standard_normal((x.shape[1],) * 2))[0]
    assert_same(hyperspherical_energy(x, POWERS), hyperspherical_energy(x @ rotation, POWERS), 1e-9)


@few
@given(matrices(), st.integers(1, 5))
def test_energy_ignores_columns_of_zeros(x, count):
    wider = np.hstack([x, np.zeros((len(x), count))])
    assert_same(hyperspherical_energy(x, POWERS), hyperspherical_energy(wider, POWERS))


@few
@given(matrices(), st.integers(1, 15), st.sampled_from(list(READINGS.values())))
def test_energy_is_the_same_for_any_block_size(x, block_size, options):
    assume(len(x) > 2 or not options.get("center"))  # two centred rows are opposite
    whole = hyperspherical_energy(x, POWERS, **options)
    assert_same(whole, hyperspherical_energy(x, POWERS, block_size=block_size, **options))


@pytest.mark.parametrize("center", [False, True])
def test_energy_is_the_same_in_ranges_of_columns(monkeypatch, center):
    x = np.random.default_rng(0).standard_normal((30, 101))
    whole = hyperspherical_energy(x, POWERS, center=center)
    monkeypatch.setattr(directions, "CHUNK", 30 * 7)
    assert_same(whole, hyperspherical_energy(x, POWERS, center=center, block_size=8))


@pytest.mark.parametrize("center", [False, True])
def test_energy_is_the_same_of_a_memory_map(tmp_path, center):
    x = np.random.default_rng(0).standard_normal((20, 3, 4, 4), dtype=np.float32) + 3
    np.save(tmp_path / "x.npy", x)
    mapped = np.load(tmp_path / "x.npy", mmap_mode="r")
    assert_same(hyperspherical_energy(x, center=center), hyperspherical_energy(mapped, center=center), 0)


@few
@given(matrices())
def test_mean_energies_of_three_powers_are_in_order(x):
    value = hyperspherical_energy(x).value
    assert math.exp(value[0]) <= value[1] * (1 + 1e-12)
    assert value[1] <= math.sqrt(value[2]) * (1 + 1e-12)


@few
@given(matrices(max_rows=6, max_columns=9), st.sampled_from(POWERS))
def test_energy_of_a_simplex_is_the_least_possible(x, s):
    n = len(x)
    simplex = hyperspherical_energy(np.eye(n), s, center=True).value[s]  # N points in N - 1 dimensions
    r2 = 2 * n / (n - 1)
    assert simplex == pytest.approx(-math.log(r2) / 2 if s == 0 else r2 ** (-s / 2), rel=1e-12)
    assert hyperspherical_energy(x, s).value[s] >= simplex - 1e-12


@few
@given(matrices())
def test_energy_agrees_with_pdist(x):
    r = pdist(x / np.linalg.norm(x, axis=1, keepdims=True))
    result = hyperspherical_energy(x, (0, 1, 2))
    expected = {0: np.mean(-np.log(r)), 1: np.mean(1 / r), 2: np.mean(r**-2)}
    for s, value in expected.items():
        assert result.value[s] == pytest.approx(value, rel=1e-8, abs=1e-8)
    assert result.mean_cosine == pytest.approx(1 - np.mean(r**2) / 2, abs=1e-12)


@pytest.mark.parametrize("reading", READINGS)
def test_standard_error_is_that_of_leaving_each_row_out(reading):
    x = np.random.default_rng(0).standard_normal((9, 5))
    if reading == "centred":  # the mean row stays that of all rows
        x = x - x.mean(axis=0)
    options = READINGS[reading] if reading != "centred" else {}
    left_out = [hyperspherical_energy(np.delete(x, i, axis=0), 1, **options).value[1] for i in range(9)]
    expected = math.sqrt(8 / 9 * np.sum((left_out - np.mean(left_out)) ** 2))
    result = hyperspherical_energy(x, 1, **READINGS[reading])
    assert result.standard_error[1] == pytest.approx(expected, rel=1e-9)
    total = hyperspherical_energy(x, 1, reduction="sum", **READINGS[reading])
    ratio = total.value[1] / result.value[1]
    assert total.standard_error[1] == pytest.approx(ratio * expected, rel=1e-9)


def test_two_rows_have_an_energy_and_no_standard_error():
    result = hyperspherical_energy([[1.0, 0.0], [0.0, 2.0]], 2)
    assert result.value[2] == pytest.approx(0.5)
    assert math.isnan(result.standard_error[2])


@pytest.mark.parametrize("center", [False, True])
def test_a_given_gram_matrix_changes_nothing(center):
    x = np.random.default_rng(0).standard_normal((20, 7)) + 2
    rows = x - x.mean(axis=0) if center else x
    known = hyperspherical_energy(x, POWERS, center=center, gram=rows @ rows.T, block_size=6)
    assert_same(hyperspherical_energy(x, POWERS, center=center), known)


def test_a_gram_matrix_of_other_rows_is_refused():
    with pytest.raises(ValueError, match="Gram matrix of 3 rows"):
        hyperspherical_energy(np.eye(3), gram=np.eye(2))
    with pytest.raises(ValueError, match="squared norm of row 1"):
        hyperspherical_energy([[1.0, 0.0], [0.0, 1e-150]], gram=np.diag([1.0, 1e-300]))


# near and exact duplicates


def exact_energy(a, b, s):
    """The energy of two rows in rational arithmetic, rounded once at the end."""
    a, b = [Fraction(float(v)) for v in a], [Fraction(float(v)) for v in b]
    aa, bb, ab = (sum(x * y for x, y in zip(p, q, strict=True)) for p, q in ((a, a), (b, b), (a, b)))
    sine2 = float((aa * bb - ab * ab) / (aa * bb))
    r2 = 2 * sine2 / (1 + math.sqrt(1 - sine2))
    return -0.5 * math.log(r2) if s == 0 else r2 ** (-s / 2)


@pytest.mark.parametrize("step", [1e-3, 1e-5, 1e-8, 1e-12, 1e-15])
@pytest.mark.parametrize("scale", [1.0, 3.0, 1e-200, 1e200])
def test_energy_of_near_duplicates_is_exact(step, scale):
    rng = np.random.default_rng(1)
    a = rng.standard_normal(40)
    b = scale * (a + step * rng.standard_normal(40))
    result = hyperspherical_energy(np.stack([a, b]), (0, 1, 2))
    for s, value in result.value.items():
        assert value == pytest.approx(exact_energy(a, b, s), rel=max(1e-12, 1e-15 / step**0.5))
    assert result.duplicates == []


def test_rows_that_differ_in_the_last_bit_of_one_value_are_no_duplicates():
    a = np.random.default_rng(0).standard_normal(12)
    b = a.copy()
    b[3] = np.nextafter(b[3], np.inf)
    result = hyperspherical_energy(np.stack([a, b]), 1)
    assert result.value[1] == pytest.approx(exact_energy(a, b, 1), rel=1e-12)
    assert result.value[1] > 1e15


@pytest.mark.parametrize("factor", [1, 2, 3, 7, 1e-300])
@pytest.mark.parametrize("options", [{}, {"distance": "angular"}, {"half_space": True}])
def test_identical_directions_have_infinite_energy_and_are_reported(factor, options):
    rng = np.random.default_rng(0)
    x = rng.integers(-1000, 1000, (6, 50)).astype(float)
    x[4] = x[1] * factor if factor != 1e-300 else np.ldexp(x[1], -1000)
    result = hyperspherical_energy(x, POWERS, block_size=2, **options)
    assert all(value == math.inf for value in result.value.values())
    assert all(math.isnan(error) for error in result.standard_error.values())
    assert result.duplicates == [(1, 4)]
    with pytest.raises(ValueError, match="rows 1 and 4"):
        hyperspherical_energy(x, duplicates="raise", **options)


def test_opposite_rows_are_duplicates_of_the_half_space_only():
    x = np.array([[1.0, 2.0, 3.0], [-3.0, -6.0, -9.0], [1.0, 0.0, 0.0]])
    assert hyperspherical_energy(x, 1, half_space=True).duplicates == [(0, 1)]
    assert hyperspherical_energy(x, 1, half_space=True).value[1] == math.inf
    assert hyperspherical_energy(x[:2], 1, distance="angular").value[1] == pytest.approx(1 / math.pi)
    assert hyperspherical_energy(x[:2], 1).value[1] == pytest.approx(0.5)


@pytest.mark.parametrize("width", [1e-2, 1e-4, 1e-6])
def test_energy_in_a_narrow_cone_is_right(width):
    x = 1 + width * np.random.default_rng(0).standard_normal((60, 30))
    u = x / np.linalg.norm(x, axis=1, keepdims=True)
    expected = np.mean(1 / pdist(u))
    assert hyperspherical_energy(x, 1).value[1] == pytest.approx(expected, rel=3e-15 / width + 1e-12)


def test_rows_all_alike_are_all_duplicates():
    x = np.tile(np.random.default_rng(0).standard_normal(30), (40, 1))
    result = hyperspherical_energy(x * np.linspace(1, 3, 40)[:, None].round(), 1, block_size=16)
    assert result.value[1] == math.inf
    assert len(hyperspherical_energy(x, 1).duplicates) == 40 * 39 // 2


# bad and extreme input


@pytest.mark.parametrize(
    ("x", "message"),
    [
        ([[1.0, 2.0]], "at least two rows"),
        (np.zeros((0, 3)), "at least two rows"),
        (np.zeros((3, 0)), "one column"),
        ([1.0, 2.0], "at least two rows"),
        ([[1.0, 2.0], [0.0, 1.0], [1.0, np.nan]], "row 2 is not finite: its value 1"),
        ([[1.0, 2.0], [-np.inf, 1.0], [1.0, 0.0]], "row 1 is not finite: its value 0"),
        ([[1 + 1j, 2.0], [0.0, 1.0]], "real numbers"),
        ([["a", "b"], ["c", "d"]], "real numbers"),
    ],
)
@pytest.mark.parametrize("center", [False, True])
def test_bad_rows_are_named(x, message, center):
    with pytest.raises(ValueError, match=message):
        hyperspherical_energy(x, center=center)


def test_a_zero_row_has_a_direction_only_when_centred():
    x = [[1.0, 2.0], [0.0, 0.0], [1.0, 0.0]]
    with pytest.raises(ValueError, match="row 1 is zero"):
        hyperspherical_energy(x)
    assert hyperspherical_energy(x, center=True).n == 3


@pytest.mark.parametrize("scale", [1.0, 0.1, 1e200])
def test_a_row_equal_to_the_mean_has_no_direction_when_centred(scale):
    x = scale * np.array([[0.1, 0.7], [0.3, 0.1], [0.2, 0.4], [0.6, 0.3], [-0.2, 0.5]])
    with pytest.raises(ValueError, match="row 2 equals the mean"):
        hyperspherical_energy(x, center=True)


@pytest.mark.parametrize(
    "options",
    [
        {"s": -1},
        {"s": math.nan},
        {"s": math.inf},
        {"reduction": "median"},
        {"distance": "l1"},
        {"duplicates": "skip"},
    ],
)
def test_unknown_options_are_refused(options):
    with pytest.raises(ValueError, match="|".join(options)):
        hyperspherical_energy(np.eye(3), **options)


@pytest.mark.parametrize("center", [False, True])
@pytest.mark.parametrize("scale", [1e200, 1e307, 1e-200, 1e-300])
def test_energy_of_huge_and_tiny_values(scale, center):
    x = np.random.default_rng(0).standard_normal((8, 6)).round(3)
    assert_same(hyperspherical_energy(x, center=center), hyperspherical_energy(scale * x, center=center))


def test_energy_of_subnormal_values_and_of_rows_of_very_different_length():
    x = np.random.default_rng(0).integers(-9, 9, (8, 6)).astype(float)
    assert_same(hyperspherical_energy(x), hyperspherical_energy(x * 5e-324))
    lengths = np.ldexp(1.0, [-1074, -700, -300, 0, 300, 700, 1000, 1020])[:, None]
    assert_same(hyperspherical_energy(x), hyperspherical_energy(x * lengths))


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.int8, np.int64, np.uint8, np.longdouble])
def test_energy_of_every_real_type(dtype):
    x = np.random.default_rng(0).integers(1, 100, (12, 9))
    assert_same(hyperspherical_energy(x.astype(float)), hyperspherical_energy(x.astype(dtype)), 0)


def test_memory_stays_within_input_and_gram_matrix_and_256_mib():
    x = np.random.default_rng(0).standard_normal((600, 100_000), dtype=np.float32)
    tracemalloc.start()
    hyperspherical_energy(x)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < len(x) ** 2 * 8 + 2**28


# torch


@pytest.mark.parametrize("center", [False, True])
@pytest.mark.parametrize("file", FILES)
def test_torch_gives_the_same_numbers(file, center):
    for x in golden.arrays(file).values():
        expected = hyperspherical_energy(x, POWERS, center=center)
        result = energy_torch.hyperspherical_energy(torch.from_numpy(x), POWERS, center=center, block_size=7)
        assert_same(expected, result, 1e-10)
        assert result.duplicates == expected.duplicates


def test_torch_names_bad_rows_and_duplicates():
    x = torch.randn(5, 8).to(torch.float64)
    x[3] = 3 * x[1]
    assert energy_torch.hyperspherical_energy(x).duplicates == [(1, 3)]
    x[2] = 0
    with pytest.raises(ValueError, match="row 2 is zero"):
        energy_torch.hyperspherical_energy(x)
    x[4, 5] = math.nan
    with pytest.raises(ValueError, match="row 4 is not finite: its value 5"):
        energy_torch.hyperspherical_energy(x)


# uniform points


def test_golden_values_of_uniform_points():
    for case in golden.cases("uniform_expectation"):
        d, s = case["d"], case["s"]
        assert uniform_sphere.expectation(d, s) == pytest.approx(float(case["mean"]), rel=1e-12, abs=1e-15)
        assert uniform_sphere.variance(d, s) == pytest.approx(float(case["var_pair"]), rel=1e-12)
        for n, value in case["sd_of_mean"].items():
            result = uniform_sphere.standard_deviation(d, s, int(n))
            assert result == pytest.approx(float(value), rel=1e-12)


def test_golden_uniformity_of_uniform_points():
    for case in golden.cases("uniformity_of_uniform"):
        result = uniform_sphere.uniformity(case["d"], case["t"])
        assert result == pytest.approx(float(case["value"]), rel=1e-12)


@given(st.integers(2, 3000), st.sampled_from(POWERS))
@few
def test_effective_dimension_of_uniform_points_is_their_dimension(d, s):
    assume(d > s + 1)
    energy = uniform_sphere.expectation(d, s)
    assert uniform_sphere.effective_dimension(energy, s) == pytest.approx(d, rel=1e-7)
    assert uniform_sphere.excess_energy(energy, d, s) == 0


def test_effective_dimension_at_the_ends():
    assert uniform_sphere.effective_dimension(0.7, 1) == math.inf
    assert math.isnan(uniform_sphere.effective_dimension(math.inf, 1))
    assert uniform_sphere.effective_dimension(1e6, 1) == pytest.approx(2, abs=1e-4)
    assert math.isnan(uniform_sphere.excess_energy(1.0, 2, 1))
    with pytest.raises(ValueError, match="dimension"):
        uniform_sphere.expectation(0, 1)


# approximations
