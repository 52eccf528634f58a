"""The one kind of test for claims that some means are higher than others: contrasts of cells."""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pandas as pd
from scipy import stats

from feature_diversity.claims.cells import Cells
from feature_diversity.claims.evidence import (
    AS_PUBLISHED,
    MOST_SEEDS,
    NOT_AS_PUBLISHED,
    POWER,
    Evidence,
    NotTestable,
    Part,
    every,
    some,
)
from feature_diversity.claims.runs import Runs
from feature_diversity.statistics.contrasts import Tested
from feature_diversity.statistics.multiplicity import ALPHA


@dataclass(frozen=True)
class Comparison:
    """A contrast that is claimed to be above 0, on the average over its places.

    weights: (places, cells, columns), a contrast at each place, such as a width or a number of epochs.
    share: (places,), of each in the average. places: a row for each, the axes that tell it. group:
    comparisons of one group are opposed when some of them is below 0, the claim when every group is; None:
    it opposes nothing.
    """

    name: str
    weights: np.ndarray
    share: np.ndarray
    places: pd.DataFrame | None = None
    group: str | None = ""

    @property
    def average(self) -> np.ndarray:
        """Weights of the average, shape (cells, columns)."""
        return np.tensordot(self.share, self.weights, axes=1)


def comparison(
    name: str,
    weights: np.ndarray,
    column: np.ndarray,
    places: pd.DataFrame,
    share: np.ndarray | None = None,
    group: str | None = "",
) -> Comparison:
    """A Comparison of weights of cells (places, cells) and of columns (columns,)."""
    if not len(weights):
        raise NotTestable(f"nothing to compare for {name}")
    share = np.full(len(weights), 1 / len(weights)) if share is None else share
    return Comparison(name, weights[:, :, None] * column, share, places, group)


def name_of(places: pd.DataFrame, place: int) -> str:
    """A place by the axes in which places differ, such as "width 2, epochs 100"."""
    varied = places.loc[:, [len(set(places[axis])) > 1 for axis in places]].iloc[place]
    return ", ".join(
        value if isinstance(value, str) else f"{axis} {value:g}" for axis, value in varied.items()
    )


def compare(
    runs: Runs,
    cells: Cells,
    comparisons: list[Comparison],
    effect_name: str,
    *,
    in_every_place: bool = False,
    notes: tuple[str, ...] = (),
) -> Evidence:
    """Evidence that every comparison is above 0.

    Stated: the largest p of the averages (intersection-union). Where the places of a comparison differ
    (Bonferroni, 5 %), its average does not speak for all of them, and each place has to be above 0 by itself.
    Opposed: some comparison of every group is below 0 (Bonferroni within a group); `in_every_place`: or some
    place of one is.

    Raises:
        NotTestable: where no two trainings of a network tell noise from effect.
    """
    averages, places, below = _tested(cells, comparisons)
    facts = {"n_runs": runs.n, "n_seeds": runs.n_seeds}
    if runs.published and cells.columns == ["error"]:
        return _published(averages, comparisons, effect_name, notes, facts)
    need_noise(averages)
    stated, remarks = [], []
    for k, each in enumerate(comparisons):
        alone, remark = _of_places(each, averages.estimate[k], places[k], below[k])
        stated.append(max(averages.p[k], alone))
        remarks += remark
    intervals = averages.interval()
    parts = tuple(
        Part(
            each.name,
            float(averages.estimate[k]),
            float(intervals[k][0]),
            float(intervals[k][1]),
            float(stated[k]),
        )
        for k, each in enumerate(comparisons)
    )
    least = min(range(len(parts)), key=lambda k: parts[k].effect)
    # all are to be found together: each may be missed but so often (Bonferroni)
    smallest, smallest_sd = smallest_effect(averages, missed=(1 - POWER) / len(comparisons))
    return Evidence(
        effect=parts[least].effect,
        effect_name=effect_name,
        low=parts[least].low,
        high=parts[least].high,
        p=every(stated),
        p_opposed=_opposed(averages, places if in_every_place else [], comparisons),
        smallest=float(smallest.max()),
        smallest_sd=float(smallest_sd.max()),
        seeds_needed=seeds_needed(averages.estimate, smallest, runs.n_seeds),
        parts=parts if len(parts) > 1 else (),
        note="; ".join([*notes, *remarks, *runs.left_out]),
        **facts,
    )


def need_noise(tested: Tested) -> None:
    """NotTestable unless every contrast has a standard error."""
    if not np.isfinite(tested.error).all():
        raise NotTestable(
            "needs two seeds of a network or more, and values that differ between them: nothing else tells"
            " noise from effect"
        )


def _tested(cells: Cells, comparisons: list[Comparison]) -> tuple[Tested, list[Tested], list[Tested]]:
    """The averages of comparisons, their places, and how far each place lies below the average."""
    averages = np.stack([each.average for each in comparisons])
    ends = np.cumsum([len(averages), *(len(each.weights) for each in comparisons)]).tolist()
    tested = cells.test(np.concatenate([averages, *(each.weights for each in comparisons)]))
    # with the noise of all networks, which finds more differences, so that fewer averages speak for all
    below = cells.test(np.concatenate([each.average - each.weights for each in comparisons]), pooled=True)
    first = ends[0]
    return (
        tested[:first],
        [tested[start:end] for start, end in pairwise(ends)],
        [below[start - first : end - first] for start, end in pairwise(ends)],
    )


def _of_places(one: Comparison, mean: float, tested: Tested, below: Tested) -> tuple[float, list[str]]:
    """p that the places ask for beside the average, 0 where they agree; and what to say about them."""
    known = np.isfinite(below.error)
    if not (known.any() and some(below.p[known]) <= ALPHA):
        return 0.0, []
    lowest = int(tested.estimate.argmin())
    remark = f"least {one.name} at {name_of(one.places, lowest)}: {tested.estimate[lowest]:.3g}"
    remark += f", not like the average of {mean:.3g}, so each place is judged by itself"
    return float(np.nanmax(tested.p)), [remark]


def _opposed(averages: Tested, places: list[Tested], comparisons: list[Comparison]) -> float:
    """p of the opposite: in every group some comparison, or a place of one if these are given, is below 0."""
    groups: dict[str, list[float]] = {}
    for k, each in enumerate(comparisons):
        if each.group is not None:
            groups.setdefault(each.group, []).append(averages.p_below[k])
            if places and len(each.weights) > 1:
                groups[each.group] += list(places[k].p_below)
    return every(some(p) for p in groups.values())


def smallest_effect(
    tested: Tested, level: float = ALPHA, missed: float = 1 - POWER
) -> tuple[np.ndarray, np.ndarray]:
    """The least true effects that a one-sided test of each contrast finds, but for a share `missed`.

    Returns:
        Their size in the units of the estimates, and in standard deviations between seeds.
    """
    size = tested.error * (stats.t.isf(level, tested.freedom) + stats.t.isf(missed, tested.freedom))
    with np.errstate(divide="ignore", invalid="ignore"):
        return size, size / tested.sd


def seeds_needed(effects: np.ndarray, smallest: np.ndarray, seeds: int) -> float:
    """How many seeds would find effects as large as these with a power of 80 %; NaN where none would.

    The smallest effect that is found shrinks with the root of the number of seeds.
    """
    if not (effects > 0).all():
        return np.nan
    needed = float(np.ceil(seeds * ((smallest / effects) ** 2).max()))
    return max(needed, seeds + 1.0) if needed <= MOST_SEEDS else np.nan


def _published(
    averages: Tested, comparisons: list[Comparison], name: str, notes: tuple[str, ...], facts: dict
) -> Evidence:
    """Published numbers, one run each, compared as they are."""
    effects = averages.estimate
    return Evidence(
        effect=float(effects.min()),
        effect_name=name,
        basis="published",
        decided=AS_PUBLISHED if (effects > 0).all() else NOT_AS_PUBLISHED,
        parts=tuple(Part(each.name, float(effects[k])) for k, each in enumerate(comparisons)),
        note="; ".join(notes),
        **facts,
    )
