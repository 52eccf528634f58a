"""A study as its statistics see it: ranks of measures, weights of trainings, pairs of runs by axis."""

import numpy as np

from feature_diversity.prediction.measures import RANDOM
from feature_diversity.prediction.pairs import Pairs, pairs_along
from feature_diversity.prediction.resampling import max_t, weights
from feature_diversity.prediction.runs import Outcome, Runs


class Study:
    """What all statistics of a study share.

    runs: its trained runs. ranks: int32 (runs, measures), -1 where missing. drawn: weights of trainings in
    each bootstrap draw. pairs: by axis, for the axes that vary.
    """

    def __init__(self, runs: Runs) -> None:
        self.runs = runs
        self.ranks = ranked(runs.matrix)
        self.drawn = weights(runs.training, runs.network)
        self.pairs: dict[str, Pairs] = {
            axis: pairs_along(axis, runs.axes, runs.training) for axis in runs.varied
        }

    def columns(self, outcome: Outcome, *others: str) -> np.ndarray:
        """Places of the measures that may predict this outcome: all but itself and `others`."""
        return np.flatnonzero(~self.runs.measures["measure"].isin([outcome.name, *others]))

    def corrected(self, parts: list[tuple[Outcome, np.ndarray]]) -> list[np.ndarray]:
        """p of the statistics of each outcome's columns (all but RANDOM), max-T over measures.

        Baselines are a family of their own: they are what measures are compared with. So is each outcome:
        what a study asks besides does not change what it says of the test error.
        """
        baseline = self.runs.measures["baseline"].to_numpy()
        return [max_t(statistic, baseline[self.columns(outcome, RANDOM)]) for outcome, statistic in parts]


def ranked(values: np.ndarray) -> np.ndarray:
    """Dense ranks of each column, int32; -1 where a value is missing. Infinite ones are first or last."""
    ranks = np.full(values.shape, -1, dtype=np.int32)
    for column, mine in enumerate(values.T):
        known = ~np.isnan(mine)
        ranks[known, column] = np.unique(mine[known], return_inverse=True)[1]
    return ranks
