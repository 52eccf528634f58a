"""Along one axis: do measure and error order the two runs of a pair alike?

Kendall's granulated psi (Jiang et al. 2020, arXiv 1912.02178), with its interval and p, and the worst
environment's share of wrongly ordered pairs (Dziugaite et al. 2020, arXiv 2010.11924).
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd

from feature_diversity.prediction.pairs import Pairs
from feature_diversity.prediction.resampling import ARRANGEMENTS, bounds_of_perfect_order, interval
from feature_diversity.prediction.runs import Outcome
from feature_diversity.statistics.groups import codes

COLUMNS = 64  # measures at once, and
BLOCK = 16_384  # pairs of trainings at once: both bound memory
FEWEST = 12  # pairs of an environment whose worst case counts (Dziugaite et al. 2020, section 5)


@dataclass(frozen=True)
class Agreement:
    """Sums over the pairs of one axis whose errors differ, for each of k measures.

    pairs: those pairs. total: agreements minus disagreements; count: pairs in which the measure is known;
    varies: whether it differs in any of them. draws: (draws, k), psi of every bootstrap draw. blocks:
    (blocks, k), total of each block.
    """

    pairs: Pairs
    total: np.ndarray
    count: np.ndarray
    varies: np.ndarray
    draws: np.ndarray
    blocks: np.ndarray

    @property
    def psi(self) -> np.ndarray:
        """Agreements minus disagreements, as a share of the pairs; NaN without pairs."""
        return ratio(self.total, self.count)

    def interval(self) -> tuple[np.ndarray, np.ndarray]:
        """95 % bootstrap interval; where all pairs agree, what so many independent pairs can exclude."""
        low, high = interval(self.draws)
        perfect = np.isnan(low) & (np.abs(self.psi) == 1) & (np.ptp(self.pairs.trainings) > 0)
        if perfect.any():
            near, far = bounds_of_perfect_order(self.pairs.independent)
            up = self.psi > 0
            low = np.where(perfect, np.where(up, near, -far), low)
            high = np.where(perfect, np.where(up, far, -near), high)
        return low, high


def agreement(pairs: Pairs, outcome: Outcome, ranks: np.ndarray, drawn: np.ndarray) -> Agreement:
    """Sums over pairs along one axis.

    Args:
        pairs: all pairs along it.
        outcome: whose errors are ordered.
        ranks: of the measures, int32 (runs, k), -1 where one is missing.
        drawn: weights of trainings, (draws, trainings).

    Returns:
        The sums; with no pair whose errors differ, zeros and NaN.
    """
    order = outcome.order(outcome.angle[pairs.first], outcome.angle[pairs.second])
    pairs, order = pairs.where(order != 0), order[order != 0]
    k = ranks.shape[1]
    total, count, varies = np.zeros(k), np.zeros(k), np.zeros(k, dtype=bool)
    draws = np.full((len(drawn), k), np.nan, dtype=np.float32)
    blocks = np.zeros((len(pairs.block_starts), k), dtype=np.float32)
    for chosen in _chunks(k) if len(order) else ():
        signs, known = signs_of(pairs.first, pairs.second, ranks[:, chosen])
        signs *= order[:, None]
        total[chosen], count[chosen] = signs.sum(axis=0, dtype=float), known.sum(axis=0)
        varies[chosen] = (signs != 0).any(axis=0)
        draws[:, chosen] = resampled(pairs, signs, known, drawn)
        blocks[:, chosen] = np.add.reduceat(signs, pairs.block_starts, axis=0, dtype=np.float32)
    return Agreement(pairs, total, count, varies, draws, blocks)


def signs_of(first: np.ndarray, second: np.ndarray, ranks: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Sign of each measure's difference in each pair, int8 (pairs, k), and whether it is known.

    The latter has one column where no measure is missing.
    """
    signs = np.empty((len(first), ranks.shape[1]), dtype=np.int8)
    missing = (ranks < 0).any()
    known = np.ones(signs.shape if missing else (len(signs), 1), dtype=bool)
    for column, values in enumerate(np.ascontiguousarray(ranks.T)):
        one, other = values[first], values[second]
        signs[:, column] = np.sign(one - other)
        if missing:
            known[:, column] = (one >= 0) & (other >= 0)
    if missing:
        signs *= known
    return signs, known


def resampled(pairs: Pairs, signs: np.ndarray, known: np.ndarray, drawn: np.ndarray) -> np.ndarray:
    """Sum of signs over number of pairs in each draw: quadratic in the trainings' weights.

    Args:
        pairs: a pair of two trainings weighs the product of their weights, a pair within one its weight.
        signs: (pairs, k).
        known: (pairs, k) or (pairs, 1).
        drawn: (draws, trainings).

    Returns:
        (draws, k); NaN where a draw has no pair.
    """
    of_trainings = np.add.reduceat(signs, pairs.starts, axis=0, dtype=np.float32)
    counts = np.add.reduceat(known, pairs.starts, axis=0, dtype=np.float32)
    above = np.zeros((len(drawn), signs.shape[1]), dtype=np.float32)
    below = np.zeros((len(drawn), known.shape[1]), dtype=np.float32)
    for start in range(0, len(pairs.starts), BLOCK):
        one, other = pairs.trainings[start : start + BLOCK].T
        weight = drawn[:, one]
        weight = weight if (one == other).all() else np.where(one == other, weight, weight * drawn[:, other])
        above += weight @ of_trainings[start : start + BLOCK]
        below += weight @ counts[start : start + BLOCK]
    return ratio(above, np.broadcast_to(below, above.shape))


def permuted(pairs: Pairs, outcome: Outcome, ranks: np.ndarray, places: np.ndarray) -> np.ndarray:
    """Agreements minus disagreements along `seed` when errors change places.

    Args:
        pairs: along `seed`.
        outcome: whose errors change places.
        ranks: int32 (runs, k), -1 where missing.
        places: (arrangements, runs), the run whose error each run takes, the first row as they are.

    Returns:
        float32 (arrangements, k).
    """
    angle = outcome.angle.astype(np.float32)
    apart = np.float32(outcome.apart)
    statistics = np.zeros((len(places), ranks.shape[1]), dtype=np.float32)
    for start in range(0, len(pairs.first), BLOCK):
        part = slice(start, start + BLOCK)
        first, second = pairs.first[part], pairs.second[part]
        difference = angle[places[:, first]]
        difference -= angle[places[:, second]]
        order = np.sign(difference)
        order[~(np.abs(difference) >= apart)] = 0  # also where an error is missing
        signs, _ = signs_of(first, second, ranks)
        statistics += order @ signs.astype(np.float32)
    return statistics


def exchanges(axes: pd.DataFrame, training: np.ndarray, network: np.ndarray) -> np.ndarray:
    """Arrangements in which trainings of a network with the same numbers of epochs change places.

    Returns int32 (1 + ARRANGEMENTS, runs): the run that takes each run's place; the first as they are.
    """
    rng = np.random.default_rng(3)
    places = np.tile(np.arange(len(training), dtype=np.int32), (ARRANGEMENTS + 1, 1))
    order = np.lexsort([axes["epochs"], training, network])
    trainings = np.split(order, np.flatnonzero(np.diff(training[order])) + 1)
    alike: dict[tuple, list[np.ndarray]] = {}
    for runs in trainings:
        alike.setdefault((network[runs[0]], *axes["epochs"].to_numpy()[runs]), []).append(runs)
    for rows in alike.values():
        if len(rows) > 1:
            of_network = np.array(rows, dtype=np.int32)
            shuffled = np.argsort(rng.random((ARRANGEMENTS, len(rows))), axis=1)
            places[1:, of_network.ravel()] = of_network[shuffled].reshape(ARRANGEMENTS, -1)
    return places


def environments(pairs: Pairs, axes: pd.DataFrame, network: np.ndarray) -> np.ndarray:
    """A number for each pair that tells its environment: two values of the axis; along seed the network."""
    if pairs.axis == "seed":
        return network[pairs.first]
    values = np.sort(axes[pairs.axis].to_numpy()[np.column_stack([pairs.first, pairs.second])], axis=1)
    return codes(pd.DataFrame(values, columns=["low", "high"]), ["low", "high"])


def worst_environment(
    pairs: Pairs,
    environment: np.ndarray,
    outcome: Outcome,
    ranks: np.ndarray,
    better: np.ndarray,
    drawn: np.ndarray,
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Greatest share of wrongly ordered pairs over environments of FEWEST pairs or more; ties are half wrong.

    Args:
        pairs: whose errors differ.
        environment: (pairs,), see `environments`.
        outcome: whose errors are ordered.
        ranks: int32 (runs, k), -1 where missing.
        better: (k,), +1 where more of the measure should go with less error, else -1.
        drawn: weights of trainings, (draws, trainings).

    Returns:
        The share, the ends of its interval with that environment held fixed, its number of pairs, and the
        place of one of its pairs, (k,) each; NaN and -1 where there is no such environment.
    """
    k = ranks.shape[1]
    share, count, place = np.full(k, np.nan), np.zeros(k), np.full(k, -1)
    low, high = np.full(k, np.nan), np.full(k, np.nan)
    order = outcome.order(outcome.angle[pairs.first], outcome.angle[pairs.second])
    by_environment = np.argsort(environment, kind="stable")
    starts = np.flatnonzero(np.diff(environment[by_environment], prepend=-1))
    for chosen in _chunks(k) if len(order) else ():
        signs, known = signs_of(pairs.first, pairs.second, ranks[:, chosen])
        signs *= order[:, None] * better[chosen].astype(np.int8)
        sums = np.add.reduceat(signs[by_environment], starts, axis=0, dtype=float)
        counts = np.add.reduceat(known[by_environment], starts, axis=0, dtype=float)
        counts = np.broadcast_to(counts, sums.shape)
        wrong = np.where(counts >= FEWEST, (1 + ratio(sums, counts)) / 2, -1)
        worst = wrong.argmax(axis=0)
        for number in np.unique(worst[wrong.max(axis=0) >= 0]):
            mine = np.flatnonzero((worst == number) & (wrong.max(axis=0) >= 0))
            inside = np.sort(by_environment[starts[number] : np.append(starts, len(order))[number + 1]])
            part = pairs.where(inside)
            known_here = known[inside] if known.shape[1] == 1 else known[np.ix_(inside, mine)]
            draws = resampled(part, signs[np.ix_(inside, mine)], known_here, drawn)
            columns = np.arange(k)[chosen][mine]
            share[columns], count[columns] = wrong[number, mine], counts[number, mine]
            place[columns] = inside[0]
            low[columns], high[columns] = interval((1 + draws) / 2)
    return share, low, high, count, place


def ratio(above: np.ndarray, below: np.ndarray) -> np.ndarray:
    """above / below, NaN where the latter is 0."""
    return np.divide(above, below, out=np.full(np.shape(above), np.nan, dtype=above.dtype), where=below > 0)


def _chunks(k: int) -> Iterator[slice]:
    return (slice(start, start + COLUMNS) for start in range(0, k, COLUMNS))
