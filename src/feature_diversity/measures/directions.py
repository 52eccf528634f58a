"""Rows of a matrix as points on the unit sphere: read in pieces, compared to full precision."""

import copy
from collections.abc import Iterator
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike

CHUNK = 2**23  # float64 values in the buffer (64 MiB): enough columns for matrix products at full speed
CACHE = 2**17  # float64 values (1 MiB) for work that takes several passes
SAFE = (1e-200, 1e200)  # squared norms in this range have lost nothing to overflow or underflow
PARALLEL = 1e-8  # r² below which even differences of unit rows have lost digits, about 1e-16 / r


class Directions:
    """The N directions u_i = v_i / |v_i| of the rows of `x`, never held in float64 all at once.

    Args:
        x: (N, ...), any real dtype, in memory or memory-mapped; trailing axes are flattened.
        center: subtract the mean row first.
        gram: N x N float64 inner products of the rows (of the centred rows with `center`), where known.

    Raises:
        ValueError: fewer than two rows; an entry that is not finite, or a row without direction (zero, or
            with `center` equal to the mean of all rows), of which the message names the row.
    """

    def __init__(self, x: ArrayLike, *, center: bool = False, gram: np.ndarray | None = None):
        x = np.asarray(x)
        if x.dtype.kind not in "biuf":
            raise ValueError(f"rows must be real numbers, not {x.dtype}")
        if x.ndim < 2 or x.shape[0] < 2 or 0 in x.shape:
            raise ValueError(f"need at least two rows and one column, got an array of shape {x.shape}")
        self.x = x.reshape(len(x), -1)
        self.n, self.dim = self.x.shape
        if gram is not None and gram.shape != (self.n, self.n):
            raise ValueError(f"the Gram matrix of {self.n} rows cannot have shape {gram.shape}")
        self.center = center
        self.power = self._power(gram) if center else 1.0  # the sum of the rows must not overflow
        self.shift: np.ndarray | None = None
        self.scale, self.norm, self.scaled = np.ones(self.n), np.ones(self.n), False
        self._normalise(gram)
        self.squares = np.ones(self.n)  # squared lengths of the points, here all on the sphere

    def _power(self, gram: np.ndarray | None) -> float:
        """The power of two that values are multiplied by: from a pass over them, or the Gram matrix."""
        if gram is not None:
            return _power_of_two(np.sqrt(gram.diagonal().max()))
        peak = max(max(block.max(), -block.min()) for _, block in self._columns())
        if not np.isfinite(peak):
            self._raise_not_finite()
        return _power_of_two(peak)

    @cached_property
    def mean_row(self) -> np.ndarray:
        """Mean of the rows times `power`; computed when first asked for, which takes a pass."""
        mean = np.zeros(self.dim)
        for columns, block in self._columns():
            block *= self.power
            mean[columns] = block.mean(axis=0)
        return mean

    def _normalise(self, gram: np.ndarray | None) -> None:
        if gram is not None:
            squares = gram.diagonal() * self.power**2
        else:
            squares = np.zeros(self.n)
            with np.errstate(over="ignore", under="ignore", invalid="ignore"):
                for _, block in self.blocks():
                    squares += np.einsum("ij,ij->i", block, block)
        for i in np.flatnonzero(~((squares > SAFE[0]) & (squares < SAFE[1]))):
            row = self.rows([int(i)])[0]
            if not np.isfinite(row).all():
                self._raise_not_finite()
            if not row.any():
                break  # named below
            if gram is not None:
                raise ValueError(f"the squared norm of row {i} leaves the range of a given Gram matrix")
            self.scale[i] = _power_of_two(np.abs(row).max())
            squares[i] = np.sum((row * self.scale[i]) ** 2)
        self.scaled = bool((self.scale != 1).any())
        self.norm = np.sqrt(squares)
        for i in np.flatnonzero(self.norm <= self._rounding() * self.scale):
            reason = "equals the mean of all rows" if self.center else "is zero"
            raise ValueError(f"row {i} {reason}: it has no direction")

    def _rounding(self) -> float:
        """What subtracting the mean leaves of a row that equals it.

        The mean is at most as long as a row and that row's distance to it: if all rows are longer than the
        rounding of so much, it need not be known.
        """
        if not self.center:
            return 0.0
        first = np.linalg.norm(self.x[0].astype(np.float64) * self.power)
        most = 4 * np.finfo(float).eps * (first + self.norm[0] / self.scale[0])
        if (self.norm > most * self.scale).all():
            return most
        return float(4 * np.finfo(float).eps * np.linalg.norm(self.mean_row))

    def _raise_not_finite(self) -> None:
        for i in range(self.n):
            bad = np.flatnonzero(~np.isfinite(self.x[i].astype(np.float64)))
            if bad.size:
                raise ValueError(f"row {i} is not finite: its value {bad[0]} is {self.x[i][bad[0]]}")

    def blocks(self, first: int = 0) -> Iterator[tuple[slice, np.ndarray]]:
        """Yield points `first` ... N - 1, a range of columns at a time.

        Yields:
            The columns, and float64 values, (N - first) x columns, in one buffer that is used again.
        """
        for columns, block in self._columns(first):
            self._move(block, slice(first, None), columns)
            yield columns, block

    def _columns(self, first: int = 0) -> Iterator[tuple[slice, np.ndarray]]:
        """Yield rows `first` ... N - 1 as they are in `x`, as `blocks` does the points."""
        step = min(max(1, CHUNK // self.n), self.dim)
        buffer = np.empty((self.n - first) * step)
        for start in range(0, self.dim, step):
            columns = slice(start, min(start + step, self.dim))
            shape = (self.n - first, columns.stop - columns.start)
            block = buffer[: shape[0] * shape[1]].reshape(shape)
            block[...] = self.x[first:, columns]
            yield columns, block

    def _move(self, values: np.ndarray, rows: slice | np.ndarray, columns: slice) -> None:
        """From values of `x` to points, in place. Scaling by powers of two is exact."""
        if self.center:
            values *= self.power
            values -= self.mean_row[columns]
        if self.scaled:  # two steps, for scale / norm can overflow
            values *= self.scale[rows, None]
        values *= 1 / self.norm[rows, None]
        if self.shift is not None:
            values -= self.shift[columns]

    def rows(self, indices: list[int] | np.ndarray) -> np.ndarray:
        """Read rows v_i up to a power of two, centred if asked for: float64, len(indices) x D."""
        values = self.x[indices].astype(np.float64)
        if self.center:
            values = values * self.power - self.mean_row
        if not self.scaled:
            return values
        return values * self.scale[indices, None]

    def products(self, start: int, stop: int) -> np.ndarray:
        """Compute inner products of the points start ... stop - 1 with the points start ... N - 1."""
        size = stop - start
        total = np.zeros((size, self.n - start))
        part = np.empty_like(total)
        for _, block in self.blocks(first=start):
            left, right = block[:size], block[size:]
            np.matmul(left, left.T, out=part[:, :size])  # NumPy computes only half of this one
            np.matmul(left, right.T, out=part[:, size:])
            total += part
        return total

    def around_mean(self) -> "Directions":
        """Move the points so that their mean is the origin.

        Their distances stay, and no longer suffer from cancellation where all rows lie in a narrow cone.
        """
        moved = copy.copy(self)
        moved.shift = np.zeros(self.dim)
        for columns, block in self.blocks():
            moved.shift[columns] = block.mean(axis=0)
        moved.squares = np.zeros(self.n)
        for _, block in moved.blocks():
            moved.squares += np.einsum("ij,ij->i", block, block)
        return moved

    def near(self, i: int, others: np.ndarray, sign: int = 1) -> np.ndarray:
        """Compute |u_i - sign u_j|² from differences.

        Args:
            i: one row.
            others: int64, the rows j.
            sign: 1, or -1 for the distance to the opposite point.

        Returns:
            float64, len(others); exactly 0 for one direction only.
        """
        result = np.empty(len(others))
        a = self.rows([i])[0]
        step = max(1, CACHE // self.dim)
        for first in range(0, len(others), step):
            some = others[first : first + step]
            b = self.rows(some)
            difference = b / (sign * self.norm[some, None])
            difference -= a / self.norm[i]
            squared = np.einsum("ij,ij->i", difference, difference)
            parallel = squared < PARALLEL
            if parallel.any():
                squared[parallel] = _nearly_parallel(a, sign * b[parallel])
            result[first : first + step] = squared
        return result


def _power_of_two(peak: float) -> float:
    """A power of two that brings `peak` near 1 (at most 2^±1000, so that it is itself a number)."""
    return 2.0 ** -np.clip(np.frexp(peak)[1], -1000, 1000)


def _nearly_parallel(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Squared distance of the direction of a (D) to those of the rows of b (k x D), all nearly a's.

    With p the place of a's largest entry, d = b_p a - a_p b is zero if and only if a and b have one
    direction; |a_p| |b| sin(angle) is the length of its part across a. Each product is taken with its
    rounding error (Dekker 1971), so d is right to nearly all digits however close the rows are.
    """
    p = np.argmax(np.abs(a))
    left, left_error = _product(a, b[:, [p]])
    right, right_error = _product(b, a[p])
    d = (left - right) + (left_error - right_error)
    d -= ((d @ a) / (a @ a))[:, None] * a
    sine2 = np.sum(d**2, axis=1) / (a[p] ** 2 * np.sum(b**2, axis=1))
    return 2 * sine2 / (1 + np.sqrt(1 - sine2))


def _product(a: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """a * b rounded, and the exact error of that rounding (Dekker 1971)."""
    product = a * b
    a_high, b_high = _high_half(a), _high_half(b)
    a_low, b_low = a - a_high, b - b_high
    error = ((a_high * b_high - product) + a_high * b_low + a_low * b_high) + a_low * b_low
    return product, error


def _high_half(a: np.ndarray) -> np.ndarray:
    """The upper 26 of the 53 bits of a float64 (Veltkamp's splitting)."""
    moved = a * 134217729.0  # 2^27 + 1
    return moved - (moved - a)
