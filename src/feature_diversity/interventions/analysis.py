"""An intervention's every number, layer by layer, with a verdict on each."""

from dataclasses import asdict
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from feature_diversity.base.errors import InputError
from feature_diversity.interventions.arms import Arms, arms_of
from feature_diversity.interventions.judge import judged
from feature_diversity.interventions.result import COLUMNS, Row
from feature_diversity.interventions.table import PRIMARY, Values, settings
from feature_diversity.interventions.trend import LEVEL


def analysed(table: pd.DataFrame, penalties: dict[str, dict[str, Any] | None]) -> pd.DataFrame:
    """Analyse a study whose variants are arms.

    Args:
        table: of results, with a column `variant`.
        penalties: variant -> penalty, as `arms.arms_of` takes them.

    Returns:
        A row for each number, with `result.COLUMNS`: `statistic` is one of "error" and "excess" (means of
        arms; excess as a share of the untreated run's), "delivered" (the same of doses), "trend" and
        "curvature" (a dose, of each outcome), "treated minus placebo", "causal slope" (error per untreated
        excess), "overidentification" (Hansen's J), "observational slope", "verdict".

    Raises:
        InputError: no variant is a dose, or the table has none of them.
    """
    arms = arms_of(penalties)
    if not arms:
        raise InputError("no variant of the study has a penalty with a dose (delta), so there are no arms")
    rows: list[dict[str, Any]] = []
    parts = settings(table)
    for layer in arms:
        observed = observational(layer, [values for _, values in parts])
        for setting, values in parts:
            if layer.untreated not in set(values.rows["variant"]) or layer.layer not in values.layers:
                continue
            rows += [
                setting | {"layer": layer.layer} | asdict(row) for row in (observed, *judged(layer, values))
            ]
    if not rows:
        raise InputError("the table of results has none of the untreated runs of the study's arms")
    return pd.DataFrame(rows, columns=COLUMNS)


def observational(arms: Arms, values: list[Values]) -> Row:
    """The slope of the error over the excess among untreated runs, in units of their mean excess.

    What a study without interventions would see: networks and seeds as they come.
    """
    x, y = [], []
    for one in values:
        excess, error = one.of_layer("excess", arms.layer), one.of_run(PRIMARY)
        if arms.untreated in excess and arms.untreated in error:
            both = pd.DataFrame({"x": excess[arms.untreated], "y": error[arms.untreated]}).dropna()
            x += both["x"].tolist()
            y += both["y"].tolist()
    if len(set(x)) < 3:
        return Row("observational slope", seeds=len(x), note="fewer than three untreated runs")
    found = stats.linregress(np.array(x) / np.mean(x), y)
    half = stats.t.ppf((1 + LEVEL) / 2, len(x) - 2) * found.stderr
    slope = float(found.slope)
    return Row(
        "observational slope",
        estimate=slope,
        low=slope - half,
        high=slope + half,
        p=float(found.pvalue),
        seeds=len(x),
    )
