import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from support import golden_energy as golden

from feature_diversity.measures import spectra as measures
from feature_diversity.measures.gram import centred_gram_matrix, double_centred, gram_matrix
from feature_diversity.measures.spectra import Features

GOLDEN = {
    "mean_cosine": measures.mean_cosine,
    "resultant_length": measures.resultant_length,
    "uniformity_t2": measures.uniformity,
    "rankme_eps1e-7": measures.rankme,
    "effective_rank_of_singular_values": measures.effective_rank,
    "participation_ratio_covariance": measures.participation_ratio,
    "nesum_covariance": measures.nesum,
    "stable_rank": measures.stable_rank,
    "vendi_q1": lambda features: measures.vendi_score(features, 1),
    "vendi_q2": lambda features: measures.vendi_score(features, 2),
    "vendi_qinf": lambda features: measures.vendi_score(features, math.inf),
    "wasserstein_uniformity": measures.wasserstein_uniformity,
}


@pytest.mark.parametrize("name", GOLDEN)
@pytest.mark.parametrize("case", golden.cases("companions"), ids=lambda case: case["name"])
def test_golden_measures(case, name):
    features = Features(golden.arrays("companions")[case["name"]])
    assert GOLDEN[name](features) == pytest.approx(case["values"][name], rel=1e-12, abs=1e-15)


def test_golden_linear_cka():
    arrays = golden.arrays("companions")
    for case in golden.cases("companions")[:3]:
        result = measures.linear_cka(Features(arrays[case["name"]]), Features(arrays["comp_a"]))
        assert result == pytest.approx(case["values"]["linear_cka_with_first"], rel=1e-12)


def test_alpha_of_an_exact_power_law():
    case = golden.cases("companions")[3]
    result = measures.alpha_req(Features(golden.arrays("companions")[case["name"]]))
    assert result == pytest.approx(case["alpha"], rel=1e-10)


@pytest.mark.parametrize("shape", [(30, 80), (80, 30), (40, 40)])
def test_spectra_agree_with_singular_values_by_torch(shape):
    x = np.random.default_rng(0).standard_normal(shape) + 0.5
    features, tensor = Features(x), torch.from_numpy(x)
    unit = torch.nn.functional.normalize(tensor)
    expected = {
        "singular_values": torch.linalg.svdvals(tensor),
        "covariance_eigenvalues": torch.linalg.svdvals(tensor - tensor.mean(0)) ** 2 / (shape[0] - 1),
        "kernel_eigenvalues": torch.linalg.svdvals(unit) ** 2 / shape[0],
        "unit_covariance_eigenvalues": torch.linalg.svdvals(unit - unit.mean(0)) ** 2 / shape[0],
    }
    for name, values in expected.items():
        np.testing.assert_allclose(getattr(features, name), values.numpy(), rtol=1e-9, atol=1e-12)


def test_wasserstein_uniformity_is_the_distance_of_the_gaussians():
    """Against the formula with a matrix square root, in more dimensions than images."""
    x = np.random.default_rng(0).standard_normal((20, 35)).clip(0)
    u = x / np.linalg.norm(x, axis=1, keepdims=True)
    mean, covariance = u.mean(axis=0), np.cov(u.T, bias=True)
    values, vectors = np.linalg.eigh(covariance)
    root = (vectors * np.sqrt(values.clip(1e-15))) @ vectors.T
    squared = mean @ mean + 1 + np.trace(covariance) - 2 / math.sqrt(35) * np.trace(root)
    assert measures.wasserstein_uniformity(Features(x)) == pytest.approx(math.sqrt(squared), rel=1e-6)


@settings(max_examples=30, deadline=None)
@given(st.integers(3, 30), st.integers(2, 30), st.integers(0, 2**32 - 1))
def test_measures_ignore_rotation_and_stay_in_their_range(n, dim, seed):
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((n, dim))
    first, second = Features(x), Features(x @ np.linalg.qr(rng.standard_normal((dim, dim)))[0])
    for name, measure in GOLDEN.items():
        assert measure(second) == pytest.approx(measure(first), rel=1e-6, abs=1e-9), name
    for name in (
        "effective_rank_of_singular_values",
        "participation_ratio_covariance",
        "nesum_covariance",
        "vendi_q1",
    ):
        assert 1 - 1e-9 <= GOLDEN[name](first) <= min(n, dim) * (1 + 1e-9)
    orders = [measures.vendi_score(first, q) for q in (1, 2, math.inf)]
    assert orders == sorted(orders, reverse=True)
    assert measures.linear_cka(first, second) == pytest.approx(1)


def test_measures_of_orthonormal_rows_are_at_their_best():
    features = Features(np.eye(8))
    for name in ("effective_rank_of_singular_values", "stable_rank", "vendi_q1", "vendi_q2", "vendi_qinf"):
        assert GOLDEN[name](features) == pytest.approx(8)
    with pytest.raises(ValueError, match="q must be"):
        measures.vendi_score(features, 3)


@pytest.mark.parametrize("offset", [0.0, 1.0, 1e5])
def test_centred_gram_matrix_keeps_its_digits_far_from_the_origin(offset):
    x = np.random.default_rng(0).standard_normal((20, 30))
    shifted = x + offset
    expected = (shifted - shifted.mean(axis=0)) @ (shifted - shifted.mean(axis=0)).T
    result = centred_gram_matrix(shifted, gram_matrix(shifted))
    np.testing.assert_allclose(result, expected, rtol=0, atol=1e-11)
    if offset < 10:
        np.testing.assert_allclose(double_centred(shifted @ shifted.T), expected, rtol=0, atol=1e-11)
