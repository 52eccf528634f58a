"""Contrasts of cell means, tested by Student's t with the variance between trainings pooled over networks.

A training gives a row of values, one for each column, such as a layer after a number of epochs. What differs
between the trainings of one network is noise; its covariance over columns is taken to be the same in every
network, so that 3 networks of 5 seeds estimate it with 12 degrees of freedom, not 4 (the pooled variance of
the analysis of variance, Fisher 1925; vector-valued, Scheffe 1959, chapter 8). Snapshots of one training are
columns of one row: however they depend on each other, they are never taken for many trainings.
"""

from dataclasses import dataclass

import numpy as np
from scipy import stats

LEVEL = 0.95


@dataclass(frozen=True)
class Tested:
    """Contrasts with their uncertainty; every array has the shape (contrasts,).

    estimate, error: value and its standard error, NaN without degrees of freedom. freedom: of the error, by
    Satterthwaite (1946) where columns have different ones. sd: standard deviation between trainings of the
    compared values, the unit of effect sizes.
    """

    estimate: np.ndarray
    error: np.ndarray
    freedom: np.ndarray
    sd: np.ndarray

    @property
    def p(self) -> np.ndarray:
        """One-sided p that each contrast is above 0; NaN where nothing tells noise from effect."""
        return stats.t.sf(self.estimate / self.error, self.freedom)

    @property
    def p_below(self) -> np.ndarray:
        """One-sided p that each contrast is below 0."""
        return stats.t.cdf(self.estimate / self.error, self.freedom)

    def interval(self) -> np.ndarray:
        """95 % intervals, shape (contrasts, 2)."""
        half = stats.t.ppf((1 + LEVEL) / 2, self.freedom) * self.error
        return np.stack([self.estimate - half, self.estimate + half], axis=1)


class CellMeans:
    """Means over the trainings of every network, and the noise between trainings.

    Args:
        values: (trainings, columns); NaN where a training has no value.
        network: (trainings,), numbers 0, 1, ... of networks; trainings of one differ in their seed alone.
    """

    def __init__(self, values: np.ndarray, network: np.ndarray) -> None:
        known = np.isfinite(values)
        self.network, self.known = network, known
        self.counts = np.zeros((network.max() + 1, values.shape[1]))
        sums = np.zeros_like(self.counts)
        np.add.at(self.counts, network, known)
        np.add.at(sums, network, np.where(known, values, 0))
        self.means = sums / np.where(self.counts > 0, self.counts, np.nan)
        self._values = values
        self._covariances: dict[tuple[int, ...], tuple[np.ndarray, float]] = {}

    def test(self, weights: np.ndarray) -> Tested:
        """Estimate contrasts of the means.

        Args:
            weights: (contrasts, networks, columns). A contrast of a mean that is unknown is NaN.

        Returns:
            The contrasts, estimates being sums of weights times means.
        """
        estimate = np.einsum("kgc,gc->k", weights, np.nan_to_num(self.means))
        estimate[((weights != 0) & (self.counts == 0)).any(axis=(1, 2))] = np.nan
        variance: dict[tuple[int, ...], np.ndarray] = {}
        for network, here in enumerate(weights.transpose(1, 0, 2)):
            patterns, which = np.unique(here != 0, axis=0, return_inverse=True)
            for number, pattern in enumerate(patterns):
                columns = tuple(np.flatnonzero(pattern).tolist())
                if columns:
                    rows = np.flatnonzero(which.reshape(-1) == number)
                    scaled = self._covariance(columns)[0] * self._overlap(network, columns)
                    chosen = here[rows][:, list(columns)]
                    mine = variance.setdefault(columns, np.zeros(len(weights)))
                    mine[rows] += ((chosen @ scaled) * chosen).sum(axis=1)
        return self._tested(weights, estimate, variance)

    def _tested(
        self, weights: np.ndarray, estimate: np.ndarray, variance: dict[tuple[int, ...], np.ndarray]
    ) -> Tested:
        """Standard errors and degrees of freedom from the variance that each set of columns brings."""
        total, squares, most = np.zeros(len(weights)), np.zeros(len(weights)), np.zeros(len(weights))
        for columns, part in variance.items():
            freedom = self._covariance(columns)[1]
            total += part
            if freedom > 0:
                squares += part**2 / freedom
                most = np.where(part != 0, np.maximum(most, freedom), most)
        with np.errstate(divide="ignore", invalid="ignore"):
            freedom = np.minimum(total**2 / squares, most)
        known = np.isfinite(total) & np.isfinite(estimate) & (total > 1e-24 * np.maximum(1e-24, estimate**2))
        error = np.sqrt(np.where(known, total, np.nan))
        spread = np.array([self._covariance((column,))[0][0, 0] for column in range(weights.shape[2])])
        used = (weights != 0).any(axis=1)
        sd = np.sqrt(np.where(used, np.nan_to_num(spread), 0).sum(axis=1) / np.maximum(used.sum(axis=1), 1))
        return Tested(estimate, error, np.where(known, freedom, np.nan), sd)

    def _covariance(self, columns: tuple[int, ...]) -> tuple[np.ndarray, float]:
        """Covariance of some columns from the trainings that have all of them, and its degrees of freedom.

        Where no network has two such trainings, as when each number of epochs has seeds of its own, columns
        have no training in common, and each column's variance is its own.
        """
        if columns not in self._covariances:
            whole = self.known[:, columns].all(axis=1)
            residuals, freedom = self._residuals(columns, whole)
            if freedom > 0:
                found = residuals.T @ residuals / freedom, freedom
            elif len(columns) == 1:
                found = np.full((1, 1), np.nan), 0.0
            else:
                alone = [self._covariance((column,)) for column in columns]
                found = np.diag([v[0, 0] for v, _ in alone]), min(f for _, f in alone)
            self._covariances[columns] = found
        return self._covariances[columns]

    def _residuals(self, columns: tuple[int, ...], rows: np.ndarray) -> tuple[np.ndarray, float]:
        """Values minus their network's mean over these trainings, and how many are free to vary."""
        values, network = self._values[rows][:, list(columns)], self.network[rows]
        counts = np.bincount(network, minlength=len(self.counts))
        sums = np.zeros((len(counts), len(columns)))
        np.add.at(sums, network, values)
        means = sums / np.maximum(counts, 1)[:, None]
        return values - means[network], float(np.maximum(counts - 1, 0).sum())

    def _overlap(self, network: int, columns: tuple[int, ...]) -> np.ndarray:
        """Shared trainings of each pair of columns over the product of their counts: 1/n where all share."""
        known = self.known[np.ix_(self.network == network, columns)].astype(float)
        counts = known.sum(axis=0)
        return (known.T @ known) / np.maximum(np.outer(counts, counts), 1)
