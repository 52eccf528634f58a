"""What crowds directions: their mean, their covariance, or the rest. Parts of the energy's excess.

The excess of the mean energy over that of uniform directions is an unbiased estimate of a squared maximum
mean discrepancy (Gretton et al. 2012, eq. 3) between the directions and the uniform law, whose kernel is the
pair's energy (the Riesz kernel) less its expectation: against the uniform law the two other terms of the
discrepancy are that same constant. As a function of the cosine t the kernel is a series of Gegenbauer
polynomials. Its first two terms see the mean direction and the covariance alone:

    excess = k1 E t  +  k2 (E t² - 1/d)  +  rest

with E over pairs of images. E t is about |mean direction|², and E t² - 1/d about |second moments - I/d|².
"""

import math
from dataclasses import dataclass

import numpy as np

from feature_diversity.measures.uniform_sphere import expectation


@dataclass(frozen=True)
class Parts:
    """Parts of one excess and their delete-one jackknife standard errors over images.

    Attributes:
        mean: k1 E t; above 0 where the directions lie in a cone.
        covariance: k2 (E t² - 1/d); above 0 where some directions are used more than others.
        rest: what remains of the excess: clusters, near-duplicates, structure of the third and higher orders.
        mean_se, covariance_se, rest_se: standard errors; nan for fewer than three images.
    """

    mean: float
    covariance: float
    rest: float
    mean_se: float
    covariance_se: float
    rest_se: float


NONE = Parts(*[math.nan] * 6)  # where uniform directions have an infinite energy


def coefficients(d: int, s: float) -> tuple[float, float]:
    """Compute k1 and k2 of the energy e_s in the sphere of R^d, from the moments of a Beta distribution.

        k1 = d E[e t] = E[e] s d / (2d - 2 - s)
        k2 = E[e (t² - 1/d)] d² (d + 2) / (2 (d - 1)) = E[e] s (s + 2) d (d + 2) / (2 (2d - 2 - s) (2d - s))

    with E over uniform pairs; at s = 0, of -log r, the limits for s -> 0 divided by s.

    Args:
        d: dimension, >= 2.
        s: power, >= 0.

    Returns:
        k1 and k2; nan where uniform directions have an infinite energy (s >= d - 1).
    """
    expected = expectation(d, s)
    if not math.isfinite(expected):
        return math.nan, math.nan
    scale = 1.0 if s == 0 else expected * s
    first = scale * d / (2 * d - 2 - s)
    return first, first * (s + 2) * (d + 2) / (2 * (2 * d - s))


def parts_of(energies: np.ndarray, squares: np.ndarray, fourths: np.ndarray, d: int, s: float) -> Parts:
    """Divide the excess of a mean energy into its parts.

    Args:
        energies: float64, N sums of e_s over the pairs of each direction.
        squares: the same of r², r the distance of a pair.
        fourths: the same of r⁴.
        d: dimension.
        s: power.

    Returns:
        The parts. Where the energy is infinite so is the rest, and has no error; all nan for s >= d - 1.
    """
    first, second = coefficients(d, s)
    if math.isnan(first):
        return NONE
    others = len(energies) - 1
    of_mean = first * (others - squares / 2)  # t = 1 - r²/2
    of_covariance = second * ((others - squares + fourths / 4) - others / d)
    excess = energies - others * expectation(d, s)
    parts = [_mean_and_error(sums) for sums in (of_mean, of_covariance)]
    whole = float(excess.sum() / (len(excess) * others))
    rest_se = _mean_and_error(excess - of_mean - of_covariance)[1]
    (mean, mean_se), (covariance, covariance_se) = parts
    return Parts(mean, covariance, whole - mean - covariance, mean_se, covariance_se, rest_se)


def _mean_and_error(of_row: np.ndarray) -> tuple[float, float]:
    """Mean over pairs from the sums of each row, and its delete-one jackknife."""
    n, total = len(of_row), of_row.sum()
    if n < 3 or not np.isfinite(total):
        return float(total / (n * (n - 1))), math.nan
    left_out = (total - 2 * of_row) / ((n - 1) * (n - 2))  # without a row the total lacks its pairs twice
    return float(total / (n * (n - 1))), float(np.sqrt((n - 1) * np.var(left_out)))
