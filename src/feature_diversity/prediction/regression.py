"""What a measure adds to what is known without it: partial correlation, prediction of unseen levels."""

import numpy as np
import pandas as pd
from scipy import stats

from feature_diversity.prediction.resampling import interval, interval_around

DRAWS = 200  # of the bootstrap of R²
SMALL = 1e-9  # share of a variance below which nothing is left, in float64


def partial_correlation(
    error: np.ndarray, values: np.ndarray, runs: pd.DataFrame, training: np.ndarray, drawn: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Spearman's correlation of each measure with the error, given parameters, epochs and algorithm.

    Ranks are regressed on the ranks of `n_params` and `epochs` and on the algorithms; correlated is what
    is left.

    Args:
        error: (n,), no NaN.
        values: (n, k), no NaN.
        runs: (n,) rows.
        training: (n,) numbers from 0.
        drawn: weights of trainings, (draws, trainings).

    Returns:
        The estimate, the ends of its interval, with ranks kept as they are in draws, (k,) each, and each
        training's contribution to the numerator, (trainings, k). NaN where the controls explain a measure,
        or the error.
    """
    controls = control_matrix(runs)
    x = stats.rankdata(values, axis=0)
    y = stats.rankdata(error)[:, None]
    both = np.column_stack([y - y.mean(), x - x.mean(axis=0)]) / len(error)
    left = both - controls @ np.linalg.lstsq(controls, both, rcond=None)[0]
    left[:, (left**2).sum(axis=0) <= SMALL * (both**2).sum(axis=0)] = 0
    products = left[:, :1] * left[:, 1:]
    trainings = drawn.shape[1]
    contributions = _sums(products, training, trainings)
    estimate = _correlation(
        contributions.sum(axis=0)[None],
        (left[:, :1] ** 2).sum()[None, None],
        (left[:, 1:] ** 2).sum(axis=0)[None],
    )[0]
    # in a draw, residuals are taken anew, by the draw's own moments of controls, error and measures
    p = controls.shape[1]
    square = _sums((controls[:, :, None] * controls[:, None, :]).reshape(len(error), -1), training, trainings)
    square = (drawn @ square).reshape(-1, p, p)
    inverse = np.linalg.pinv(square, rcond=1e-9, hermitian=True)

    def moments(columns: np.ndarray) -> np.ndarray:
        sums = _sums(
            (controls[:, :, None] * columns[:, None, :]).reshape(len(error), -1), training, trainings
        )
        return (drawn @ sums).reshape(len(drawn), p, -1)

    with_y, with_x = moments(left[:, :1]), moments(left[:, 1:])
    solved = inverse @ with_y
    above = drawn @ contributions - (solved * with_x).sum(axis=1)
    raw_y, raw_x = (drawn @ _sums(columns**2, training, trainings) for columns in (left[:, :1], left[:, 1:]))
    of_y = _what_is_left(raw_y - (solved * with_y).sum(axis=1), raw_y)
    of_x = _what_is_left(raw_x - (with_x * (inverse @ with_x)).sum(axis=1), raw_x)
    low, high = interval(_correlation(above, of_y, of_x))
    return estimate, low, high, contributions


def control_matrix(runs: pd.DataFrame) -> np.ndarray:
    """Columns for the mean, ranks of parameters and epochs in [0, 1], and each algorithm but the first."""
    columns = [np.ones(len(runs))]
    for name in ("n_params", "epochs"):
        if name in runs and runs[name].min() < runs[name].max() and runs[name].notna().all():
            columns.append(stats.rankdata(runs[name]) / len(runs))
    for algorithm in sorted(runs["algorithm"].unique())[1:]:
        columns.append((runs["algorithm"] == algorithm).to_numpy(dtype=float))
    return np.column_stack(columns)


def left_out(
    error: np.ndarray,
    values: np.ndarray,
    runs: pd.DataFrame,
    level: np.ndarray,
    training: np.ndarray,
    drawn: np.ndarray,
) -> tuple[np.ndarray, ...]:
    """R² of predicting the errors of each level of an axis from all other levels, and the measure's gain.

    The error is regressed on ranks of parameters and epochs (the baselines) and of each measure in turn.
    R² is 1 minus the squared errors over those of predicting the other levels' mean.

    Args:
        error: (n,), no NaN.
        values: (n, k), no NaN.
        runs: (n,) rows.
        level: (n,) numbers from 0 of the axis' values.
        training: (n,) numbers from 0.
        drawn: weights of trainings, (draws, trainings).

    Returns:
        R², the ends of its interval, the gain over the baselines, the ends of its interval, (k,) each.
    """
    numbers = runs.assign(algorithm="")  # an algorithm left out has no coefficient
    base = control_matrix(numbers)
    x = stats.rankdata(values, axis=0) / len(error)
    y = error - error.mean()
    ones = np.ones((1, drawn.shape[1]), dtype=np.float32)
    full, gain = (
        np.concatenate(parts)
        for parts in zip(*(_r2(y, base, x, level, training, w) for w in (ones, drawn[:DRAWS])), strict=True)
    )
    # a draw has fewer different trainings, from which the others are predicted worse
    (low, high), ends_of_gain = (interval_around(part[0], part[1:]) for part in (full, gain))
    return full[0], low, np.minimum(high, 1), gain[0], *ends_of_gain


def _r2(
    y: np.ndarray, base: np.ndarray, x: np.ndarray, level: np.ndarray, training: np.ndarray, drawn: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """R² with the measure and its gain over that without it, (draws, k) each."""
    p = base.shape[1]
    draws, k = len(drawn), x.shape[1]
    known = np.column_stack([base, y])
    moments, with_x, squares = [], [], []
    for number in range(level.max() + 1):
        rows = level == number
        z, weight = known[rows], drawn[:, training[rows]].astype(float)
        moments.append(
            (weight @ (z[:, :, None] * z[:, None, :]).reshape(len(z), -1)).reshape(draws, p + 1, p + 1)
        )
        crossed = (z[:, :, None] * x[rows][:, None, :]).reshape(len(z), -1)
        with_x.append((weight @ crossed).reshape(draws, p + 1, k))
        squares.append(weight @ x[rows] ** 2)
    all_moments, all_with_x, all_squares = sum(moments), sum(with_x), sum(squares)
    missed, missed_base, missed_mean = np.zeros((draws, k)), np.zeros((draws, 1)), np.zeros((draws, 1))
    for here, here_x, here_square in zip(moments, with_x, squares, strict=True):
        m, v, s = all_moments - here, all_with_x - here_x, all_squares - here_square
        inverse = np.linalg.pinv(m[:, :p, :p], rcond=1e-9, hermitian=True)
        of_y, of_x = inverse @ m[:, :p, p:], inverse @ v[:, :p]  # (draws, p, 1), (draws, p, k)
        left = s - (v[:, :p] * of_x).sum(axis=1)
        slope = (v[:, p] - (v[:, :p] * of_y).sum(axis=1)) / np.where(
            left > SMALL * np.maximum(s, 1e-30), left, np.inf
        )
        beta = of_y - of_x * slope[:, None, :]
        # squared errors of the level left out, from its own moments
        missed += here[:, p, p, None] - 2 * ((beta * here[:, :p, p:]).sum(axis=1) + slope * here_x[:, p])
        missed += np.einsum("dik,dij,djk->dk", beta, here[:, :p, :p], beta, optimize=True)
        missed += 2 * slope * (beta * here_x[:, :p]).sum(axis=1) + slope**2 * here_square
        missed_base += (here[:, p, p] - 2 * (of_y * here[:, :p, p:]).sum(axis=(1, 2)))[:, None]
        missed_base += np.einsum("dik,dij,djk->dk", of_y, here[:, :p, :p], of_y, optimize=True)
        mean = (m[:, 0, p] / np.where(m[:, 0, 0] > 0, m[:, 0, 0], np.nan))[:, None]
        missed_mean += here[:, p, p, None] - 2 * mean * here[:, 0, p, None] + mean**2 * here[:, 0, 0, None]
    scale = np.where(missed_mean > 0, missed_mean, np.nan)
    return 1 - missed / scale, (missed_base - missed) / scale


def _sums(columns: np.ndarray, training: np.ndarray, trainings: int) -> np.ndarray:
    """Sums over the runs of each training, float64 (trainings, columns)."""
    order = np.argsort(training, kind="stable")
    present, starts = np.unique(training[order], return_index=True)
    sums = np.zeros((trainings, columns.shape[1]))
    sums[present] = np.add.reduceat(columns[order], starts, axis=0)
    return sums


def _what_is_left(variance: np.ndarray, raw: np.ndarray) -> np.ndarray:
    """A variance, or 0 where it is no more than rounding leaves of the raw one."""
    return np.where(variance > SMALL * raw, variance, 0)


def _correlation(above: np.ndarray, of_y: np.ndarray, of_x: np.ndarray) -> np.ndarray:
    scale = np.sqrt(np.maximum(of_y, 0) * np.maximum(of_x, 0))
    return np.divide(above, scale, out=np.full(above.shape, np.nan), where=scale > 1e-15)
