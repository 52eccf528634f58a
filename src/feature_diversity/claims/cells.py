"""The cells of some runs: means over seeds, and contrasts of them for the t test."""

from collections.abc import Callable

import numpy as np
import pandas as pd

from feature_diversity.base.run import CELL
from feature_diversity.claims.runs import Runs
from feature_diversity.statistics.contrasts import CellMeans, Tested
from feature_diversity.statistics.groups import codes, means_by

Chosen = Callable[[pd.DataFrame], pd.Series]


class Cells:
    """Cells (a network after a number of epochs) of runs that have values in all of some columns.

    frame: a row for each cell, with CELL, the means of `columns`, and `n_params` where known.
    Weights of contrasts have the shape (contrasts, cells, columns).
    """

    def __init__(self, runs: Runs, columns: list[str]) -> None:
        table = runs.table
        self.columns = columns
        cell, network = runs.cell, runs.network
        first = np.unique(cell, return_index=True)[1]
        known = [name for name in (*columns, "n_params") if name in table]
        means = pd.DataFrame(means_by(table[known].to_numpy(dtype=float), cell), columns=known)
        self.frame = pd.concat([table[CELL].iloc[first].reset_index(drop=True), means], axis=1)
        epochs = np.unique(table["epochs"], return_inverse=True)[1]
        values = np.full((runs.training.max() + 1, len(columns), epochs.max() + 1), np.nan)
        for place, column in enumerate(columns):
            values[runs.training, place, epochs] = table[column]
        self._network, self._epochs = network[first], epochs[first]
        of_training = np.zeros(len(values), dtype=int)
        of_training[runs.training] = network
        self._means = CellMeans(values.reshape(len(values), -1), of_training)
        self._shape = (network.max() + 1, len(columns), epochs.max() + 1)
        self._places: dict[tuple[str, ...], tuple[np.ndarray, pd.DataFrame]] = {}

    def test(self, weights: np.ndarray, *, pooled: bool = False) -> Tested:
        """Estimate contrasts: sums of weights times means. pooled: see `CellMeans.test`."""
        spread = np.zeros((len(weights), *self._shape))
        spread[:, self._network, :, self._epochs] = weights.transpose(1, 0, 2)
        return self._means.test(spread.reshape(len(weights), self._shape[0], -1), pooled=pooled)

    def column(self, **signs: float) -> np.ndarray:
        """Weights of columns, (columns,), such as of head=1 and conv1=-1."""
        return np.array([signs.get(name, 0.0) for name in self.columns])

    def each(self) -> np.ndarray:
        """Every cell by itself; shape (cells, cells)."""
        return np.eye(len(self.frame))

    def between(self, high: np.ndarray, low: np.ndarray, equal: list[str]) -> tuple[np.ndarray, pd.DataFrame]:
        """Differences of cells `high` minus cells `low`, at each combination of the columns `equal`.

        Args:
            high: (cells,), true where a cell stands on the higher side.
            low: (cells,), true where it stands on the lower.
            equal: columns of `frame` in which compared cells are equal.

        Returns:
            Weights (places, cells) and the places, a row of `equal` each: those that have both sides.
        """
        place, places = self._places_of(equal)
        inside = place == np.arange(len(places))[:, None]
        sides = [side & inside for side in (high, low)]
        both = sides[0].any(axis=1) & sides[1].any(axis=1)
        counts = [np.maximum(side[both].sum(axis=1, keepdims=True), 1) for side in sides]
        weights = sides[0][both] / counts[0] - sides[1][both] / counts[1]
        return weights, places[both].reset_index(drop=True)

    def slopes(self, x: str, equal: list[str]) -> tuple[np.ndarray, pd.DataFrame, np.ndarray]:
        """Slopes on log2 of a column, at each combination of the columns `equal`.

        Returns:
            Weights (places, cells); the places, those where x varies; and each one's share in the slope over
            all of them, which is that of least squares.
        """
        log = np.log2(self.frame[x].to_numpy(dtype=float))
        place, places = self._places_of(equal)
        means = np.bincount(place, log) / np.bincount(place)
        centred = np.where(place == np.arange(len(places))[:, None], log - means[place], 0.0)
        squares = (centred**2).sum(axis=1)
        varies = squares > 1e-12
        weights, share = centred[varies] / squares[varies, None], squares[varies] / squares[varies].sum()
        return weights, places[varies].reset_index(drop=True), share

    def _places_of(self, equal: list[str]) -> tuple[np.ndarray, pd.DataFrame]:
        """A number for each cell that tells its combination of the columns `equal`, and the combinations."""
        if tuple(equal) not in self._places:
            place = codes(self.frame, equal)
            first = np.unique(place, return_index=True)[1]
            self._places[tuple(equal)] = place, self.frame[equal].iloc[first]
        return self._places[tuple(equal)]
