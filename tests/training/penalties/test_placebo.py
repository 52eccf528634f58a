"""A placebo moves features as far as a penalty does, and no energy."""

import pytest
import torch

from feature_diversity.measures.energy import hyperspherical_energy
from feature_diversity.training.penalties.energy import energy
from feature_diversity.training.penalties.placebo import of_norm, random_direction, rotation
from feature_diversity.training.penalties.set_point import penalty, slope


def draws(seed=1):
    return torch.Generator().manual_seed(seed)


@pytest.fixture
def z() -> torch.Tensor:
    """Features of very different lengths, 20 x 8."""
    z = torch.randn(20, 8, generator=draws(), dtype=torch.float64)
    return (z + 0.5) * torch.logspace(-2, 2, 20, dtype=torch.float64)[:, None]


def energies(z: torch.Tensor) -> list[float]:
    return list(hyperspherical_energy(z.numpy(), (0, 1, 2)).value.values())


@pytest.mark.parametrize("step", [1e-3, 0.5, 10])
def test_a_rotation_of_any_step_leaves_the_energy_as_it_is(z, step):
    moved = z - step * rotation(z, draws(2))
    assert energies(moved) == pytest.approx(energies(z), rel=1e-12)
    assert (moved - z).norm() == pytest.approx(step * float(z.norm()), rel=1e-12)


def test_an_odd_number_of_coordinates_leaves_the_energy_to_first_order(z):
    z = z[:, :7]
    change = [energies(z - step * rotation(z, draws(2)))[1] - energies(z)[1] for step in (1e-3, 1e-4)]
    assert change[0] / change[1] == pytest.approx(100, rel=0.01)  # quadratic in the step


def test_a_rotation_is_antisymmetric_and_drawn_anew(z):
    matrix = rotation(torch.eye(8, dtype=torch.float64), draws(2))
    assert torch.equal(matrix, -matrix.mT)
    assert not torch.equal(rotation(z, draws(2)), rotation(z, draws(3)))
    assert torch.equal(rotation(z, draws(2)), rotation(z, draws(2)))


def test_a_random_direction_leaves_energy_and_lengths_to_first_order(z):
    z.requires_grad_()
    [gradient] = torch.autograd.grad(energy(z), z)
    z = z.detach()
    direction = of_norm(random_direction(gradient, z, draws(4)), 1)
    assert abs(float((direction * gradient).sum())) < 1e-12 * float(gradient.norm())
    change = [float(energy(z - step * direction) - energy(z)) for step in (1e-4, 1e-5)]
    along = [float(energy(z - step * of_norm(gradient, 1)) - energy(z)) for step in (1e-4, 1e-5)]
    assert abs(change[1]) < 0.01 * abs(along[1])
    assert change[0] / change[1] == pytest.approx(100, rel=0.02)  # quadratic in the step


def test_a_placebo_is_as_long_as_asked(z):
    assert float(of_norm(rotation(z, draws()), 0.25).norm()) == pytest.approx(0.25, rel=1e-12)
    assert not of_norm(torch.zeros(3, 2), 1.0).any()


def test_a_set_point_is_met_where_the_penalty_is_least():
    assert penalty(0.5, 0.5, 3) == slope(0.5, 0.5, 3) == 0
    assert penalty(1.0, 0.5, 3) == 0.75
    assert penalty(2.0, -1, 3) == 0
    x = torch.tensor(0.7, dtype=torch.float64, requires_grad=True)
    penalty(x, 0.5, 3).backward()
    assert float(x.grad) == pytest.approx(float(slope(0.7, 0.5, 3)), rel=1e-12)
