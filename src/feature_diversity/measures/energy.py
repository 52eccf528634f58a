"""Hyperspherical potential energy: how far from each other the directions of N vectors lie.

For rows v_i, with u_i = v_i / |v_i| and r_ij = |u_i - u_j|, the energy of a pair is

    e_0(r) = -log r        e_s(r) = r^(-s)  for s > 0

(Liu et al. 2018, "Learning towards Minimum Hyperspherical Energy"). Reported is the mean over pairs;
the paper's sum over ordered pairs is N (N - 1) times that. Diversity is minus the energy.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from feature_diversity.measures.directions import Directions
from feature_diversity.measures.parts import Parts, parts_of

NEAR = 1e-2  # r² below which 2 - 2 cos has lost too many digits, so that differences are taken
SAME = 1e-20  # r² below which two directions may be one
CROWDED = 8  # near pairs a row, on average, beyond which another matrix product is cheaper
TILE = 2**16  # pairs worked on at once: half a MiB, so that they stay in cache


@dataclass(frozen=True)
class Energy:
    """Energies of N directions.

    Attributes:
        value: {s: mean (or sum) over pairs}, inf where two rows have one direction; of a tensor, tensors
            without axes.
        standard_error: {s: delete-one jackknife over the rows}; nan for fewer than three rows (two give no
            estimate) and for infinite energies.
        n: number of rows.
        dim: length of a row.
        duplicates: pairs (i, j), i < j, of one direction (with half_space: on one line).
        mean_cosine: mean of u_i . u_j over pairs, -1 to 1.
        parts: {s: parts of the excess over uniform directions}; of arrays, and of plain chordal means alone.
    """

    value: dict[float, Any]
    standard_error: dict[float, float]
    n: int
    dim: int
    duplicates: list[tuple[int, int]]
    mean_cosine: float
    parts: dict[float, Parts] = field(default_factory=dict)


def hyperspherical_energy(
    x: ArrayLike,
    s: float | Iterable[float] = (0, 1, 2),
    *,
    reduction: str = "mean",
    distance: str = "chordal",
    center: bool = False,
    half_space: bool = False,
    block_size: int | None = None,
    duplicates: str = "inf",
    gram: np.ndarray | None = None,
) -> Energy:
    """Compute the energy of the directions of the rows of `x` for one or several powers s.

    The Gram matrix is float64, and pairs nearer than r² = 0.01 are taken from differences: relative error
    about 1e-13, and 1e-15 / r for near-duplicates.

    Args:
        x: (N, ...), N >= 2, any real dtype, in memory or memory-mapped; trailing axes are flattened.
        s: one power or several, each finite and >= 0.
        reduction: "mean" over pairs, or "sum" over ordered pairs (each pair counts twice).
        distance: "chordal", |u_i - u_j| from 0 to 2, or "angular", arccos(u_i . u_j) from 0 to pi.
        center: subtract the mean row before the rows are normalised.
        half_space: take the 2N points u_i and -u_i, so that a direction and its opposite are one.
        block_size: rows of the Gram matrix held at once (None: 1,024); any value gives the same energies.
        duplicates: what two rows of one direction lead to, "inf" (an infinite energy) or "raise".
        gram: N x N float64 inner products of the rows (of the centred rows with `center`), where known.

    Returns:
        Energies, standard errors and duplicates, by power.

    Raises:
        ValueError: fewer than two rows; a row that is not finite or has no direction (the message names it);
            a negative or infinite s; an unknown option; a Gram matrix of another size; two rows of one
            direction with duplicates="raise".
    """
    check_option("reduction", reduction, ("mean", "sum"))
    check_option("distance", distance, ("chordal", "angular"))
    check_option("duplicates", duplicates, ("inf", "raise"))
    powers = checked_powers(s)
    check_block_size(block_size)
    points = Directions(x, center=center, gram=gram)
    if gram is not None:
        gram = gram * np.outer(points.power / points.norm, points.power / points.norm)
    sums = PairSums(points, powers, angular=distance == "angular", half_space=half_space)
    sums.add_all(block_size or 1024, gram)
    if sums.duplicates and duplicates == "raise":
        raise ValueError("rows {} and {} have one direction".format(*sums.duplicates[0]))
    value, error = {}, {}
    for power in powers:
        value[power], error[power] = mean_and_jackknife(sums.of_row[power], power, distance, half_space)
        if reduction == "sum":
            count = (2 if half_space else 1) * points.n
            value[power] *= count * (count - 1)
            error[power] *= count * (count - 1)
    mean_cosine = 1 - sums.squares.sum() / (2 * points.n * (points.n - 1))
    parts = {}
    if reduction == "mean" and distance == "chordal" and not half_space:
        moments = sums.squares, sums.fourths, points.dim
        parts = {power: parts_of(sums.of_row[power], *moments, power) for power in powers}
    return Energy(value, error, points.n, points.dim, sums.duplicates, mean_cosine, parts)


def check_block_size(block_size: int | None) -> None:
    """Raise ValueError for blocks of less than a row."""
    if block_size is not None and block_size < 1:
        raise ValueError(f"block_size must be at least 1, got {block_size}")


def checked_powers(s: float | Iterable[float]) -> list[float]:
    """One power s or several as a list; ValueError for one that is negative or not finite."""
    powers = list(s) if isinstance(s, Iterable) else [s]
    for power in powers:
        if not 0 <= power < np.inf:
            raise ValueError(f"s must be a finite number >= 0, got {power}")
    return powers


def check_option(name: str, value: str, allowed: tuple[str, ...]) -> None:
    """Raise ValueError, naming the option, for a value that is not allowed."""
    if value not in allowed:
        raise ValueError(f"{name} must be one of {', '.join(allowed)}, got {value!r}")


def mean_and_jackknife(of_row: np.ndarray, s: float, distance: str, half_space: bool) -> tuple[float, float]:
    """Compute the mean energy over all pairs and its delete-one jackknife standard error.

    Without row i the total is lower by twice the row's sum, so one pass gives all N estimates.

    Args:
        of_row: float64, N sums over the pairs of each row.
        s: the power.
        distance: "chordal" or "angular".
        half_space: whether `of_row` holds the pairs of u_i and -u_i.

    Returns:
        Mean and standard error; the error is nan for N < 3 and for infinite energies.
    """
    n, total = len(of_row), of_row.sum()
    if not np.isfinite(total):
        return float(total), np.nan
    if half_space:  # ± of two rows are four pairs, two of each distance; ± of one row lie opposite
        opposite = pair_energy(np.array([np.pi**2 if distance == "angular" else 4.0]), s)[0]
        mean = (2 * total + 2 * n * opposite) / (2 * n * (2 * n - 1))
        left_out = 2 * (total - 2 * of_row) + 2 * (n - 1) * opposite
        pairs_left = 2 * (n - 1) * (2 * n - 3)
    else:
        mean = total / (n * (n - 1))
        left_out = total - 2 * of_row
        pairs_left = (n - 1) * (n - 2)
    if n < 3:
        return float(mean), np.nan
    return float(mean), float(np.sqrt((n - 1) * np.var(left_out / pairs_left)))


def pair_energy(r2: np.ndarray, s: float) -> np.ndarray:
    """Compute e_s(r).

    Args:
        r2: squared distances r², float64, any shape.
        s: the power, >= 0.

    Returns:
        Energies in the shape of r2; inf where r2 is 0.
    """
    with np.errstate(divide="ignore", over="ignore"):
        if s == 0:
            return -0.5 * np.log(r2)
        if s == 1:
            return 1 / np.sqrt(r2)
        if s == 2:
            return 1 / r2
        return r2 ** (-s / 2)


class PairSums:
    """Sums over the pairs of each row, gathered in strips of the Gram matrix's upper triangle.

    Attributes:
        of_row: {s: N sums of e_s over the pairs of a row}.
        squares, fourths: N sums of r² and of r⁴ over the pairs of a row.
        duplicates: pairs (i, j), i < j, at distance 0.
    """

    def __init__(self, points: Any, powers: list[float], *, angular: bool = False, half_space: bool = False):
        self.points, self.angular, self.half_space = points, angular, half_space
        self.of_row = {s: np.zeros(points.n) for s in powers}
        self.squares, self.fourths = np.zeros(points.n), np.zeros(points.n)
        self.duplicates: list[tuple[int, int]] = []
        self.alike = np.arange(points.n)  # rows found to have one direction share a number
        self.moved: Any = None  # the points around their mean, once they are needed

    def add_all(self, block_size: int, gram: np.ndarray | None = None) -> None:
        """Add all pairs.

        Args:
            block_size: rows of the Gram matrix held at once.
            gram: N x N inner products of the points, where known.
        """
        n = self.points.n
        for start in range(0, n, block_size):
            stop = min(start + block_size, n)
            products = self.points.products(start, stop) if gram is None else gram[start:stop, start:]
            r2 = self._distances(start, stop, 1, products)
            opposite: Any = None  # distances to the opposite points, where they count
            if self.angular or self.half_space:
                opposite = self._distances(start, stop, -1, products)
            self._find_duplicates(start, r2)
            if self.half_space:
                self._find_duplicates(start, opposite)
            rows = max(1, TILE // (n - start))
            for first in range(0, stop - start, rows):
                tile = slice(first, min(first + rows, stop - start))
                self._add(start, stop, tile, r2[tile], None if opposite is None else opposite[tile])

    def _distances(self, start: int, stop: int, sign: int, products: np.ndarray) -> np.ndarray:
        """|p_i - sign p_j|² of the rows start ... stop - 1 with the rows start ... N - 1."""
        points = self.points
        r2 = _from_products(points.squares, start, sign, products)
        i, j = _near_pairs(r2, points.squares, start)
        if sign == 1 and len(i) > CROWDED * (points.n - start):
            self.moved = self.moved or points.around_mean()
            r2 = _from_products(self.moved.squares, start, 1, self.moved.products(start, stop))
            i, j = _near_pairs(r2, self.moved.squares, start)
        rows, firsts = np.unique(i, return_index=True)  # i is ascending
        for row, others in zip(rows, np.split(j, firsts[1:]), strict=False):
            r2[row, others] = self._near(start + row, start + others, sign)
        inside = j < stop - start  # in the square at the left each pair appears twice
        r2[j[inside], i[inside]] = r2[i[inside], j[inside]]
        return r2

    def _near(self, row: int, others: np.ndarray, sign: int) -> np.ndarray:
        """Squared distances from differences, except of rows known to be alike."""
        if sign == -1:
            return self.points.near(row, others, sign)
        r2 = np.zeros(len(others))
        new = self.alike[others] != self.alike[row]
        r2[new] = self.points.near(row, others[new], sign)
        self.alike[others[r2 == 0]] = self.alike[row]
        return r2

    def _find_duplicates(self, start: int, r2: np.ndarray) -> None:
        i, j = np.nonzero(r2 == 0)
        pairs = zip((start + i).tolist(), (start + j).tolist(), strict=True)
        self.duplicates += [(i, j) for i, j in pairs if i < j]

    def _add(self, start: int, stop: int, tile: slice, r2: np.ndarray, opposite: Any) -> None:
        rows = np.arange(tile.start, tile.stop)
        to_itself = (rows - tile.start, rows)
        beyond = stop - start  # columns from here on stand for the pairs on both sides of the diagonal
        r2[to_itself] = 0
        mine = slice(start + tile.start, start + tile.stop)
        for sums, values in ((self.squares, r2), (self.fourths, r2 * r2)):
            sums[mine] += values.sum(axis=1)
            sums[stop:] += values[:, beyond:].sum(axis=0)
        squares = [r2]
        if self.angular:  # 2 arctan(|u - w| / |u + w|): exact near 0 and near pi (Kahan 2006)
            r2[to_itself], opposite[to_itself] = 1, 1
            angle = 2 * np.arctan2(np.sqrt(r2), np.sqrt(opposite))
            squares = [angle**2]
            if self.half_space:
                squares = [angle**2, (2 * np.arctan2(np.sqrt(opposite), np.sqrt(r2))) ** 2]
        elif self.half_space:
            squares = [r2, opposite]
        for s, of_row in self.of_row.items():
            for square in squares:
                square[to_itself] = 1
                energies = pair_energy(square, s)
                energies[to_itself] = 0
                of_row[mine] += energies.sum(axis=1)
                of_row[stop:] += energies[:, beyond:].sum(axis=0)


def _from_products(squares: np.ndarray, start: int, sign: int, products: np.ndarray) -> np.ndarray:
    r2 = products * (-2 * sign)
    r2 += squares[start : start + len(products), None]
    r2 += squares[start:]
    return r2


def _near_pairs(r2: np.ndarray, squares: np.ndarray, start: int) -> tuple[np.ndarray, np.ndarray]:
    """Places (i, j) in the strip, j right of the diagonal, where cancellation costs digits."""
    i, j = np.nonzero(r2 < max(NEAR * squares.max(), SAME))
    limit = np.maximum(NEAR * (squares[start + i] + squares[start + j]) / 2, SAME)
    near = (j > i) & (r2[i, j] < limit)
    return i[near], j[near]
