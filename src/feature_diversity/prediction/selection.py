"""What choosing by a measure costs: points of error above the best that could have been chosen."""

import numpy as np
import pandas as pd

from feature_diversity.prediction.resampling import interval_around
from feature_diversity.statistics.groups import codes

DRAWS = 200  # of the bootstrap
# Choice -> the columns whose values the candidates share
CHOICES = {
    "checkpoint of a training": ["training"],
    "network of an algorithm": ["algorithm", "epochs"],
    "best of all": [],
}


def groups_of(choice: str, table: pd.DataFrame, training: np.ndarray) -> np.ndarray:
    """A number for each run that tells among which it competes."""
    columns = CHOICES[choice]
    return codes(table.assign(training=training), columns) if columns else np.zeros(len(table), dtype=int)


def regret(
    error: np.ndarray, values: np.ndarray, group: np.ndarray, training: np.ndarray, drawn: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Error of the candidate with the largest value minus the least error of its group, mean over groups.

    Args:
        error: (runs,), in percent.
        values: (runs, k), larger is chosen; of ties the mean error counts, so that a constant chooses at
            random. NaN in either: no candidate for that measure.
        group: (runs,), who competes with whom; groups of one do not count.
        training: (runs,) numbers from 0.
        drawn: weights of trainings, (draws, trainings); in a draw the candidates are those drawn.

    Returns:
        Regret in points, the ends of its interval, and the number of groups, (k,) each. A draw leaves some
        trainings out, so that fewer compete than do in the study: of the draws only the spread counts.
    """
    weights = np.concatenate([np.ones((1, drawn.shape[1]), dtype=np.float32), drawn[:DRAWS]])
    found = np.full((len(weights), values.shape[1]), np.nan)
    groups = np.zeros(values.shape[1], dtype=int)
    for column, value in enumerate(values.T):
        runs = np.flatnonzero(~np.isnan(value) & ~np.isnan(error))
        runs = runs[np.argsort(group[runs], kind="stable")]
        sizes = np.bincount(group[runs], minlength=1)
        runs = runs[sizes[group[runs]] > 1]
        if len(runs):
            starts = np.flatnonzero(np.diff(group[runs], prepend=-1))
            ranked = np.unique(value[runs], return_inverse=True)[1].astype(np.float32)
            found[:, column] = _lost(error[runs], ranked, starts, weights[:, training[runs]])
            groups[column] = len(starts)
    low, high = interval_around(found[0], found[1:])
    return found[0], np.maximum(low, 0), high, groups


def _lost(error: np.ndarray, value: np.ndarray, starts: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """Mean regret in each draw, (draws,). Runs are sorted by group; starts: the first of each."""
    lengths = np.diff(starts, append=len(error))
    there = weight > 0
    value = np.where(there, value, -1)
    best = np.repeat(np.maximum.reduceat(value, starts, axis=1), lengths, axis=1)
    chosen = there & (value == best)
    number = np.add.reduceat(chosen, starts, axis=1, dtype=np.float32)
    mean = np.add.reduceat(chosen * error, starts, axis=1) / np.maximum(number, 1)
    least = np.minimum.reduceat(np.where(there, error, np.inf), starts, axis=1)
    importance = np.add.reduceat(weight, starts, axis=1) / lengths * (number > 0)
    lost = np.where(number > 0, mean - least, 0)
    total = importance.sum(axis=1)
    return (importance * lost).sum(axis=1) / np.where(total > 0, total, np.nan)
