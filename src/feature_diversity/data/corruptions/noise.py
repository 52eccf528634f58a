"""Noise: Gaussian, of few photons, and of single values lost."""

import torch
from torch import Tensor

DEVIATIONS = (0.04, 0.06, 0.08, 0.09, 0.10)
PHOTONS = (500, 250, 100, 75, 50)  # counted where the image is white
LOST = (0.01, 0.02, 0.03, 0.05, 0.07)  # share of all values


def gaussian_noise(x: Tensor, severity: int, draws: torch.Generator) -> Tensor:
    """Add normal noise to every value."""
    return x + DEVIATIONS[severity - 1] * torch.randn(x.shape, generator=draws)


def shot_noise(x: Tensor, severity: int, draws: torch.Generator) -> Tensor:
    """Count photons: Poisson noise, the stronger the less light there is."""
    photons = PHOTONS[severity - 1]
    return torch.poisson(x * photons, generator=draws) / photons


def impulse_noise(x: Tensor, severity: int, draws: torch.Generator) -> Tensor:
    """Make some values 0 or 1, with equal chances."""
    chance = torch.rand(x.shape, generator=draws)
    lost = LOST[severity - 1]
    return torch.where(chance < lost / 2, 0.0, torch.where(chance < lost, 1.0, x))
