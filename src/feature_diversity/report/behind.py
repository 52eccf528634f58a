"""The numbers behind a figure and the verdicts on it: means over seeds of every network of a figure."""

from typing import Any

import numpy as np
import pandas as pd

from feature_diversity.base.layers import PAPERS_LAYERS, in_order
from feature_diversity.base.run import CELL, RUN
from feature_diversity.figures.style import NAMES
from feature_diversity.results.table import of_default, reading, shown_in, told

FIGURES = ["figure1", "figure2", "figure3", "figure4"]
MOST = 80  # networks in one table


def numbers_behind(table: pd.DataFrame) -> dict[str, dict[str, Any]]:
    """Figure -> table of its networks in the headline reading: `head`, `rows`; `more`, how many are left out.

    A number is a mean over seeds, ± one standard deviation where there are two seeds or more.
    """
    headline = reading(table)
    plain = of_default(headline)
    of_figures = {figure: numbers_of(shown_in(plain, figure)) for figure in FIGURES}
    return of_figures | {"variants": numbers_of(shown_in(headline, "variants"))}


def numbers_of(rows: pd.DataFrame) -> dict[str, Any]:
    """The table of one figure."""
    rows = rows.dropna(subset=RUN)
    if rows.empty:
        return {"head": [], "rows": [], "more": 0}
    run, cells = told(rows, RUN), told(rows, CELL)
    present = set(rows["layer"].dropna())
    layers = [
        layer for layer in in_order(present) if layer in PAPERS_LAYERS or not present & set(PAPERS_LAYERS)
    ]
    columns = ["test error (%)", *layers]
    # in one pass over all layers; the error is the same in all layers of a run
    values = rows.pivot_table("diversity", run, "layer", aggfunc="first", dropna=False).reindex(
        columns=layers
    )
    errors = 100 * rows.drop_duplicates(run).set_index(run)["test_error"]
    values = pd.concat([errors.rename("test error (%)"), values], axis=1).dropna(how="all")
    groups = values.replace([np.inf, -np.inf], np.nan).groupby(level=cells)
    means, deviations, counts = groups.mean(), groups.std(), groups.size()
    infinite = values.isin([np.inf, -np.inf]).groupby(level=cells).sum()
    lines = []
    for cell in means.index[:MOST]:
        numbers = [number(means.loc[cell, column], deviations.loc[cell, column], infinite.loc[cell, column])
                   for column in columns]  # fmt: skip
        lines.append([*(label(value) for value in cell), str(counts[cell]), *numbers])
    return {"head": [*cells, "seeds", *columns], "rows": lines, "more": max(0, len(means) - MOST)}


def number(mean: float, deviation: float, infinite: int) -> str:
    """A mean with its standard deviation, and how many seeds have an infinite value."""
    text = "–" if pd.isna(mean) else f"{mean:.3g}" if pd.isna(deviation) else f"{mean:.3g} ± {deviation:.2g}"
    return f"{text} ({infinite} infinite)" if infinite else text


def label(value: Any) -> str:
    """A value of an axis for people."""
    return NAMES.get(value, value) if isinstance(value, str) else f"{value:g}"
