"""Conditional mutual information of a measure's order and the error's (Jiang et al. 2020, section 4.2).

A rank correlation may stem from a hyperparameter that moves both. So the two signs of a pair are compared
among pairs with the same values of some axes, for every set of up to two, and the least is reported: what no
pair of axes explains. Estimates from few pairs are too large; what permuted measures give is taken off.
"""

from collections.abc import Iterator
from functools import lru_cache
from itertools import combinations

import numpy as np
import pandas as pd

from feature_diversity.base.run import RUN
from feature_diversity.prediction.resampling import interval
from feature_diversity.prediction.runs import Outcome
from feature_diversity.statistics.groups import codes

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
        pairs, higher, group = conditioned(axes, given, first, second, order)
        plain = information(ranks, pairs, higher, group)
        strata = codes(axes, list(given)) if given else np.zeros(len(axes), dtype=int)
        shuffled = [ranks[_permutation(strata, rng)] for _ in range(PERMUTATIONS)]
        chance = np.mean([information(values, pairs, higher, group) for values in shuffled], axis=0)
        better = plain - chance < least
        least[better] = (plain - chance)[better]
        chosen = [given if b else old for b, old in zip(better, chosen, strict=True)]
    least[np.isinf(least)] = np.nan
    draws = np.full((DRAWS, k), np.nan)
    for given in set(chosen):
        mine = np.array(
            [place for place in range(k) if chosen[place] == given and np.isfinite(least[place])], int
        )
        pairs, higher, group = conditioned(axes, given, first, second, order)
        for number, weight in enumerate(drawn[:DRAWS] if len(mine) else ()):
            of_pairs = weight[training[pairs[0]]] * weight[training[pairs[1]]]
            draws[number, mine] = information(ranks[:, mine], pairs, higher, group, of_pairs)
    # resampled pairs repeat, which adds information of its own: only the spread is taken
    low, high = interval(draws - np.nan_to_num(draws).mean(axis=0) + least)
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


def conditioned(
    axes: pd.DataFrame, given: tuple[str, ...], first: np.ndarray, second: np.ndarray, order: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Ordered pairs (2, pairs), whether the first has the larger error, and a number for their strata."""
    ends = np.column_stack([np.concatenate([first, second]), np.concatenate([second, first])]).T
    higher = np.concatenate([order, -order]) > 0
    if not given:
        return ends, higher, np.zeros(len(higher), dtype=np.int64)
    stratum = codes(axes, list(given))
    group = stratum[ends[0]] * (stratum.max() + 1) + stratum[ends[1]]
    return ends, higher, np.unique(group, return_inverse=True)[1]


def information(
    ranks: np.ndarray,
    pairs: np.ndarray,
    higher: np.ndarray,
    group: np.ndarray,
    weight: np.ndarray | None = None,
) -> np.ndarray:
    """Conditional mutual information over conditional entropy, from counts of ordered pairs.

    Args:
        ranks: int32 (runs, k), -1 where missing. The sign of a difference has three values: ties tell
            something.
        pairs: (2, pairs), places of runs.
        higher: (pairs,), whether the first has the larger error.
        group: (pairs,) numbers from 0 of the condition.
        weight: (pairs,) whole numbers, else each pair counts once.

    Returns:
        (k,); NaN where the group decides the error's sign, or nothing is known.
    """
    found = np.full(ranks.shape[1], np.nan)
    middle = group * 6 + 3 * higher + 1  # of the three categories of the measure's sign
    for column, values in enumerate(np.ascontiguousarray(ranks.T)):
        one, other = values[pairs[0]], values[pairs[1]]
        weights = weight
        if values.min() < 0:
            known = (one >= 0) & (other >= 0)
            weights = known * (1.0 if weight is None else weight)
        size = (int(group.max()) + 1) * 6 if len(group) else 0
        counts = np.bincount(middle + np.sign(one - other), weights, size).astype(np.int64).reshape(-1, 2, 3)
        entropy = _plogp(counts.sum(axis=(1, 2))) - _plogp(counts.sum(axis=2))
        shared = _plogp(counts) - _plogp(counts.sum(axis=1)) + entropy
        if entropy > 1e-9 * counts.sum():
            found[column] = shared / entropy
    return found


def _plogp(counts: np.ndarray) -> float:
    return float(_n_log_n(1 << int(counts.max(initial=0) + 1).bit_length())[counts].sum())


@lru_cache
def _n_log_n(size: int) -> np.ndarray:
    """n log n of 0, 1, ..., size - 1: counts are whole, and logarithms dear."""
    n = np.arange(size, dtype=float)
    return n * np.log(np.maximum(n, 1))


def _permutation(strata: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A random order of runs within strata."""
    shuffled = np.lexsort([rng.random(len(strata)), strata])
    places = np.empty(len(strata), dtype=int)
    places[np.argsort(strata, kind="stable")] = shuffled
    return places
