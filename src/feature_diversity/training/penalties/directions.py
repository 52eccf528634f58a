"""Features as directions, and the distances between them, with gradients that exist everywhere."""

import torch
from torch import Tensor

SOFTENING = 1e-4  # added to every r²: two equal directions, at 1/100, have finite energy and no gradient


def pooled(features: Tensor) -> Tensor:
    """Average a layer's features over positions.

    Args:
        features: N x C x ..., or N x C, which stays as it is; any floating type.

    Returns:
        N x C, at least float32.
    """
    features = features.flatten(2).mean(2) if features.ndim > 2 else features
    return features.float() if features.dtype in (torch.bfloat16, torch.float16) else features


def unit_vectors(z: Tensor) -> Tensor:
    """Scale rows to length 1.

    Args:
        z: N x D.

    Returns:
        N x D. A row of zeros has no direction: it stays, and has no gradient.
    """
    length = z.square().sum(dim=1, keepdim=True)
    dead = length == 0
    return torch.where(dead, 0, z / torch.where(dead, 1, length).sqrt())


def squared_distances(z: Tensor) -> Tensor:
    """Compute r² + 1e-4 between the directions of all rows; what is on the diagonal means nothing.

    Args:
        z: N x D.

    Returns:
        N x N.
    """
    u = unit_vectors(z)
    square = u.square().sum(dim=1)
    r2 = square[:, None] + square - 2 * u @ u.mT
    return r2 + SOFTENING  # above 0 also where rounding makes r² negative, by less than 1e-6 in float32


def mean_over_pairs(x: Tensor) -> Tensor:
    """Average what is not on the diagonal.

    Args:
        x: N x N, N >= 2.

    Returns:
        A scalar.
    """
    itself = torch.eye(len(x), dtype=torch.bool, device=x.device)
    return x.masked_fill(itself, 0).sum() / (len(x) * (len(x) - 1))
