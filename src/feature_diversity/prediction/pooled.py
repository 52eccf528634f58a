"""Kendall's tau over all pairs of runs, whatever they differ in: what most papers report, and what confounds.

Of N runs there are N² / 2 pairs, so they are counted, not listed: runs sorted by error, the runs whose error
is lower beyond doubt are the first few, and how many of those have a smaller measure is a query of a wavelet
matrix (Claude, Navarro & Ordóñez 2015), log N steps for all runs at once.
"""

import numpy as np

from feature_diversity.prediction.agreement import ratio
from feature_diversity.prediction.resampling import interval
from feature_diversity.prediction.runs import Outcome


def pooled_tau(
    outcome: Outcome, ranks: np.ndarray, training: np.ndarray, drawn: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Agreements minus disagreements over all pairs whose errors differ, as a share.

    Args:
        outcome: whose errors are ordered.
        ranks: int32 (runs, k), -1 where missing.
        training: (runs,) numbers from 0.
        drawn: weights of trainings, (draws, trainings).

    Returns:
        tau, the ends of its interval, the number of pairs, (k,) each, and each training's contribution,
        (trainings, k), half of whose sum is the numerator. The interval is the bootstrap's to first order
        in the weights (Hájek's projection): N² products of weights would be too many.
    """
    k, trainings = ranks.shape[1], training.max() + 1
    agreed, counted = np.zeros((trainings, k)), np.zeros((trainings, k))
    for column, values in enumerate(ranks.T):
        runs = np.flatnonzero((values >= 0) & ~np.isnan(outcome.angle))
        if len(runs) > 1:
            score, pairs = scores(outcome.angle[runs], outcome.apart, values[runs])
            agreed[:, column] = np.bincount(training[runs], score, trainings)
            counted[:, column] = np.bincount(training[runs], pairs, trainings)
    tau = ratio(agreed.sum(axis=0), counted.sum(axis=0))
    # d tau / d weight: every pair has two members
    influence = 2 * ratio(
        agreed - np.nan_to_num(tau) * counted, np.broadcast_to(counted.sum(axis=0), counted.shape)
    )
    draws = tau + (drawn - 1.0) @ np.nan_to_num(influence)
    low, high = interval(draws)
    return tau, np.maximum(low, -1), np.minimum(high, 1), counted.sum(axis=0) / 2, agreed


def scores(angle: np.ndarray, apart: float, ranks: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """For each run: agreements minus disagreements with all other runs, and with how many its error differs.

    angle: (runs,), no NaN. ranks: (runs,) integers >= 0.
    """
    order = np.argsort(angle, kind="stable")
    angle, ranks = angle[order], ranks[order].astype(np.int64)
    n = len(angle)
    # of sorted angles: the first `lower` are lower beyond doubt, those from `higher` on are higher
    lower = np.minimum(_first(angle, angle - apart, strictly=False), np.searchsorted(angle, angle, "left"))
    higher = np.maximum(_first(angle, angle + apart, strictly=True), np.searchsorted(angle, angle, "right"))
    smaller, not_larger = _smaller(ranks, lower, higher)
    agreed = smaller[0] - (lower - not_larger[0])  # lower error: agrees where the measure is smaller
    whole, whole_not_larger = smaller[2], not_larger[2]
    above_smaller, above_not_larger = whole - smaller[1], whole_not_larger - not_larger[1]
    agreed += (n - higher - above_not_larger) - above_smaller
    score, pairs = np.empty(n), np.empty(n)
    score[order], pairs[order] = agreed, lower + n - higher
    return score, pairs


def _first(angle: np.ndarray, limit: np.ndarray, *, strictly: bool) -> np.ndarray:
    """How many sorted angles are apart from each run's: a difference is compared as `Outcome.order` does."""
    return np.searchsorted(angle, limit, "left" if strictly else "right")


def _smaller(ranks: np.ndarray, lower: np.ndarray, higher: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Numbers of smaller, and of not larger, ranks among the first `lower`, `higher` and all, (3, n) each."""
    n = len(ranks)
    ends = np.concatenate([lower, higher, np.full(n, n)])
    values = np.tile(ranks, 3)
    counts = _count_below(ranks, np.tile(ends, 2), np.concatenate([values, values + 1]))
    return counts[: 3 * n].reshape(3, n), counts[3 * n :].reshape(3, n)


def _count_below(sequence: np.ndarray, ends: np.ndarray, values: np.ndarray) -> np.ndarray:
    """For each query: how many of the first `end` numbers of the sequence are below `value`; all >= 0."""
    left, right = np.zeros_like(ends), ends.copy()
    count = np.zeros_like(ends)
    for bit in range(int(values.max()).bit_length() - 1, -1, -1):
        ones = (sequence >> bit) & 1
        zeros = np.concatenate([[0], np.cumsum(1 - ones)])
        sequence = np.concatenate([sequence[ones == 0], sequence[ones == 1]])
        up = ((values >> bit) & 1).astype(bool)
        zero_left, zero_right = zeros[left], zeros[right]
        count += np.where(up, zero_right - zero_left, 0)
        left = np.where(up, zeros[-1] + left - zero_left, zero_left)
        right = np.where(up, zeros[-1] + right - zero_right, zero_right)
    return count
