"""Gradients on features that are as long as a penalty's and leave the energy as it is."""

import torch
from torch import Tensor


def rotation(z: Tensor, generator: torch.Generator) -> Tensor:
    """Compute A z for a random antisymmetric A: the gradient of a rotation.

    A pairs the coordinates at random, and turns each pair by a right angle, so that A A = -1 and (1 + h A) z
    is z rotated and stretched by one factor: a step of any size h leaves every angle between features, and so
    every energy, as it is. (On unit vectors alone, A u, a step would turn short features further than long
    ones.) Of an odd number of coordinates one has no partner and stays; energies then stay to first order.

    Args:
        z: N x D, D >= 2.
        generator: of the draws, the same on all ranks.

    Returns:
        N x D, without gradients.
    """
    z = z.detach()
    order = torch.randperm(z.shape[1], generator=generator).to(z.device)
    first, second = order[: len(order) // 2 * 2].view(2, -1)
    turned = torch.zeros_like(z)
    turned[:, first], turned[:, second] = -z[:, second], z[:, first]
    return turned


def random_direction(gradient: Tensor, z: Tensor, generator: torch.Generator) -> Tensor:
    """Draw a direction across the features, and take out its part along the energy's gradient.

    Args:
        gradient: N x D, of the energy of `z`.
        z: N x D, features.
        generator: of the draws, the same on all ranks.

    Returns:
        N x D, without gradients. A step along it leaves the energy and all lengths as they are, to first
        order.
    """
    z = z.detach()
    drawn = torch.randn(z.shape, generator=generator).to(z)
    square = z.square().sum(dim=1, keepdim=True)
    drawn -= (drawn * z).sum(dim=1, keepdim=True) / torch.where(square == 0, 1, square) * z
    along = gradient.square().sum()
    return drawn - (drawn * gradient).sum() / torch.where(along == 0, 1, along) * gradient


def of_norm(direction: Tensor, norm: Tensor | float) -> Tensor:
    """Scale a direction to a norm over all its entries; zeros stay zeros."""
    length = direction.norm()
    return direction * (norm / torch.where(length == 0, 1, length))
