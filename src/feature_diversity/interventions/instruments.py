"""What a change of diversity does to the error: an instrumental-variable slope, and whether levers agree.

The instruments are the doses of each lever, which the study chose; what they do to the error is divided by
what they do to the excess. Seeds are blocks: each has its own level, and is a unit of the variances.
"""

from dataclasses import dataclass

import numpy as np
from scipy import stats


@dataclass(frozen=True)
class Slope:
    """Error per excess of the untreated run, the standard error, and its degrees of freedom."""

    estimate: float
    error: float
    freedom: int

    def interval(self, level: float = 0.95) -> tuple[float, float]:
        """By Student's t."""
        half = stats.t.ppf((1 + level) / 2, self.freedom) * self.error
        return float(self.estimate - half), float(self.estimate + half)

    @property
    def p(self) -> float:
        """Two-sided p that the slope is 0."""
        return float(2 * stats.t.sf(abs(self.estimate) / self.error, self.freedom))


def two_stage(excess: np.ndarray, error: np.ndarray, weights: np.ndarray) -> Slope:
    """Two-stage least squares with a level for each seed and variances clustered by seeds.

    Args:
        excess: (levers, seeds, doses) of the treated layer.
        error: the same of the outcome.
        weights: (levers, doses), of each lever's doses, with sum 0; 0 where a lever has not so many.

    Returns:
        The slope, with a degree of freedom a seed less one (Cameron & Miller 2015, section VI).
    """
    moved, followed = _by_seed(excess, weights), _by_seed(error, weights)
    first = moved.mean(axis=0) / (weights**2).sum(axis=1)  # of the first stage
    slope = (first @ followed.sum(axis=0)) / (first @ moved.sum(axis=0))
    n = len(moved)
    left = (followed - slope * moved) @ first
    variance = n / (n - 1) * (left**2).sum() / (first @ moved.sum(axis=0)) ** 2
    return Slope(float(slope), float(np.sqrt(variance)), n - 1)


def overidentified(excess: np.ndarray, error: np.ndarray, weights: np.ndarray) -> tuple[float, float]:
    """Hansen's (1982) J: do all levers imply one slope?

    Two-step generalised method of moments, seeds as clusters. Where it is rejected, it is the lever that
    matters and not the diversity that it sets.

    Args:
        excess: as in `two_stage`.
        error: likewise.
        weights: likewise, two levers or more.

    Returns:
        J, and its p by F(levers - 1, seeds - levers + 1): of few seeds, J is Hotelling's T² of the moments
        (1931) and no chi square. nan without a degree of freedom.
    """
    moved, followed = _by_seed(excess, weights), _by_seed(error, weights)
    n, restrictions = len(moved), moved.shape[1] - 1
    left = followed - two_stage(excess, error, weights).estimate * moved
    weighing = np.linalg.pinv(left.T @ left / n)
    along, of_error = moved.mean(axis=0), followed.mean(axis=0)
    slope = (along @ weighing @ of_error) / (along @ weighing @ along)
    moments = of_error - slope * along
    j = float(n * moments @ weighing @ moments)
    freedom = n - restrictions
    if freedom < 1 or j >= n:
        return j, np.nan if freedom < 1 else 0.0
    around_mean = j / (1 - j / n)  # moments' variance about their mean, not about 0
    return j, float(stats.f.sf(around_mean * freedom / (n * restrictions), restrictions, freedom))


def _by_seed(values: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Each seed's weighted sum over doses, (seeds, levers)."""
    return np.einsum("lsd,ld->sl", np.nan_to_num(values), weights)
