"""Uniformity as a lever (Wang & Isola 2020, arXiv 2005.10242)."""

from torch import Tensor

from feature_diversity.training.penalties.directions import mean_over_pairs, squared_distances


def uniformity(z: Tensor, t: float = 2.0) -> Tensor:
    """Compute log of the mean of exp(-t r²) over pairs of directions (section 4.1.2), r² being r² + 1e-4.

    Args:
        z: N x D, any lengths, N >= 2.
        t: the paper's, above 0.

    Returns:
        A scalar, at most 0.
    """
    return mean_over_pairs((-t * squared_distances(z)).exp()).log()
