"""Levers against the package's own measures, mathematics, and finite differences in float64."""

import math

import numpy as np
import pytest
import torch

from feature_diversity.measures.energy import hyperspherical_energy
from feature_diversity.measures.spectra import Features, resultant_length
from feature_diversity.measures.spectra import uniformity as measured_uniformity
from feature_diversity.training.penalties.directions import SOFTENING, pooled, unit_vectors
from feature_diversity.training.penalties.energy import energy
from feature_diversity.training.penalties.koleo import koleo
from feature_diversity.training.penalties.mean_direction import mean_direction
from feature_diversity.training.penalties.uniformity import uniformity
from feature_diversity.training.penalties.variance_covariance import variance_covariance
from feature_diversity.training.penalties.weight_energy import weight_energy

LEVERS = {
    "energy s=0": lambda z: energy(z, 0),
    "energy s=1": energy,
    "energy s=2.5": lambda z: energy(z, 2.5),
    "uniformity": uniformity,
    "koleo": koleo,
    "variance_covariance": variance_covariance,
    "mean_direction": mean_direction,
    "weight_energy": lambda z: weight_energy([z, z[:4, :4].reshape(4, 2, 2)]),
}


@pytest.fixture
def z() -> torch.Tensor:
    """Features of 12 images after a ReLU, float64, 12 x 6, none without direction."""
    draws = torch.Generator().manual_seed(1)
    x, y = torch.randn(2, 12, 6, generator=draws, dtype=torch.float64)
    return x.relu() + 0.3 * y.abs()


@pytest.mark.parametrize("name", LEVERS)
def test_gradients_are_those_of_finite_differences(name, z):
    z.requires_grad_()
    [gradient] = torch.autograd.grad(LEVERS[name](z), z)
    step, numeric = 1e-5, torch.zeros_like(gradient)
    with torch.no_grad():
        for place in np.ndindex(*z.shape):
            moved = torch.zeros_like(z)
            moved[place] = step
            numeric[place] = (LEVERS[name](z + moved) - LEVERS[name](z - moved)) / (2 * step)
    assert gradient.norm() > 0
    torch.testing.assert_close(gradient, numeric, rtol=0, atol=1e-6 * max(1, float(gradient.abs().max())))


@pytest.mark.parametrize("s", [0, 0.5, 1, 2])
def test_the_energy_is_the_measured_one_but_for_what_is_added_to_r2(s, z):
    measured = hyperspherical_energy(z.numpy(), s).value[s]
    u = unit_vectors(z).numpy()
    r2 = ((u[:, None] - u) ** 2).sum(2)[np.triu_indices(len(u), 1)]
    softened = (-np.log(r2 + SOFTENING) / 2 if s == 0 else (r2 + SOFTENING) ** (-s / 2)).mean()
    assert float(energy(z, s)) == pytest.approx(softened, rel=1e-12)
    # the first term of the series in 1e-4 bounds the difference
    bound = SOFTENING * (0.5 / r2 if s == 0 else s / 2 * r2 ** (-s / 2 - 1)).mean()
    assert 0 < measured - float(energy(z, s)) <= bound


def test_equal_directions_and_rows_without_one_have_finite_energy_and_gradient():
    z = torch.zeros(4, 4, dtype=torch.float64)
    z[1] = z[2] = torch.tensor([1.0, 2, 0, 0])
    z.requires_grad_()
    for lever in LEVERS.values():
        value = lever(torch.cat([z, z]))
        [gradient] = torch.autograd.grad(value, z)
        assert torch.isfinite(value)
        assert torch.isfinite(gradient).all()
        assert gradient.abs().max() < 1e3


def test_uniformity_is_the_measured_one_but_for_what_is_added_to_r2(z):
    measured = measured_uniformity(Features(z.numpy()))
    assert float(uniformity(z)) == pytest.approx(measured - 2 * SOFTENING, abs=1e-12)


def test_the_mean_direction_is_the_square_of_the_measured_resultant(z):
    assert float(mean_direction(z)) == pytest.approx(resultant_length(Features(z.numpy())) ** 2, abs=1e-12)


def test_koleo_takes_the_nearest_neighbour_of_each():
    angles = torch.tensor([0, 0.1, 1.0, 3.0], dtype=torch.float64)
    circle = torch.stack([angles.cos(), angles.sin()], dim=1)
    nearest = np.array([0.1, 0.1, 0.9, 2.0])
    expected = -np.log((2 * np.sin(nearest / 2)) ** 2 + SOFTENING).mean() / 2
    assert float(koleo(5 * circle)) == pytest.approx(expected, abs=1e-12)


def test_variances_of_1_and_no_covariance_cost_nothing():
    # two orthogonal columns of mean 0 and deviation 1
    z = torch.tensor([[1.0, 1], [1, -1], [-1, 1], [-1, -1]], dtype=torch.float64) * math.sqrt(3 / 4)
    assert float(variance_covariance(z)) == pytest.approx(0, abs=1e-12)
    covariance = np.cov(np.array([[1.0, 2, 4], [2, 1, 5]]).T)
    expected = 25 * np.maximum(0, 1 - np.sqrt(covariance.diagonal() + 1e-4)).mean()
    expected += (covariance**2).sum() / 3 - (covariance.diagonal() ** 2).sum() / 3
    found = variance_covariance(torch.tensor([[1.0, 2, 4], [2, 1, 5]], dtype=torch.float64))
    assert float(found) == pytest.approx(expected, abs=1e-12)


def test_the_energy_of_weights_is_that_of_their_rows(z):
    kernel = torch.randn(5, 2, 3, 3, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    assert float(weight_energy([kernel])) == float(energy(kernel.flatten(1)))
    both = weight_energy([kernel, z, torch.ones(1, 4, dtype=torch.float64)])
    assert float(both) == pytest.approx(float(energy(kernel.flatten(1)) + energy(z)) / 2, abs=1e-12)
    with pytest.raises(ValueError, match="no weight has two neurons"):
        weight_energy([torch.ones(1, 4)])


@pytest.mark.parametrize("lever", [energy, uniformity, koleo, mean_direction, variance_covariance])
def test_features_that_spread_out_lower_every_lever(lever):
    z = torch.randn(64, 16, generator=torch.Generator().manual_seed(3), dtype=torch.float64)
    assert lever(z) < lever(z * 0.3 + 1) < lever(z * 0.1 + 1)


def test_maps_are_averaged_over_positions_in_float32():
    maps = torch.arange(24).view(2, 3, 2, 2).bfloat16()
    assert torch.equal(pooled(maps), torch.tensor([[1.5, 5.5, 9.5], [13.5, 17.5, 21.5]]))
    assert pooled(maps).dtype == torch.float32
