"""How far the vectors are from an isotropic Gaussian, as LeJEPA's regulariser sees it."""

import math
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
from numpy.polynomial.chebyshev import chebinterpolate, chebval
from numpy.polynomial.legendre import leggauss

from feature_diversity.measures.spectra import Features

NODES = 64  # of the quadrature
REACH = 9.0  # standard deviations of the integrand, beyond which it is 0 in float64


def sigreg(features: Features) -> float:
    """Take SIGReg's statistic, Epps and Pulley's over all directions (Balestriero & LeCun 2025, section 4).

    In direction a it is N times the integral over t of |phi(t) - exp(-t²/2)|² exp(-t²/2), with phi the
    characteristic function of the a . x_i. The paper draws directions and integrates from -3 to 3 by the
    trapezoidal rule; here are all directions and all t. With M(y) the mean of exp(-y (a . e)²) over a, e any
    direction, that is

        N (sqrt(2 pi) mean M(|x_i - x_j|² / 2) - 2 sqrt(pi) mean M(|x_i|² / 4) + sqrt(2 pi / 3))

    over all i and j, of the vectors as they are: it depends on their scale and on where they lie.

    Returns:
        At least 0; on average sqrt(2 pi) - sqrt(2 pi / 3) = 1.06 for any number of standard normal vectors,
        for others of the order of N.
    """
    n, dim = features.x.shape
    lengths = features.gram.diagonal() / 4
    pairs = features.squared_distances[np.triu_indices(n, 1)] / 2
    decay = mean_decay(dim, max(lengths.max(), pairs.max()))
    of_pairs = (n + 2 * decay(pairs).sum()) / n**2
    mean = math.sqrt(2) * of_pairs - 2 * decay(lengths).mean() + math.sqrt(2 / 3)
    return float(n * math.sqrt(math.pi) * max(0, mean))


def mean_decay(dim: int, highest: float) -> Callable[[np.ndarray], np.ndarray]:
    """M(y), the mean of exp(-y (a . e)²) over uniform directions a in `dim` dimensions, as a polynomial.

    It is 1F1(1/2; dim/2; -y), here interpolated in log(1 + 2y / dim), in which it has no singularity nearer
    than pi to the axis: that sets the degree.

    Args:
        dim: at least 1.
        highest: the largest y, finite and at least 0.

    Returns:
        A function of y, 0 to `highest`, any shape: 0 to 1, error below 1e-12.
    """
    if dim == 1:
        return lambda y: np.exp(-y)
    last = max(math.log1p(2 * highest / dim), 1e-3)

    def at(places: Any) -> Any:
        y = np.expm1((places + 1) * last / 2) * dim / 2
        return _integral(y, dim) / _integral(np.zeros(1), dim)

    coefficients = chebinterpolate(at, 16 + math.ceil(6 * last))
    return lambda y: chebval(2 * np.log1p(2 * y / dim) / last - 1, coefficients)


def _integral(y: np.ndarray, dim: int) -> np.ndarray:
    """Integral of exp(-y sin²) cos^(dim - 2) from 0 to pi / 2, by Gauss and Legendre where it is not 0."""
    nodes, weights = _quadrature()
    width = np.minimum(np.pi / 2, REACH / np.sqrt(y + (dim - 1) / 2))
    squares = np.sin((nodes + 1) / 2 * width[:, None]) ** 2
    values = np.exp(-y[:, None] * squares + (dim - 2) / 2 * np.log1p(-squares))
    return values @ weights * width


@cache
def _quadrature() -> tuple[np.ndarray, np.ndarray]:
    """Nodes and weights of Gauss and Legendre on -1 to 1."""
    return leggauss(NODES)
