"""VICReg's variance and covariance terms as a lever (Bardes et al. 2022, arXiv 2105.04906)."""

from torch import Tensor

VARIANCE, COVARIANCE = 25, 1  # weights mu and nu of the paper, section 4.2
EPSILON = 1e-4  # added to variances, eq. 2


def variance_covariance(z: Tensor) -> Tensor:
    """Compute 25 times how far features fall short of a deviation of 1, plus their squared covariances.

    Args:
        z: N x D, N >= 2; unlike other levers this one depends on lengths.

    Returns:
        A scalar, at least 0 (eqs. 1 to 4).
    """
    centred = z - z.mean(dim=0)
    covariance = centred.mT @ centred / (len(z) - 1)
    variance = covariance.diagonal()
    short = (1 - (variance + EPSILON).sqrt()).relu().mean()
    off_diagonal = (covariance.square().sum() - variance.square().sum()) / z.shape[1]
    return VARIANCE * short + COVARIANCE * off_diagonal
