"""The length of the mean direction as a lever: crowding around one axis, and nothing else."""

from torch import Tensor

from feature_diversity.training.penalties.directions import unit_vectors


def mean_direction(z: Tensor) -> Tensor:
    """Compute the squared length of the mean of unit vectors (Mardia & Jupp 2000, section 9.3.1).

    Args:
        z: N x D, any lengths.

    Returns:
        A scalar, 0 to 1.
    """
    return unit_vectors(z).mean(dim=0).square().sum()
