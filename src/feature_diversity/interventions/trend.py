"""Tests over doses with seeds as blocks: Page's trend, contrasts, flips of signs. All two-sided."""

import itertools

import numpy as np
from scipy import stats

LEVEL = 0.95
EXACT = 14  # seeds up to which all flips of signs are tried
DRAWS = 9_999


def page(values: np.ndarray) -> float:
    """p of Page's (1963) test that values rise, or that they fall, with the column.

    Args:
        values: (seeds, doses), doses ascending.

    Returns:
        Twice the smaller of both p, at most 1; exact without ties. nan for fewer than two seeds or
        three doses.
    """
    if len(values) < 2 or values.shape[1] < 3:
        return np.nan
    both = [stats.page_trend_test(side * values).pvalue for side in (1, -1)]
    return float(min(1.0, 2 * min(both)))


def contrast(doses: np.ndarray, degree: int) -> np.ndarray:
    """Weights of the orthogonal polynomial of the doses: of 1 the slope a dose, of 2 the curvature.

    Args:
        doses: (doses,), all different.
        degree: 1 or 2.

    Returns:
        (doses,): values times these, summed, are the coefficient of dose^degree in the polynomial of that
        degree fitted by least squares.
    """
    powers = np.vander(doses, degree + 1, increasing=True)
    return np.linalg.pinv(powers)[degree]


def mean_of(values: np.ndarray) -> tuple[float, float, float, float]:
    """Mean over seeds, ends of its 95 % interval and p that it is 0, by Student's t.

    The last three are nan of one seed, and where a value is infinite.
    """
    n, mean = len(values), float(values.mean())
    if n < 2 or not np.isfinite(mean):
        return mean, np.nan, np.nan, np.nan
    error = values.std(ddof=1) / np.sqrt(n)
    half = float(stats.t.ppf((1 + LEVEL) / 2, n - 1) * error)
    if error == 0:
        return mean, mean, mean, float(mean == 0)
    return mean, mean - half, mean + half, float(2 * stats.t.sf(abs(mean) / error, n - 1))


def sign_flips(differences: np.ndarray) -> float:
    """p that paired differences are symmetric about 0, by flips of their signs (Fisher 1935).

    Args:
        differences: (seeds,).

    Returns:
        Share of all flips, of random ones for many seeds, whose mean is as far from 0.
    """
    n = len(differences)
    if n <= EXACT:
        signs = np.array(list(itertools.product((1, -1), repeat=n)))
    else:
        signs = np.random.default_rng(0).choice([1, -1], (DRAWS + 1, n))
        signs[0] = 1
    sums = np.abs(signs @ differences)
    return float(np.mean(sums >= abs(differences.sum()) * (1 - 1e-9)))
