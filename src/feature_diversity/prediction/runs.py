"""The runs that pairs are made of: their axes, errors, and a column for each distinct measure."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from feature_diversity.base.errors import InputError
from feature_diversity.base.reading import HEADLINE, READING, in_words
from feature_diversity.base.run import CONFIGURATION, NETWORK, RUN
from feature_diversity.prediction.measures import (
    BASELINES,
    COMPANIONS,
    INITIAL,
    OF_THE_HEADLINE,
    RANDOM,
)
from feature_diversity.results.table import outcomes_in
from feature_diversity.statistics.groups import codes
from feature_diversity.statistics.proportions import angle, apart

HEADLINE_NAME = in_words(**HEADLINE)
SAME = 1e-9  # relative difference below which two readings are the same data


@dataclass(frozen=True)
class Outcome:
    """An error of each run, and by how much two must differ for their order to be known.

    error: (runs,), in percent; NaN where it is missing. angle, apart: as in `statistics.proportions`; the
    latter is 0 where the number of test images is unknown.
    """

    name: str
    error: np.ndarray
    angle: np.ndarray
    apart: float

    def order(self, first: np.ndarray, second: np.ndarray) -> np.ndarray:
        """+1 where the first angle is the larger, -1 the smaller, 0 where the test set cannot tell; int8."""
        difference = first - second
        known = (np.abs(difference) >= self.apart) & (difference != 0)
        return np.where(known, np.sign(difference), 0).astype(np.int8)


@dataclass(frozen=True)
class Runs:
    """The trained runs of one study.

    axes: (runs, RUN), a number for each value of an axis, in order. table: a row a run with RUN, n_params and
    what baselines need. training, network: (runs,) numbers from 0. measures: a row a column of `matrix`, with
    measure, layer, reading, baseline (bool), better (+1 or -1) and note. matrix: (runs, measures); NaN where
    missing; minus infinity is the least diverse.
    """

    table: pd.DataFrame
    axes: pd.DataFrame
    training: np.ndarray
    network: np.ndarray
    outcomes: list[Outcome]
    measures: pd.DataFrame
    matrix: np.ndarray

    @cached_property
    def rows(self) -> list[dict[str, Any]]:
        """The rows of `table`, for words about one of them."""
        return self.table.to_dict("records")

    @property
    def varied(self) -> list[str]:
        """The axes that have more than one value."""
        return [axis for axis in RUN if self.axes[axis].max() > 0]


def runs_of(table: pd.DataFrame) -> Runs:
    """The runs of the table of results, the untrained ones apart.

    Args:
        table: as written by the stage `tabulate`.

    Returns:
        The trained runs with all that may predict their errors.

    Raises:
        InputError: the table has no trained run, or several data sets.
    """
    if (names := sorted(map(str, table["dataset"].unique())))[1:]:
        raise InputError(f"the table mixes data sets ({', '.join(names)}); give the table of one study")
    everyone = table.drop_duplicates(RUN).reset_index(drop=True)
    if not (everyone["epochs"] > 0).any():
        raise InputError("the table has no trained run (all have epochs = 0)")
    place = pd.Series(range(len(everyone)), index=pd.MultiIndex.from_frame(everyone[RUN]))
    rows = table.assign(run=place.reindex(pd.MultiIndex.from_frame(table[RUN])).to_numpy())
    names, values = _measured(rows, len(everyone))
    trained = np.flatnonzero(everyone["epochs"] > 0)
    start = _initial(everyone, trained)
    runs = everyone.loc[trained].reset_index(drop=True)
    kept = _distinct(names, values[trained])
    names, values = [names[place] for place in kept], values[:, kept]
    more, baselines = _baselines(runs, names, np.where(start[:, None] >= 0, values[start], np.nan))
    return Runs(
        table=runs,
        axes=pd.DataFrame({axis: codes(runs, [axis]) for axis in RUN}),
        training=codes(runs, NETWORK),
        network=codes(runs, CONFIGURATION),
        outcomes=[_outcome(runs, name) for name in outcomes_in(runs) if runs[name].notna().any()],
        measures=pd.DataFrame([*names, *more], columns=list(more[0])),
        matrix=np.column_stack([values[trained], baselines]),
    )


def _outcome(runs: pd.DataFrame, name: str) -> Outcome:
    error = runs[name].to_numpy(dtype=float)
    images = np.nan
    of_its_own = f"{name}_se" in runs and name != "test_error"
    if "n_test" in runs and not of_its_own:
        images = runs["n_test"].median()
    elif of_its_own or "test_error_se" in runs:
        variance = runs[f"{name}_se" if of_its_own else "test_error_se"].to_numpy(dtype=float) ** 2
        known = variance > 0
        images = (
            np.median((error * (1 - error) / np.where(known, variance, 1))[known]) if known.any() else np.nan
        )
    least = float(apart(images)) if images > 0 else 0.0
    return Outcome(name, 100 * error, angle(error), least)


def _measured(rows: pd.DataFrame, n: int) -> tuple[list[dict], np.ndarray]:
    """Every measure of the features: what it is, and its value of every run, (runs, measures)."""
    names, columns = [], []

    def add(mine: pd.DataFrame, column: str, layer: str, reading: str, better: int) -> None:
        values = np.full(n, np.nan)
        values[mine["run"].to_numpy()] = mine[column]
        if not np.isnan(values).all():
            names.append(_name(column, layer, reading, better))
            columns.append(values)

    measured = rows.dropna(subset=["layer", *READING])
    readings = dict(iter(measured.groupby(READING)))
    order = sorted(readings, key=lambda key: (in_words(*key) != HEADLINE_NAME, key[1], key[2] != 1, key))
    for key in order:
        for layer, mine in readings[key].groupby("layer", sort=False):
            add(mine, "diversity", layer, in_words(*key), +1)
            if in_words(*key) == HEADLINE_NAME:
                for column, better in OF_THE_HEADLINE.items():
                    if column in mine:
                        add(mine, column, layer, HEADLINE_NAME, better)
    for vector in dict.fromkeys(key[0] for key in order):
        once = readings[next(key for key in order if key[0] == vector)]
        for layer, mine in once.groupby("layer", sort=False):
            for column, better in COMPANIONS.items():
                if column in mine:
                    add(mine, column, layer, vector, better)
    return names, np.column_stack(columns) if columns else np.empty((n, 0))


def _name(measure: str, layer: str, reading: str, better: int, baseline: bool = False) -> dict:
    return {
        "measure": measure,
        "layer": layer,
        "reading": reading,
        "baseline": baseline,
        "better": better,
        "note": "",
    }


def _distinct(names: list[dict], values: np.ndarray) -> list[int]:
    """Places of the readings that are not the same data as an earlier one, which says what it stands for."""
    kept: list[int] = []
    for place, name in enumerate(names):
        for other in kept:
            if (names[other]["measure"], names[other]["layer"]) == (name["measure"], name["layer"]):
                same = np.isclose(values[:, other], values[:, place], rtol=SAME, atol=0, equal_nan=True)
                if same.all():
                    known = names[other]["note"] or "the same data: "
                    names[other]["note"] = f"{known}{', ' if names[other]['note'] else ''}{name['reading']}"
                    break
        else:
            kept.append(place)
    return kept


def _initial(everyone: pd.DataFrame, trained: np.ndarray) -> np.ndarray:
    """Of each trained run the place of its network before training; -1 where the table has none."""
    untrained = everyone[everyone["epochs"] == 0]
    place = pd.Series(untrained.index, index=pd.MultiIndex.from_frame(untrained[NETWORK]))
    wanted = pd.MultiIndex.from_frame(everyone.loc[trained, NETWORK])
    return place.reindex(wanted).fillna(-1).to_numpy(dtype=int)


def _baselines(runs: pd.DataFrame, names: list[dict], untrained: np.ndarray) -> tuple[list[dict], np.ndarray]:
    found, columns = [], []
    facts = runs.assign(**{RANDOM: 0})
    for name, better in BASELINES.items():
        if name in facts and facts[name].notna().any():
            found.append(_name(name, "", "", better, baseline=True))
            columns.append(facts[name].to_numpy(dtype=float))
    for place, name in enumerate(names):
        initial = name["measure"] == "diversity" and name["reading"] == HEADLINE_NAME
        if initial and not np.isnan(untrained[:, place]).all():
            found.append(_name(INITIAL, name["layer"], HEADLINE_NAME, +1, baseline=True))
            columns.append(untrained[:, place])
    return found, np.column_stack(columns)
