"""The Kozachenko-Leonenko estimate of entropy as a lever (Sablayrolles et al. 2019, arXiv 1806.03198)."""

import torch
from torch import Tensor

from feature_diversity.training.penalties.directions import squared_distances


def koleo(z: Tensor) -> Tensor:
    """Compute minus the mean log distance of directions to their nearest neighbours (eq. 5).

    Args:
        z: N x D, any lengths, N >= 2. Each r² has 1e-4 added.

    Returns:
        A scalar.
    """
    itself = torch.eye(len(z), dtype=torch.bool, device=z.device)
    nearest = squared_distances(z).masked_fill(itself, torch.inf).amin(dim=1)
    return -nearest.log().mean() / 2
