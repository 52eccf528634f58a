"""The hyperspherical energy as a lever (Liu et al. 2018, arXiv 1805.09298)."""

from torch import Tensor

from feature_diversity.training.penalties.directions import mean_over_pairs, squared_distances


def energy(z: Tensor, s: float = 1.0) -> Tensor:
    """Compute the mean of r^-s over pairs of directions, or of -log r for s = 0.

    Each r² has 1e-4 added, so that gradients stay finite; of directions at the distance of independent ones,
    r² = 2, that is 1 in 40,000 of the energy. Otherwise equal to `measures.energy.hyperspherical_energy`.

    Args:
        z: N x D, any lengths, N >= 2.
        s: power, >= 0.

    Returns:
        A scalar.
    """
    r2 = squared_distances(z)
    return mean_over_pairs(-r2.log() / 2 if s == 0 else r2 ** (-s / 2))
