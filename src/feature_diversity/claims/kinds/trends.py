"""Claims that something rises or falls with an ordered factor: Jonckheere-Terpstra tests and slopes."""

from collections.abc import Sequence
from itertools import pairwise
from math import comb, factorial

import numpy as np
import pandas as pd

from feature_diversity.base.run import CELL, CONFIGURATION, NETWORK
from feature_diversity.claims.evidence import Part
from feature_diversity.claims.runs import Runs
from feature_diversity.statistics.bootstrap import codes, interval
from feature_diversity.statistics.permutation import DRAWS, jonckheere_terpstra, max_t, sign_flip


def between_networks(runs: Runs, column: str, factor: str) -> tuple[float, float]:
    """p that a column rises, and p that it falls, with a factor that tells networks apart.

    Trainings are permuted, each with its values at all numbers of epochs; values are compared at equal
    epochs, among networks that are equal but for the factor.
    """
    known = trainings(runs)
    strata = codes(known, [name for name in CONFIGURATION if name != factor])
    return jonckheere_terpstra(by_training(runs, column).to_numpy(), known[factor].to_numpy(), strata)


def over_epochs(runs: Runs, column: str) -> tuple[float, float]:
    """p that a column rises, and p that it falls, with the number of epochs.

    The statistic is Jonckheere and Terpstra's within each training (seed); its sign is flipped at random over
    trainings, because snapshots of one training are not independent. Where every number of epochs has its own
    seeds, epochs are permuted over the runs of a network.
    """
    matrix = by_training(runs, column).to_numpy()
    if (np.isfinite(matrix).sum(axis=1) >= 2).any():
        counts = np.zeros(len(matrix))
        for later in range(1, matrix.shape[1]):
            counts += np.nansum(np.sign(matrix[:, [later]] - matrix[:, :later]), axis=1)
        return sign_flip(counts), sign_flip(-counts)
    table = runs.table
    return jonckheere_terpstra(
        table[column].to_numpy(), table["epochs"].to_numpy(), codes(table, CONFIGURATION)
    )


def by_training(runs: Runs, column: str) -> pd.DataFrame:
    """A row for each training, in the order of `trainings`, a column for each number of epochs."""
    epochs, place = np.unique(runs.table["epochs"], return_inverse=True)
    matrix = np.full((runs.training.max() + 1, len(epochs)), np.nan)
    matrix[runs.training, place] = runs.table[column]
    return pd.DataFrame(matrix, columns=epochs)


def trainings(runs: Runs) -> pd.DataFrame:
    """CONFIGURATION and seed of each training."""
    first = np.unique(runs.training, return_index=True)[1]
    return runs.table.iloc[first][NETWORK].reset_index(drop=True)


def steps(runs: Runs, column: str) -> tuple[list[Part], float]:
    """Mean change from each number of epochs to the next, over networks; p that some step rises (max-T)."""
    epochs = runs.values("epochs")
    matrix = by_training(runs, column)
    changes = np.stack([matrix[b] - matrix[a] for a, b in pairwise(epochs)], axis=1)
    cells, draws = runs.cells([column], CELL)
    places = cells.assign(place=range(len(cells))).pivot_table("place", CONFIGURATION, "epochs")
    means, parts = cells[column].to_numpy(), []
    for a, b in pairwise(epochs):
        both = places[[a, b]].dropna().astype(int)
        if len(both):
            moved = (draws[0][:, both[b]] - draws[0][:, both[a]]).mean(axis=1)
            effect = float((means[both[b]] - means[both[a]]).mean())
            parts.append(Part(f"{a} to {b} epochs", effect, *interval(moved, runs.n_seeds)))
    return parts, max_t(changes)


def slope(runs: Runs, column: str, x: str, within: Sequence[str]) -> tuple[float, float, float]:
    """Slope of the cells' means of a column on log2 of `x`, within strata, and its 95 % interval.

    x: a numeric column, such as width, n_params or epochs. within: columns that tell the strata apart.
    """
    cells, draws = runs.cells([column] if x in CELL else [column, x], CELL)
    weights = slope_weights(np.log2(cells[x].to_numpy(dtype=float)), cells[list(within)])
    return float(cells[column].to_numpy() @ weights), *interval(draws[0] @ weights, runs.n_seeds)


def slope_weights(x: np.ndarray, strata: pd.DataFrame) -> np.ndarray:
    """Weights whose sum with values is the slope of the values on x within strata; NaN if x does not vary."""
    stratum = codes(strata, list(strata))
    means = np.bincount(stratum, x) / np.bincount(stratum)
    centred = x - means[stratum]
    square = (centred**2).sum()
    return centred / square if square > 0 else np.full(len(x), np.nan)


def least_p_of_trend(groups: int, strata: int = 1):
    """Seeds -> least p of a Jonckheere-Terpstra test of so many groups in each of so many strata."""

    def least(n: int) -> float:
        arrangements = factorial(n * groups) // factorial(n) ** groups
        return max(1.0 / arrangements**strata, 1 / (DRAWS + 1))

    return least


def least_p_of_signs(networks: int):
    """Seeds -> least p of a sign-flip test over the trainings of so many networks."""
    return lambda n: max(2.0 ** -(n * networks), 1 / (DRAWS + 1))


def least_p_of_two_samples(n: int) -> float:
    """Least p of a permutation test of two samples of n seeds."""
    return max(1 / comb(2 * n, n), 1 / (DRAWS + 1))
