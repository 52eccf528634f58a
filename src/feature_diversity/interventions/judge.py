"""The verdict on one layer of one network: does its diversity cause the error?"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd

from feature_diversity.interventions import gates, instruments, trend
from feature_diversity.interventions.arms import Arms
from feature_diversity.interventions.result import CAUSES, LEVER, NO_EFFECT, NOT_DELIVERED, UNDECIDED, Row
from feature_diversity.interventions.table import PRIMARY, Values, complete
from feature_diversity.statistics.multiplicity import ALPHA
from feature_diversity.statistics.proportions import STANDARD_ERRORS

WITHIN = 0.9  # of the interval that two one-sided tests at 5 % ask to lie within the margin (Schuirmann 1987)


@dataclass(frozen=True)
class Placebo:
    """One comparison. differences: treated minus placebo, by seed; why: it is not inert, or empty."""

    row: Row
    differences: pd.Series
    why: str


def judged(arms: Arms, values: Values) -> Iterator[Row]:
    """Yield all numbers of a layer, the verdict last.

    Args:
        arms: the variants that treat the layer.
        values: of one network.
    """
    excess = values.of_layer("excess", arms.layer)
    error = values.of_run(PRIMARY)
    outcomes = values.outcomes()
    levers: dict[str, dict[float, str]] = {}
    yield from of_arms(arms, excess, error)
    for lever, doses in arms.doses.items():
        rows = list(deliveries(arms, lever, excess))
        yield from rows
        yield from over_doses(outcomes, lever, doses)
        if rows and all(row.verdict == "delivered" for row in rows):
            levers[lever] = doses
    placebos = [placebo_of(arms, name, values) for name in arms.placebos]
    yield from (one.row for one in placebos if one is not None)
    if not levers:
        yield Row("verdict", verdict=NOT_DELIVERED, note="no lever's doses order the held-out excess")
        return
    known = together(arms, levers, excess, error)
    if known is None:
        yield Row("verdict", verdict=UNDECIDED, note="fewer than two seeds have all arms")
        return
    x, y, weights = known
    slope = instruments.two_stage(x, y, weights)
    seeds = x.shape[1]
    low, high = slope.interval()
    yield Row("causal slope", estimate=slope.estimate, low=low, high=high, p=slope.p, seeds=seeds)
    j, p_of_j = instruments.overidentified(x, y, weights) if len(levers) > 1 else (np.nan, np.nan)
    if len(levers) > 1:
        yield Row("overidentification", estimate=j, p=p_of_j, seeds=seeds)
    used = [
        one
        for one in placebos
        if one and not one.why and lever_of(arms, arms.placebos[one.row.variant]) in levers
    ]
    doses, means = over_levers(levers, y)
    yield verdict_of(
        common_trend(doses, means), slope, p_of_j, used, margin_of(values, y), turn(doses, means)
    )


def of_arms(arms: Arms, excess: pd.DataFrame, error: pd.DataFrame) -> Iterator[Row]:
    """Mean error of every arm, and what untreated runs and placebos have of the untreated run's excess."""
    treated = {name: (lever, delta) for lever, doses in arms.doses.items() for delta, name in doses.items()}
    for variant in (arms.untreated, *arms.placebos, *treated):
        lever, delta = treated.get(variant, ("", np.nan))
        if variant in arms.placebos:
            delta = arms.delta_of(arms.placebos[variant])
        found = complete(error, [variant])
        if found is not None:
            mean, low, high, _ = trend.mean_of(found[:, 0])
            yield Row("error", PRIMARY, lever, variant, delta, mean, low, high, seeds=len(found))
        found = complete(excess, [arms.untreated, variant])
        if found is not None and not lever:
            mean, low, high, _ = trend.mean_of(found[:, -1] / found[:, 0])
            yield Row(
                "excess", f"excess {arms.layer}", lever, variant, delta, mean, low, high, seeds=len(found)
            )


def deliveries(arms: Arms, lever: str, excess: pd.DataFrame) -> Iterator[Row]:
    """What each dose did to the held-out excess, as a share of the untreated run's."""
    doses = arms.doses[lever]
    found = complete(excess, [arms.untreated, *doses.values()])
    if found is None:
        return
    verdict = "delivered" if gates.delivered(found[:, 1:]) else NOT_DELIVERED
    for place, (delta, variant) in enumerate(doses.items(), start=1):
        mean, low, high, _ = trend.mean_of(found[:, place] / found[:, 0])
        infinite = int(np.isinf(found[:, place]).sum())
        note = f"two images have one direction in {infinite} of {len(found)} seeds" if infinite else ""
        yield Row(
            "delivered", f"excess {arms.layer}", lever, variant, delta, mean, low, high,
            seeds=len(found), verdict=verdict, note=note,
        )  # fmt: skip


def over_doses(outcomes: dict[str, pd.DataFrame], lever: str, doses: dict[float, str]) -> Iterator[Row]:
    """Trend and curvature of every outcome over the doses of a lever."""
    for outcome, table in outcomes.items():
        found = complete(table, list(doses.values()))
        if found is None:
            continue
        for degree, name in ((1, "trend"), (2, "curvature")):
            mean, low, high, p = trend.mean_of(found @ trend.contrast(np.array(list(doses)), degree))
            p = trend.page(found) if degree == 1 else p
            yield Row(name, outcome, lever, estimate=mean, low=low, high=high, p=p, seeds=len(found))


def placebo_of(arms: Arms, name: str, values: Values) -> Placebo | None:
    """Treated minus placebo; None where no seed has both and the untreated run."""
    treated = arms.placebos[name]
    variants = [arms.untreated, treated, name]
    errors, excess = values.of_run(PRIMARY), values.of_layer("excess", arms.layer)
    shared = [complete(table, variants) for table in (errors, excess)]
    if any(found is None or len(found) < 2 for found in shared):
        return None
    moved = shared[1]
    pairs = [
        complete(values.of_run(column), [arms.untreated, name]) for column in ("final_loss", "dead_units")
    ]
    loss, dead = (None if pair is None or len(pair) < 2 else (pair[:, 0], pair[:, 1]) for pair in pairs)
    why = gates.not_inert((moved[:, 0], moved[:, 1], moved[:, 2]), loss, dead)
    differences = (errors[treated] - errors[name]).dropna()
    mean, low, high, _ = trend.mean_of(differences.to_numpy())
    row = Row(
        "treated minus placebo",
        lever=lever_of(arms, treated),
        variant=name,
        delta=arms.delta_of(treated),
        estimate=mean,
        low=low,
        high=high,
        p=trend.sign_flips(differences.to_numpy()),
        seeds=len(differences),
        verdict="not inert" if why else "inert",
        note=why,
    )
    return Placebo(row, differences, why)


def lever_of(arms: Arms, variant: str) -> str:
    """The lever of a treated variant."""
    return next(lever for lever, doses in arms.doses.items() if variant in doses.values())


def together(
    arms: Arms, levers: dict[str, dict[float, str]], excess: pd.DataFrame, error: pd.DataFrame
) -> tuple[np.ndarray, np.ndarray, np.ndarray] | None:
    """Excess as a share of the untreated run's, error, and weights of doses, as `instruments` take them."""
    variants = [arms.untreated, *(name for doses in levers.values() for name in doses.values())]
    if not set(variants) <= set(error.columns):
        return None
    both = pd.concat({"excess": excess[variants], "error": error[variants]}, axis=1).dropna()
    if len(both) < 2:
        return None
    shape = (len(levers), len(both), max(map(len, levers.values())))
    x, y = np.full(shape, np.nan), np.full(shape, np.nan)
    weights = np.zeros((shape[0], shape[2]))
    for place, doses in enumerate(levers.values()):
        for column, name in enumerate(doses.values()):
            x[place, :, column] = both["excess", name] / both["excess", arms.untreated]
            y[place, :, column] = both["error", name]
        weights[place, : len(doses)] = np.array(list(doses)) - np.mean(list(doses))
    return x, y, weights


def over_levers(levers: dict[str, dict[float, str]], y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The doses that all levers have, ascending, and the mean error over levers at these: seeds x doses."""
    shared = sorted(set.intersection(*(set(doses) for doses in levers.values())))
    places = [[list(doses).index(delta) for delta in shared] for doses in levers.values()]
    return np.array(shared), np.mean([y[lever][:, columns] for lever, columns in enumerate(places)], axis=0)


def common_trend(doses: np.ndarray, means: np.ndarray) -> tuple[float, float]:
    """Page's p, and the slope a dose; of no doses nan. means: seeds x doses."""
    if not len(doses):
        return np.nan, np.nan
    return trend.page(means), float((means @ trend.contrast(doses, 1)).mean())


def turn(doses: np.ndarray, means: np.ndarray) -> float:
    """The dose at which the error turns from falling to rising, or the other way; nan where it does not.

    That is the vertex of the parabola through the means over seeds, if its curvature is apart from 0 at 5 %
    and it lies between the outermost doses. means: seeds x doses.
    """
    if len(doses) < 3:
        return np.nan
    curvatures = means @ trend.contrast(doses, 2)
    curvature, _, _, p = trend.mean_of(curvatures)
    if not p <= ALPHA:
        return np.nan
    linear = float(np.polynomial.polynomial.polyfit(doses, means.mean(axis=0), 2)[1])
    vertex = -linear / (2 * curvature)
    return vertex if doses[0] < vertex < doses[-1] else np.nan


def margin_of(values: Values, error: np.ndarray) -> float:
    """What the test images cannot tell apart: two standard errors of a difference of two errors."""
    mean, images = float(np.nanmean(error)), float(values.rows["n_test"].iloc[0])
    return STANDARD_ERRORS * float(np.sqrt(2 * mean * (1 - mean) / images))


def verdict_of(
    found: tuple[float, float],
    slope: instruments.Slope,
    p_of_levers: float,
    placebos: list[Placebo],
    margin: float,
    turning: float,
) -> Row:
    """The verdict: of the lever first, then of a cause, then of its absence.

    An error that turns between the doses does not follow diversity in one direction, whatever its trend.

    Where levers are compared there are two ways to be wrong by chance, so each test has half of the 5 %.
    """
    p, by_dose = found
    level = ALPHA / 2 if np.isfinite(p_of_levers) else ALPHA
    low, high = slope.interval(WITHIN)
    note, verdict = "", UNDECIDED
    if p_of_levers <= level:
        verdict, note = LEVER, "levers imply different slopes"
    elif p <= level:
        verdict = CAUSES
        note = f"more spread, {'less' if by_dose < 0 else 'more'} error"
        if np.isfinite(turning):
            verdict = UNDECIDED
            note += f" over all doses, but it turns at the dose {turning:.2g}"
        elif not placebos:
            note += "; no inert placebo to compare with"
        elif any(one.row.delta for one in placebos) and against_placebos(placebos, by_dose) > ALPHA:
            verdict, note = UNDECIDED, f"{note}, but treated runs do not differ from placebos"
    elif -margin <= low and high <= margin:
        verdict, note = NO_EFFECT, f"within ± {100 * margin:.2g} % of test images"
    ends = slope.interval()
    return Row(
        "verdict", estimate=slope.estimate, low=ends[0], high=ends[1], p=p, seeds=slope.freedom + 1,
        verdict=verdict, note=note,
    )  # fmt: skip


def against_placebos(placebos: list[Placebo], by_dose: float) -> float:
    """One-sided p that treated runs lie where the trend says, on the whole of their placebos."""
    sides = [np.sign(one.row.delta * by_dose) * one.differences for one in placebos if one.row.delta]
    means = pd.concat(sides, axis=1).dropna().mean(axis=1).to_numpy()
    two_sided = trend.sign_flips(means)
    return two_sided / 2 if means.mean() > 0 else 1.0
