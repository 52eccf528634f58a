"""How much trainings of one network differ: of every network by itself, and of all together."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Noise:
    """Covariance between the trainings of a network, of some columns.

    each: (networks, columns, columns), NaN where a network has no two trainings with these columns. freedoms:
    (networks,), degrees of freedom of each. pooled, freedom: the same of all networks together.
    """

    each: np.ndarray
    freedoms: np.ndarray
    pooled: np.ndarray
    freedom: float


class Trainings:
    """Values of trainings, and the noise in them.

    Args:
        values: (trainings, columns); NaN where a training has no value.
        network: (trainings,), numbers 0, 1, ... of networks; trainings of one differ in their seed alone.
    """

    def __init__(self, values: np.ndarray, network: np.ndarray) -> None:
        self.known = np.isfinite(values)
        self._values, self._network = values, network
        self._networks = int(network.max()) + 1
        self.counts = self._sums(self.known.astype(float), network)
        sums = self._sums(np.where(self.known, values, 0), network)
        self.means = sums / np.where(self.counts > 0, self.counts, np.nan)
        self._noises: dict[tuple[int, ...], Noise] = {}

    def noise(self, columns: tuple[int, ...]) -> Noise:
        """Noise of some columns from the trainings that have all of them.

        Where no network has two such trainings, as when each number of epochs has seeds of its own, columns
        have no training in common, and each column's variance is its own.
        """
        if columns not in self._noises:
            products, freedoms = self._products(columns)
            if freedoms.sum() > 0 or len(columns) == 1:
                self._noises[columns] = _noise(products, freedoms)
            else:
                alone = [self.noise((column,)) for column in columns]
                self._noises[columns] = Noise(
                    np.array(
                        [
                            np.diag(of_network)
                            for of_network in zip(*(a.each[:, 0, 0] for a in alone), strict=True)
                        ]
                    ),
                    np.min([a.freedoms for a in alone], axis=0),
                    np.diag([a.pooled[0, 0] for a in alone]),
                    min(a.freedom for a in alone),
                )
        return self._noises[columns]

    def overlap(self, network: int, columns: tuple[int, ...]) -> np.ndarray:
        """Shared trainings of each pair of columns over the product of their counts: 1/n where all share."""
        known = self.known[np.ix_(self._network == network, columns)].astype(float)
        counts = known.sum(axis=0)
        return (known.T @ known) / np.maximum(np.outer(counts, counts), 1)

    def _products(self, columns: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray]:
        """Sums of products of values minus their network's mean, and how many are free to vary."""
        rows = self.known[:, columns].all(axis=1)
        values, network = self._values[np.ix_(rows, columns)], self._network[rows]
        counts = np.bincount(network, minlength=self._networks)
        left = values - (self._sums(values, network) / np.maximum(counts, 1)[:, None])[network]
        products = np.zeros((self._networks, len(columns), len(columns)))
        for number in np.flatnonzero(counts > 1):
            mine = left[network == number]
            products[number] = mine.T @ mine
        return products, np.maximum(counts - 1, 0).astype(float)

    def _sums(self, values: np.ndarray, network: np.ndarray) -> np.ndarray:
        """Sums over the trainings of each network."""
        sums = np.zeros((self._networks, values.shape[1]))
        np.add.at(sums, network, values)
        return sums


def _noise(products: np.ndarray, freedoms: np.ndarray) -> Noise:
    freedom = float(freedoms.sum())
    each = products / np.where(freedoms > 0, freedoms, np.nan)[:, None, None]
    pooled = products.sum(axis=0) / (freedom or np.nan)
    return Noise(each, freedoms, pooled, freedom)
