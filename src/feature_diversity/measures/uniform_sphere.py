"""What the energy would be if the directions were uniform on the sphere: closed forms.

For two independent uniform points of the unit sphere in R^d, with a = (d - 1) / 2, (1 - u . w) / 2 has the
Beta(a, a) distribution and r² = |u - w|² is four times it. Everything below follows from that.

The excess energy is an unbiased squared maximum mean discrepancy to the uniform law (`parts`).
"""

import math

from feature_diversity.measures.special_functions import digamma, log_gamma_ratio, log_gauss, trigamma


def expectation(d: float, s: float) -> float:
    """Compute the expected energy e_s of two uniform points on the unit sphere of R^d.

    The mean over all pairs of N such points has the same expectation, for every N.

        s > 0: 2^(-s) G(a - s/2) G(2a) / (G(a) G(2a - s/2)), G the gamma function
        s = 0: -log 2 + (psi(2a) - psi(a)) / 2, psi the digamma function

    Args:
        d: dimension, >= 1, perhaps fractional.
        s: power, >= 0.

    Returns:
        The expectation; inf for s >= d - 1.

    Raises:
        ValueError: d < 1 or s < 0.
    """
    _check(d, s)
    if s >= d - 1:
        return math.inf
    a = (d - 1) / 2
    if s == 0:
        return -math.log(2) + (digamma(2 * a) - digamma(a)) / 2
    return math.exp(_log_expectation(a, s))


def variance(d: float, s: float) -> float:
    """Compute the variance of e_s of two uniform points on the unit sphere of R^d; inf for 2s >= d - 1.

    Raises:
        ValueError: d < 1 or s < 0.
    """
    _check(d, s)
    if 2 * s >= d - 1:
        return math.inf
    a = (d - 1) / 2
    if s == 0:
        return (trigamma(a) - trigamma(2 * a)) / 4
    first = _log_expectation(a, s)
    if a - s > 20:  # E_2s and E_s² agree in most digits: their ratio from a series instead
        log_ratio = log_gauss(a, s / 2) - log_gauss(2 * a, s / 2)
    else:
        log_ratio = _log_expectation(a, 2 * s) - 2 * first
    return math.exp(2 * first) * math.expm1(log_ratio)


def standard_deviation(d: float, s: float, n: int) -> float:
    """Compute the standard deviation of the mean energy over all pairs of n >= 2 uniform points.

    Given one point the expectation is constant, so distinct pairs are uncorrelated.
    """
    return math.sqrt(variance(d, s) * 2 / (n * (n - 1)))


def uniformity(d: int, t: float = 2) -> float:
    """Compute log E exp(-t r²) for two uniform points: Wang & Isola's (2020) uniformity at its best.

    Equals -2t + log 0F1(; d/2; t²), a series of positive terms.
    """
    total, term, k = 1.0, 1.0, 0
    while term > 1e-18 * total:
        term *= t * t / ((d / 2 + k) * (k + 1))
        total += term
        k += 1
    return -2 * t + math.log(total)


def excess_energy(energy: float, d: int, s: float) -> float:
    """Subtract from a mean energy its expectation for uniform points of the same dimension.

    That is the unbiased estimate of the squared maximum mean discrepancy between the points and the uniform
    law with the kernel e_s (Gretton et al. 2012, eq. 3).

    Args:
        energy: mean over pairs.
        d: dimension.
        s: power.

    Returns:
        The excess, 0 for uniform points; nan where the expectation is infinite (s >= d - 1).
    """
    expected = expectation(d, s)
    return energy - expected if math.isfinite(expected) else math.nan


def excess_z(energy: float, d: int, s: float, n: int) -> float:
    """Divide the excess by the standard deviation of the mean energy of n uniform points.

    Under the uniform law it has mean 0 and variance 1. It is no normal variable: for large n the excess of
    uniform points is a weighted sum of centred chi-squares (Gretton et al. 2012, theorem 12).

    Args:
        energy: mean over pairs.
        d: dimension.
        s: power.
        n: points, >= 2.

    Returns:
        The score; nan where the energy of a uniform pair has no variance (2s >= d - 1).
    """
    if 2 * s >= d - 1:
        return math.nan
    return excess_energy(energy, d, s) / standard_deviation(d, s, n)


def effective_dimension(energy: float, s: float) -> float:
    """Find the dimension, not necessarily whole, in which uniform points have this mean energy e_s.

    Defined by this project, to have the excess on a scale of dimensions.

    Args:
        energy: mean over pairs.
        s: power, >= 0.

    Returns:
        d; inf for energies at or below the limit d -> inf, 2^(-s/2) (or -log(2) / 2), since the directions
        are then more spread out than uniform ones of any dimension; nan for infinite energies.
    """
    limit = -math.log(2) / 2 if s == 0 else 2 ** (-s / 2)
    if not math.isfinite(energy):
        return math.nan
    if energy <= limit:
        return math.inf
    low, high = -60.0, 60.0  # log of d - 1 - s; the expectation falls as d grows
    while high - low > 1e-13 * max(1, abs(low)):
        middle = (low + high) / 2
        if expectation(1 + s + math.exp(middle), s) > energy:
            low = middle
        else:
            high = middle
    return 1 + s + math.exp(low)


def _check(d: float, s: float) -> None:
    if not (d >= 1 and s >= 0):
        raise ValueError(f"need a dimension d >= 1 and a power s >= 0, got d = {d} and s = {s}")


def _log_expectation(a: float, s: float) -> float:
    return -s * math.log(2) + log_gamma_ratio(a, -s / 2) - log_gamma_ratio(2 * a, -s / 2)
