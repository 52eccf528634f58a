"""Estimates of the energy where all pairs, or all values of a row, are too many."""

import math
from collections.abc import Iterable

import numpy as np

from feature_diversity.measures.directions import Directions
from feature_diversity.measures.energy import Energy, PairSums, hyperspherical_energy, mean_and_jackknife
from feature_diversity.measures.special_functions import digamma, log_gamma_ratio


def random_rows(n: int, size: int, seed: int) -> np.ndarray:
    """`size` of the numbers 0 ... n - 1, each set as likely as any other, ascending."""
    return np.sort(np.random.default_rng(seed).choice(n, size, replace=False))


def energy_of_random_subset(
    x, s: float | Iterable[float] = (0, 1, 2), *, size: int, seed: int, **options
) -> Energy:
    """Energy of `size` rows drawn without replacement: an unbiased estimate of the mean over all pairs.

    x, s, options and errors as in `hyperspherical_energy` (rows in messages count within the subset;
    with `center` the subset's own mean is subtracted). The standard error is the jackknife's, for the
    population that the rows come from; against the energy of just these N rows it is less by a factor
    sqrt(1 - size / N).
    """
    x = np.asarray(x)
    return hyperspherical_energy(x[random_rows(len(x), size, seed)], s, **options)


def energy_of_gaussian_projection(
    x, s: float | Iterable[float] = (0, 1, 2), *, size: int, seed: int, center: bool = False
) -> Energy:
    """Mean chordal energy from `size` random projections of the directions, without bias.

    With R a D x size matrix of independent normal entries of variance 1 / size, |R^T (u - w)|² is
    |u - w|² chi² / size, chi² with `size` degrees of freedom, so that projected energies are too large
    by E (chi² / size)^(-s/2) = (size/2)^(s/2) G((size - s)/2) / G(size/2), or for s = 0 by
    (log(size/2) - psi(size/2)) / 2, which is taken out. One pair's relative error is about
    s / sqrt(2 size), and that of the mean over pairs no more. The standard error is the jackknife's over rows
    and leaves out the choice of R.

    x: (N, ...) as in `hyperspherical_energy`. Raises its errors, and ValueError for s >= size.
    """
    powers = [s] if np.isscalar(s) else list(s)
    for power in powers:
        if not 0 <= power < size:
            raise ValueError(f"s must be >= 0 and below the number of projections, {size}; got {power}")
    directions = Directions(x, center=center)
    points = Projected(directions, size, seed)
    sums = PairSums(points, powers)
    sums.add_all(block_size=1024)
    value, error = {}, {}
    for power in powers:
        mean, deviation = mean_and_jackknife(sums.of_row[power], power, "chordal", half_space=False)
        if power == 0:
            value[power], error[power] = mean - (math.log(size / 2) - digamma(size / 2)) / 2, deviation
        else:
            factor = math.exp(power / 2 * math.log(size / 2) + log_gamma_ratio(size / 2, -power / 2))
            value[power], error[power] = mean / factor, deviation / factor
    n = points.n
    mean_cosine = 1 - sums.squared_distances / (2 * n * (n - 1))
    return Energy(value, error, n, directions.dim, sums.duplicates, mean_cosine)


class Projected:
    """Directions projected by a Gaussian matrix, as points whose pairs `PairSums` can add."""

    def __init__(self, directions: Directions, size: int, seed: int):
        generator = np.random.default_rng(seed)
        points = np.zeros((directions.n, size))
        for _, block in directions.blocks():
            points += block @ generator.standard_normal((block.shape[1], size))
        self._place(directions, points / np.sqrt(size))

    def _place(self, directions: Directions, points: np.ndarray) -> None:
        self.directions, self.points, self.n = directions, points, len(points)
        self.squares = np.einsum("ij,ij->i", points, points)

    def products(self, start: int, stop: int) -> np.ndarray:
        return self.points[start:stop] @ self.points[start:].T

    def around_mean(self) -> "Projected":
        moved = object.__new__(Projected)
        moved._place(self.directions, self.points - self.points.mean(axis=0))
        return moved

    def near(self, i: int, others: np.ndarray, sign: int) -> np.ndarray:
        """Squared distances from differences; 0 where the rows have one direction, and only there."""
        squared = np.sum((self.points[i] - sign * self.points[others]) ** 2, axis=1)
        maybe_same = squared < 1e-20
        if maybe_same.any():
            squared[maybe_same] = self.directions.near(i, others[maybe_same], sign)
        return squared
