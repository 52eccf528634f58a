"""Every statistic of every measure, as the table prediction.csv."""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pandas as pd

from feature_diversity.base.run import DEFAULT, OTHERS, RUN
from feature_diversity.prediction.agreement import (
    FEWEST,
    Agreement,
    agreement,
    environments,
    exchanges,
    permuted,
    worst_environment,
)
from feature_diversity.prediction.information import conditional_information
from feature_diversity.prediction.measures import RANDOM
from feature_diversity.prediction.pairs import Pairs
from feature_diversity.prediction.pooled import pooled_tau
from feature_diversity.prediction.regression import left_out, partial_correlation
from feature_diversity.prediction.resampling import flipped, interval, seeds
from feature_diversity.prediction.result import COLUMNS, Result, not_testable
from feature_diversity.prediction.runs import Outcome, Runs, runs_of
from feature_diversity.prediction.selection import CHOICES, groups_of, regret
from feature_diversity.prediction.study import Study
from feature_diversity.results.gates import failing
from feature_diversity.statistics.intraclass import intraclass_correlation

ALL = "all"  # axes together
FEWEST_RUNS = 5  # from which regressions are fitted
UNRESOLVED = "no two errors differ by more than the test set can tell"
MISSING = "not testable: the measure is missing in these runs"
UNKNOWN_TEST_SET = "the number of test images is unknown: only equal errors are left out"
TIED = "the measure does not vary along the axis"


def prediction_of(table: pd.DataFrame) -> pd.DataFrame:
    """The table of predictions: a row for each measure, outcome, statistic and axis.

    Args:
        table: a table of results.

    Returns:
        The rows, in the columns of `result.COLUMNS`; docs/prediction.md defines each statistic.

    Raises:
        InputError: the table has no trained run, or several data sets.
    """
    runs = runs_of(table)
    study = Study(runs)
    results = [*along_axes(study), *_pooled(study), *_information(study), *_regressions(study)]
    results += [*_regrets(study), *_reliabilities(study)]
    found = [result.rows(runs.measures) for result in results]
    return pd.concat([*found, *_gated(table, study), *_unresolved(study)], ignore_index=True)[COLUMNS]


def _gated(table: pd.DataFrame, study: Study) -> Iterator[pd.DataFrame]:
    """Psi once more, of the trainings that fail no gate; nothing where none fails."""
    fails = failing(table)
    passing = table[~fails]
    if not (passing["epochs"] > 0).any():
        for outcome in study.runs.outcomes:
            why = "every training fails a gate"
            columns = study.columns(outcome, RANDOM)
            yield not_testable("psi gated", "seed", outcome.name, columns, why).rows(study.runs.measures)
    elif fails.any():
        gated = Study(runs_of(passing))
        for result in along_axes(gated):
            if result.statistic == "psi":
                yield replace(result, statistic="psi gated").rows(gated.runs.measures)


def along_axes(study: Study) -> Iterator[Result]:
    """Granulated Kendall by axis, their mean, and the worst environments."""
    runs = study.runs
    found: dict[tuple[str, str], Agreement] = {}
    p: dict[tuple[str, str], np.ndarray] = {}
    for axis, pairs in study.pairs.items():
        parts = []
        places = exchanges(runs.axes, runs.training, runs.network) if axis == "seed" else None
        for outcome in runs.outcomes:
            ranks = study.ranks[:, study.columns(outcome, RANDOM)]
            here = found[axis, outcome.name] = agreement(pairs, outcome, ranks, study.drawn)
            if places is not None:
                parts.append((outcome, permuted(pairs, outcome, ranks, places)))
            else:
                parts.append((outcome, flipped(here.blocks)))
        p |= {
            (axis, outcome.name): part
            for outcome, part in zip(runs.outcomes, study.corrected(parts), strict=True)
        }
    for outcome in runs.outcomes:
        columns = study.columns(outcome, RANDOM)
        for axis in RUN:
            if axis in study.pairs:
                yield _psi(study, found[axis, outcome.name], outcome, p[axis, outcome.name])
            else:
                yield not_testable("psi", axis, outcome.name, columns, f"all runs have one {axis}")
        mine = [found[axis, outcome.name] for axis in study.pairs]
        mine = [here for here in mine if len(here.pairs.first)]
        yield _mean_psi(mine, outcome, columns)
        yield from _worst(study, mine, outcome, columns)


def _psi(study: Study, here: Agreement, outcome: Outcome, p: np.ndarray) -> Result:
    columns, axis = study.columns(outcome, RANDOM), here.pairs.axis
    if len(here.pairs.first) == 0:
        any_pairs = len(study.pairs[axis].first)
        why = UNRESOLVED if any_pairs else f"no two runs differ in {axis} alone"
        return not_testable("psi", axis, outcome.name, columns, why)
    notes = np.where(here.count == 0, MISSING, np.where(here.varies, "", TIED)).tolist()
    if study.pairs[axis].all > len(study.pairs[axis].first):
        sampled = f"a sample of {study.pairs[axis].all:,} pairs"
        notes = [f"{note}; {sampled}" if note else sampled for note in notes]
    trainings = len(np.unique(here.pairs.trainings))
    return Result("psi", axis, outcome.name, columns, here.psi, *here.interval(),
                  np.where(here.count > 0, p, np.nan), here.count.astype(int), trainings, notes)  # fmt: skip


def _mean_psi(found: list[Agreement], outcome: Outcome, columns: np.ndarray) -> Result:
    """Jiang et al.'s Psi: the mean over the axes in which there are pairs."""
    if not found:
        return not_testable(
            "mean psi", ALL, outcome.name, columns, "no two such runs differ in one axis alone"
        )
    low, high = interval(np.mean([here.draws for here in found], axis=0))
    trainings = len(np.unique(np.concatenate([here.pairs.trainings.ravel() for here in found])))
    psi = np.mean([here.psi for here in found], axis=0)
    pairs = np.sum([here.count for here in found], axis=0).astype(int)
    note = f"axes: {', '.join(here.pairs.axis for here in found)}"
    return Result("mean psi", ALL, outcome.name, columns, psi, low, high, np.nan, pairs, trainings, note)


def _worst(study: Study, found: list[Agreement], outcome: Outcome, columns: np.ndarray) -> Iterator[Result]:
    """Robust sign error along each axis, and over all of them."""
    runs = study.runs
    better = runs.measures["better"].to_numpy()[columns]
    parts = []
    for here in found:
        name = here.pairs.axis
        environment = environments(here.pairs, runs.axes, runs.network)
        share, low, high, count, place = worst_environment(
            here.pairs, environment, outcome, study.ranks[:, columns], better, study.drawn
        )
        notes = [_environment(runs, here.pairs, at) for at in place]
        parts.append((share, low, high, count, notes))
        trainings = len(np.unique(here.pairs.trainings))
        yield Result("sign error", name, outcome.name, columns, share, low, high, pairs=count.astype(int),
                     trainings=trainings, note=notes)  # fmt: skip
    if parts:
        shares = np.array([part[0] for part in parts])
        worst = np.where(np.isnan(shares), -1, shares).argmax(axis=0)
        each = np.arange(len(columns))
        share, low, high, count = (np.array([part[i] for part in parts])[worst, each] for i in range(4))
        yield Result("sign error", ALL, outcome.name, columns, share, low, high, pairs=count.astype(int),
                     trainings=runs.training.max() + 1,
                     note=[parts[at][4][column] for column, at in enumerate(worst)])  # fmt: skip


def _environment(runs: Runs, pairs: Pairs, place: int) -> str:
    """The environment of a pair in words."""
    if place < 0:
        return f"not testable: no environment has {FEWEST} pairs whose errors differ"
    one, other = runs.rows[pairs.first[place]], runs.rows[pairs.second[place]]
    if pairs.axis == "seed":
        variant = "" if one["variant"] == DEFAULT else f", {one['variant']}"
        others = one["norm"] == OTHERS["norm"]
        size = "" if others else f", ResNet-{one['depth']}, width {one['width']:g}, {one['norm']}"
        return f"worst in {one['algorithm']}{size}{variant}"
    low, high = sorted([one[pairs.axis], other[pairs.axis]])
    return f"worst between {pairs.axis} {low} and {high}"


def _pooled(study: Study) -> Iterator[Result]:
    parts, found = [], []
    for outcome in study.runs.outcomes:
        ranks = study.ranks[:, study.columns(outcome, RANDOM)]
        *numbers, contributions = pooled_tau(outcome, ranks, study.runs.training, study.drawn)
        found.append(numbers)
        # observed: half the sum, since both trainings of a pair count it
        statistic = flipped(contributions)
        statistic[0] /= 2
        parts.append((outcome, statistic))
    for (outcome, _), numbers, p in zip(parts, found, study.corrected(parts) if parts else [], strict=True):
        tau, low, high, pairs = numbers
        note = ["" if known else f"not testable: {UNRESOLVED}" for known in pairs > 0]
        p = np.where(pairs > 0, p, np.nan)
        trainings = study.runs.training.max() + 1
        columns = study.columns(outcome, RANDOM)
        yield Result("tau", ALL, outcome.name, columns, tau, low, high, p, pairs.astype(int), trainings, note)


def _information(study: Study) -> Iterator[Result]:
    runs = study.runs
    for outcome in runs.outcomes:
        columns = study.columns(outcome, RANDOM)
        estimate, low, high, pairs, notes = conditional_information(
            outcome, runs.axes, study.ranks[:, columns], runs.training, study.drawn
        )
        missing = "not testable: the axes decide which error is higher, or no two errors differ"
        notes = [note if np.isfinite(value) else missing for note, value in zip(notes, estimate, strict=True)]
        yield Result("conditional information", ALL, outcome.name, columns, estimate, low, high, pairs=pairs,
                     trainings=runs.training.max() + 1, note=notes)  # fmt: skip


def _regressions(study: Study) -> Iterator[Result]:
    """Partial correlation and R² of levels left out, at once for measures that are known in the same runs."""
    runs = study.runs
    for outcome in runs.outcomes:
        partial: dict[int, tuple] = {}
        contributions = np.zeros((study.drawn.shape[1], len(study.columns(outcome, RANDOM))))
        for rows, columns in _known_together(study, outcome):
            x, facts, training = (
                runs.matrix[np.ix_(rows, columns)],
                runs.table.iloc[rows],
                runs.training[rows],
            )
            if len(rows) < FEWEST_RUNS:
                why = f"{len(rows)} runs have both, {FEWEST_RUNS} are needed"
                yield not_testable("partial correlation", ALL, outcome.name, columns, why)
                continue
            error = outcome.error[rows]
            estimate, low, high, sums = partial_correlation(error, x, facts, training, study.drawn)
            contributions[:, np.searchsorted(study.columns(outcome, RANDOM), columns)] = sums
            trainings = len(np.unique(training))
            partial |= {column: (*numbers, trainings) for column, *numbers in
                        zip(columns, estimate, low, high, strict=True)}  # fmt: skip
            for axis in runs.varied:
                yield from _left_out(study, outcome, axis, rows, columns)
        if partial:
            p = dict(
                zip(
                    study.columns(outcome, RANDOM),
                    study.corrected([(outcome, flipped(contributions))])[0],
                    strict=True,
                )
            )
            columns = np.array(sorted(partial))
            estimate, low, high, trainings = np.array([partial[column] for column in columns]).T
            known = np.isfinite(estimate)
            notes = ["" if there else "not testable: parameters, epochs and algorithm explain it entirely"
                     for there in known]  # fmt: skip
            corrected = np.where(known, [p[column] for column in columns], np.nan)
            yield Result("partial correlation", ALL, outcome.name, columns, estimate, low, high, corrected,
                         trainings=trainings.astype(int), note=notes)  # fmt: skip


def _left_out(
    study: Study, outcome: Outcome, axis: str, rows: np.ndarray, columns: np.ndarray
) -> Iterator[Result]:
    runs = study.runs
    level = np.unique(runs.axes[axis].to_numpy()[rows], return_inverse=True)[1]
    if level.max() == 0:
        return
    training = runs.training[rows]
    r2, low, high, gain, gain_low, gain_high = left_out(
        outcome.error[rows],
        runs.matrix[np.ix_(rows, columns)],
        runs.table.iloc[rows],
        level,
        training,
        study.drawn,
    )
    trainings = len(np.unique(training))
    note = "" if np.isfinite(r2).any() else "not testable: all errors are equal"
    yield Result("r2", axis, outcome.name, columns, r2, low, high, trainings=trainings, note=note)
    yield Result(
        "r2 gain", axis, outcome.name, columns, gain, gain_low, gain_high, trainings=trainings, note=note
    )


def _known_together(study: Study, outcome: Outcome) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Rows and columns without missing values that together hold every known value of a column."""
    columns = study.columns(outcome, RANDOM)
    known = (study.ranks[:, columns] >= 0) & ~np.isnan(outcome.error)[:, None]
    patterns: dict[bytes, list[int]] = {}
    for column, mine in zip(columns, known.T, strict=True):
        patterns.setdefault(np.packbits(mine).tobytes(), []).append(column)
    for mine in patterns.values():
        yield np.flatnonzero(known[:, np.searchsorted(columns, mine[0])]), np.array(mine)


def _regrets(study: Study) -> Iterator[Result]:
    runs = study.runs
    for outcome in runs.outcomes:
        columns = study.columns(outcome)
        values = runs.matrix[:, columns] * runs.measures["better"].to_numpy()[columns]
        for choice in CHOICES:
            group = groups_of(choice, runs.table, runs.training)
            estimate, low, high, groups = regret(outcome.error, values, group, runs.training, study.drawn)
            note = [
                f"{number:,} choices" if number else "not testable: nothing to choose from"
                for number in groups
            ]
            yield Result("regret", choice, outcome.name, columns, estimate, low, high,
                         trainings=runs.training.max() + 1, note=note)  # fmt: skip


def _reliabilities(study: Study) -> Iterator[Result]:
    """Intraclass correlation of each measure at the end of training; no outcome takes part."""
    runs = study.runs
    last = runs.table.assign(training=runs.training).groupby("training")["epochs"].idxmax().to_numpy()
    columns = np.flatnonzero(~runs.measures["baseline"])
    if seeds(runs.training, runs.network).max() < 2:
        yield not_testable("intraclass correlation", "seed", "", columns, "no network has two seeds")
        return
    found = []
    for column in columns:
        mine = last[~np.isnan(runs.matrix[last, column])]
        found.append((*intraclass_correlation(runs.matrix[mine, column], runs.network[mine]), len(mine)))
    estimate, low, high, trainings = np.array(found, dtype=float).reshape(-1, 4).T
    note = ["" if known else "not testable: one network, or no variation" for known in np.isfinite(estimate)]
    yield Result("intraclass correlation", "seed", "", columns, estimate, low, high,
                 trainings=trainings.astype(int), note=note)  # fmt: skip


def _unresolved(study: Study) -> Iterator[pd.DataFrame]:
    """Share of the pairs along each axis whose errors the test set cannot tell apart, a row an outcome."""
    for outcome in study.runs.outcomes:
        for axis, pairs in study.pairs.items():
            if len(pairs.first) == 0:
                continue
            order = outcome.order(outcome.angle[pairs.first], outcome.angle[pairs.second])
            note = "" if outcome.apart else UNKNOWN_TEST_SET
            row: dict[str, object] = dict.fromkeys(["measure", "layer", "reading"], "")
            row |= {"outcome": outcome.name, "statistic": "unresolved", "axis": axis, "note": note}
            row |= {"estimate": float((order == 0).mean()), "pairs": len(order)}
            yield pd.DataFrame([row | {"trainings": len(np.unique(pairs.trainings))}], columns=COLUMNS)
