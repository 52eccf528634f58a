"""What a figure draws of the table: points that can be drawn, those left out and why, means over seeds."""

import numpy as np
import pandas as pd
from scipy.special import stdtrit

from feature_diversity.base.run import CELL

FEWEST = 3  # seeds from which an interval is given; of two, Student's would be 9 standard deviations wide


def drawable(rows: pd.DataFrame, columns: list[str]) -> tuple[pd.DataFrame, dict[str, int]]:
    """Rows with a full name and a finite number in each of `columns`; how many others, by reason."""
    names = [*CELL, "seed", "layer"]
    left_out: dict[str, int] = {}
    for column in [*names, *columns]:
        for reason, bad in (
            (f"no {column.replace('_', ' ')}", rows[column].isna()),
            (f"infinite {column.replace('_', ' ')}", rows[column].isin([np.inf, -np.inf])),
        ):
            if bad.any():
                left_out[reason] = int(bad.sum())
                rows = rows[~bad.reindex(rows.index)]
    return rows, left_out


def over_seeds(rows: pd.DataFrame, columns: list[str]) -> pd.DataFrame:
    """Mean of each of `columns` over the seeds of a cell, as its own column, and half its 95 % interval.

    Returns a row for each cell: CELL, means, `{column}_half` (NaN below FEWEST seeds), `published`, `seeds`.
    """
    groups = rows.groupby(CELL, sort=True)
    cells = groups[columns].mean()
    cells["seeds"] = groups.size()
    cells["published"] = groups["published"].all()
    n = cells["seeds"].where(cells["seeds"] >= FEWEST)
    half = groups[columns].std().mul(stdtrit(n - 1, 0.975) / np.sqrt(n), axis=0)
    return cells.join(half.add_suffix("_half")).reset_index()
