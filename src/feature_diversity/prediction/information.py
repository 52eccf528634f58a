"""Conditional mutual information of a measure's order and the error's (Jiang et al. 2020, section 4.2).

A rank correlation may stem from a hyperparameter that moves both. So the two signs of a pair are compared
among pairs with the same values of some axes, for every set of up to two, and the least is reported: what no
pair of axes explains. Estimates from few pairs are too large; what permuted measures give is taken off.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import combinations

import numpy as np
import pandas as pd
from scipy.sparse import csr_matrix

from feature_diversity.base.run import RUN
from feature_diversity.prediction.resampling import interval_around
from feature_diversity.prediction.runs import Outcome
from feature_diversity.statistics.groups import codes

COLUMNS = 256  # measures at once, which bounds memory
PAIRS = 20_000  # of more a random sample is taken
PERMUTATIONS = 5  # for the bias
DRAWS = 100  # of the bootstrap
MOST_AXES = 2


def conditional_information(
    outcome: Outcome, axes: pd.DataFrame, ranks: np.ndarray, training: np.ndarray, drawn: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, list[str]]:
    """I(measure's sign; error's sign | axes) / H(error's sign | axes), least over sets of axes, bias removed.

    Args:
        outcome: whose errors are ordered.
        axes: (runs, RUN), a number for each value.
        ranks: int32 (runs, k), -1 where missing.
        training: (runs,) numbers from 0.
        drawn: weights of trainings, (draws, trainings).

    Returns:
        The estimate, the ends of its bootstrap interval with that set held fixed, the number of pairs,
        (k,) each, and the sets in words; NaN where no set leaves anything to tell.
    """
    first, second = some_pairs(len(axes))
    angle = outcome.angle
    order = outcome.order(angle[first], angle[second])
    first, second, order = first[order != 0], second[order != 0], order[order != 0]
    k = ranks.shape[1]
    least, chosen = np.full(k, np.inf), [()] * k
    rng = np.random.default_rng(4)
    for given in conditions(axes):
        pairs = conditioned(axes, given, first, second, order)
        plain = information(ranks, pairs)[0]
        strata = codes(axes, list(given)) if given else np.zeros(len(axes), dtype=int)
        shuffled = [ranks[_permutation(strata, rng)] for _ in range(PERMUTATIONS)]
        chance = np.mean([information(values, pairs)[0] for values in shuffled], axis=0)
        better = plain - chance < least
        least[better] = (plain - chance)[better]
        chosen = [given if b else old for b, old in zip(better, chosen, strict=True)]
    least[np.isinf(least)] = np.nan
    draws = np.full((DRAWS, k), np.nan)
    for given in set(chosen):
        mine = np.array(
            [place for place in range(k) if chosen[place] == given and np.isfinite(least[place])], int
        )
        if len(mine):
            pairs = conditioned(axes, given, first, second, order)
            one, other = (drawn[:DRAWS, training[places]] for places in (pairs.first, pairs.second))
            draws[:, mine] = information(ranks[:, mine], pairs, one * other)
    low, high = interval_around(least, draws)  # resampled pairs repeat, which adds information of its own
    names = [f"given {' and '.join(given)}" if given else "given no axis" for given in chosen]
    return least, low, high, np.full(k, len(first)), names


def some_pairs(runs: int) -> tuple[np.ndarray, np.ndarray]:
    """All pairs of runs, or a random sample of PAIRS."""
    if runs * (runs - 1) // 2 <= PAIRS:
        return np.triu_indices(runs, 1)
    rng = np.random.default_rng(5)
    first = rng.integers(0, runs, PAIRS)
    second = (first + rng.integers(1, runs, PAIRS)) % runs
    return first, second


def conditions(axes: pd.DataFrame) -> Iterator[tuple[str, ...]]:
    """Sets of up to two axes, without those that leave most runs alone in their stratum."""
    varied = [axis for axis in RUN if axes[axis].max() > 0]
    for size in range(MOST_AXES + 1):
        for given in combinations(varied, size):
            sizes = np.bincount(codes(axes, list(given))) if given else np.array([len(axes)])
            if 2 * (sizes[sizes > 0] - 1).sum() >= len(axes):
                yield given


@dataclass(frozen=True)
class Conditioned:
    """Pairs of runs whose strata leave the order of their errors open; of others nothing is to tell.

    Each counts in both orders. first, second: (pairs,) places of runs. cell: (pairs,) numbers: 2 x the pair
    of strata, and 1 more where the first has the larger error. turned: (pairs,) the same of the second and
    the first. cells: how many there are.
    """

    first: np.ndarray
    second: np.ndarray
    cell: np.ndarray
    turned: np.ndarray
    cells: int


def conditioned(
    axes: pd.DataFrame, given: tuple[str, ...], first: np.ndarray, second: np.ndarray, order: np.ndarray
) -> Conditioned:
    """Pairs by the strata of their runs: the values of some axes. order: of their errors, +1 or -1."""
    stratum = codes(axes, list(given))
    strata = np.stack([stratum[first], stratum[second]])
    numbers = strata * (stratum.max() + 1) + strata[::-1]
    group = np.unique(numbers, return_inverse=True)[1].reshape(numbers.shape)
    higher = np.stack([order > 0, order < 0])
    found = np.bincount((2 * group + higher).ravel(), minlength=2 * (group.max(initial=-1) + 1))
    both = found.reshape(-1, 2).all(axis=1)
    kept = both[group[0]]  # and so is it turned
    cell, turned = (2 * (np.cumsum(both) - 1)[group] + higher)[:, kept]
    return Conditioned(first[kept], second[kept], cell, turned, 2 * int(both.sum()))


def information(ranks: np.ndarray, pairs: Conditioned, weights: np.ndarray | None = None) -> np.ndarray:
    """Conditional mutual information over conditional entropy, from counts of ordered pairs.

    Args:
        ranks: int32 (runs, k), -1 where missing. The sign of a difference has three values: ties tell
            something.
        pairs: which, and in which strata.
        weights: (draws, pairs) whole numbers, else each pair counts once.

    Returns:
        (draws, k), with one draw where no weights are given; NaN where the strata decide the error's sign, or
        nothing is known.
    """
    weights = np.ones((1, len(pairs.cell)), dtype=np.float32) if weights is None else weights
    found = np.full((len(weights), ranks.shape[1]), np.nan)
    for start in range(0, ranks.shape[1] if pairs.cells else 0, COLUMNS):
        columns = ranks[:, start : start + COLUMNS]
        one, other = columns[pairs.first], columns[pairs.second]
        known = (one >= 0) & (other >= 0)
        above, below = ((one > other) & known).astype(np.float32), ((one < other) & known).astype(np.float32)
        ties = None if known.all() and (above + below).all() else known - above - below
        for draw, weight in enumerate(weights):
            total, turned = (
                csr_matrix((weight, (cell, np.arange(len(weight)))), (pairs.cells, len(weight)))
                for cell in (pairs.cell, pairs.turned)
            )
            counts = [total @ above + turned @ below, total @ below + turned @ above]
            if ties is not None:
                counts.append((total + turned) @ ties)
            found[draw, start : start + COLUMNS] = _share_told(np.array(counts))
    return found


def _share_told(counts: np.ndarray) -> np.ndarray:
    """The share of the entropy of the error's sign that the measure's sign tells, (k,).

    counts: whole numbers, (signs of the measure, 2 x pairs of strata, k).
    """
    counts = counts.astype(np.int32).reshape(len(counts), -1, 2, counts.shape[2])
    errors = counts.sum(axis=0)
    everything = _n_log_n(errors.sum(axis=1)).sum(axis=0)
    entropy = everything - _n_log_n(errors).sum(axis=(0, 1))
    told = _n_log_n(counts).sum(axis=(0, 1, 2)) - _n_log_n(counts.sum(axis=2)).sum(axis=(0, 1)) + entropy
    enough = entropy > 1e-9 * errors.sum(axis=(0, 1))
    return np.where(enough, told / np.where(enough, entropy, 1), np.nan)


def _n_log_n(counts: np.ndarray) -> np.ndarray:
    """n log n of each."""
    return _logarithms(1 << int(counts.max(initial=0) + 1).bit_length())[counts]


@lru_cache
def _logarithms(size: int) -> np.ndarray:
    """n log n of 0, 1, ..., size - 1: counts are whole, and logarithms dear."""
    n = np.arange(size, dtype=float)
    return n * np.log(np.maximum(n, 1))


def _permutation(strata: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A random order of runs within strata."""
    shuffled = np.lexsort([rng.random(len(strata)), strata])
    places = np.empty(len(strata), dtype=int)
    places[np.argsort(strata, kind="stable")] = shuffled
    return places
