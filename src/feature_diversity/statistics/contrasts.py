"""Contrasts of cell means, tested by Student's t with the variance between trainings pooled over networks.

A training gives a row of values, one for each column, such as a layer after a number of epochs. What differs
between the trainings of one network is noise; its covariance over columns is taken to be the same in every
network, so that 3 networks of 5 seeds estimate it with 12 degrees of freedom, not 4 (the pooled variance of
the analysis of variance, Fisher 1925; vector-valued, Scheffe 1959, chapter 8). Where the networks that a
contrast weighs most scatter more than the others, the variance is that of its own networks (Welch 1947): the
pool would promise more than they hold. Snapshots of one training are columns of one row: however they depend
on each other, they are never taken for many trainings.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from scipy import stats

from feature_diversity.statistics.noise import Trainings

LEVEL = 0.95
# Of the F test that a contrast's own networks scatter more than others. It is high, since a difference that
# is overlooked makes false positives, and one that is not there costs degrees of freedom (Bancroft 1964).
UNEQUAL = 0.15


@dataclass(frozen=True)
class Tested:
    """Contrasts with their uncertainty; every array has the shape (contrasts,).

    estimate, error: value and its standard error, NaN without degrees of freedom. freedom: of the error, by
    Satterthwaite (1946) where variances are added. sd: standard deviation between trainings of the compared
    values, the unit of effect sizes.
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

    def __getitem__(self, rows: slice) -> "Tested":
        """Some of the contrasts."""
        return Tested(self.estimate[rows], self.error[rows], self.freedom[rows], self.sd[rows])

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
        self._trainings = Trainings(values, network)
        self.means, self.counts = self._trainings.means, self._trainings.counts

    def test(self, weights: np.ndarray, *, pooled: bool = False) -> Tested:
        """Estimate contrasts of the means.

        Args:
            weights: (contrasts, networks, columns). A contrast of a mean that is unknown is NaN.
            pooled: the noise is that of all networks, whatever those that a contrast weighs show.

        Returns:
            The contrasts, estimates being sums of weights times means.
        """
        estimate = np.einsum("kgc,gc->k", weights, np.nan_to_num(self.means))
        estimate[((weights != 0) & (self.counts == 0)).any(axis=(1, 2))] = np.nan
        found = self._variances(weights)
        noisy = np.zeros(len(weights), dtype=bool) if pooled else self._noisy(weights, found)
        total = np.where(noisy, found.own.sum(axis=1), found.pooled)
        freedom = np.where(noisy, _satterthwaite(found.own, found.freedoms), found.freedom)
        known = np.isfinite(total) & np.isfinite(estimate) & (total > 1e-24 * np.maximum(1e-24, estimate**2))
        error = np.sqrt(np.where(known, total, np.nan))
        return Tested(estimate, error, np.where(known, freedom, np.nan), self._spread(weights))

    def _spread(self, weights: np.ndarray) -> np.ndarray:
        """Standard deviation between trainings of the columns that a contrast compares."""
        used = (weights != 0).any(axis=1)
        variance = np.zeros(weights.shape[2])
        for column in np.flatnonzero(used.any(axis=0)).tolist():
            variance[column] = np.nan_to_num(self._trainings.noise((column,)).pooled[0, 0])
        return np.sqrt((used @ variance) / np.maximum(used.sum(axis=1), 1))

    def _variances(self, weights: np.ndarray) -> "_Variances":
        shape, parts = weights.shape[:2], dict[tuple[int, ...], np.ndarray]()
        share, own, freedoms, elsewhere = (np.zeros(shape) for _ in range(4))
        least = np.full(shape, np.inf)
        for network, columns, rows in _patterns(weights):
            noise, overlap = self._trainings.noise(columns), self._trainings.overlap(network, columns)
            chosen = weights[rows, network][:, list(columns)]
            share[rows, network] = ((chosen @ (noise.pooled * overlap)) * chosen).sum(axis=1)
            parts.setdefault(columns, np.zeros(shape[0]))[rows] += share[rows, network]
            each = ((chosen @ (noise.each * overlap)) * chosen).sum(axis=2).T
            own[rows, network], freedoms[rows, network] = each[:, network], noise.freedoms[network]
            elsewhere[rows] += each
            least[rows] = np.minimum(least[rows], noise.freedoms)
        of_parts = np.array([self._trainings.noise(columns).freedom for columns in parts])
        pooled = np.array(list(parts.values())).reshape(-1, shape[0]).T
        # parts share trainings, so that together they are no freer than one
        most = np.where(pooled != 0, of_parts, 0).max(axis=1, initial=0)
        freedom = np.minimum(_satterthwaite(pooled, of_parts), most)
        return _Variances(pooled.sum(axis=1), freedom, share, own, freedoms, elsewhere, least)

    def _noisy(self, weights: np.ndarray, found: "_Variances") -> np.ndarray:
        """Whether the networks that a contrast weighs most scatter more than those that it weighs less.

        Contrasts of the same networks are judged together: the mean of their ratios of variances has as many
        more degrees of freedom as there are independent contrasts among them.
        """
        ratio, freedom, less = found.ratio()
        own_freedom = _satterthwaite(found.own, found.freedoms)
        noisy = np.zeros(len(weights), dtype=bool)
        alike: dict[bytes, list[int]] = {}
        for row in np.flatnonzero(np.isfinite(ratio)).tolist():
            alike.setdefault(np.round(less[row], 6).tobytes(), []).append(row)
        for rows in alike.values():
            several = self._independent(weights[rows])
            degrees = several * own_freedom[rows].mean(), several * freedom[rows].mean()
            noisy[rows] = stats.f.sf(ratio[rows].mean(), *degrees) <= UNEQUAL
        return noisy

    def _independent(self, weights: np.ndarray) -> float:
        """How many independent contrasts these are worth: one if they agree, all if they are independent."""
        if len(weights) == 1:
            return 1.0
        columns = tuple(np.flatnonzero((weights != 0).any(axis=(0, 1))).tolist())
        chosen = weights[:, :, list(columns)]
        scaled = chosen @ self._trainings.noise(columns).pooled
        covariance = scaled.reshape(len(chosen), -1) @ chosen.reshape(len(chosen), -1).T
        scale = np.sqrt(np.diag(covariance))
        return float(len(weights) ** 2 / ((covariance / np.outer(scale, scale)) ** 2).sum())


@dataclass(frozen=True)
class _Variances:
    """Variances of contrasts; (contrasts,), or (contrasts, networks).

    pooled, freedom: with one noise for all networks. share: each network's part of it. own, freedoms: each
    network's part with a noise of its own. elsewhere, least: the whole, and its degrees of freedom, as if
    every network had the noise of this one.
    """

    pooled: np.ndarray
    freedom: np.ndarray
    share: np.ndarray
    own: np.ndarray
    freedoms: np.ndarray
    elsewhere: np.ndarray
    least: np.ndarray

    def ratio(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Own variance over that in the networks weighed less, its degrees of freedom, and how much less.

        NaN where all networks are weighed alike, since there the pool is their own variance, and where some
        network's own noise is unknown.
        """
        most = self.share.max(axis=1, keepdims=True)
        less = 1 - self.share / np.where(most > 0, most, np.nan)
        less = np.where(np.isfinite(self.elsewhere) & (less > 1e-6), less, 0)
        weight = less * np.where(np.isfinite(self.least), self.least, 0)
        with np.errstate(divide="ignore", invalid="ignore"):
            weight /= weight.sum(axis=1, keepdims=True)
            ratio = self.own.sum(axis=1) / (weight * np.nan_to_num(self.elsewhere)).sum(axis=1)
        return np.where(ratio < np.inf, ratio, np.nan), _satterthwaite(weight, self.least), less


def _patterns(weights: np.ndarray) -> Iterator[tuple[int, tuple[int, ...], list[int]]]:
    """Network, the columns in which contrasts weigh it, and which contrasts: all that have a weight."""
    used = weights != 0
    for network in np.flatnonzero(used.any(axis=(0, 2))).tolist():
        rows: dict[bytes, list[int]] = {}
        for row in np.flatnonzero(used[:, network].any(axis=1)).tolist():
            rows.setdefault(used[row, network].tobytes(), []).append(row)
        for mine in rows.values():
            yield network, tuple(np.flatnonzero(used[mine[0], network]).tolist()), mine


def _satterthwaite(parts: np.ndarray, freedoms: np.ndarray) -> np.ndarray:
    """Degrees of freedom of sums of independent variances (contrasts, parts), by Satterthwaite (1946)."""
    known = (parts > 0) & (freedoms > 0)
    squares = np.where(known, parts**2 / np.where(known, freedoms, 1), 0).sum(axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        return parts.sum(axis=1) ** 2 / squares
