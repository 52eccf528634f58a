"""What followed when the diversity of layers was set: the verdicts of the stage `intervention`."""

from pathlib import Path
from typing import Any

import pandas as pd

from feature_diversity.figures.style import NAMES
from feature_diversity.interventions.result import read_interventions
from feature_diversity.interventions.table import SETTING
from feature_diversity.report.page import significant

SLOPES = {"causal slope": "set", "observational slope": "observed"}  # statistic -> its name on the page


def interventions_of(path: Path) -> list[dict[str, Any]]:
    """A dictionary for each layer that was treated: where, verdict, note, slopes with their intervals.

    Raises:
        InputError: the file is no table of the stage `intervention`.
    """
    table = read_interventions(path)
    found = []
    for values, rows in table.groupby([*SETTING, "layer"], sort=False, dropna=False):
        where = dict(zip([*SETTING, "layer"], values, strict=True))
        verdict = rows[rows["statistic"] == "verdict"].iloc[-1]
        slopes = {
            name: in_percent(rows[rows["statistic"] == statistic].iloc[-1])
            for statistic, name in SLOPES.items()
            if (rows["statistic"] == statistic).any()
        }
        found.append(
            {
                "layer": where["layer"],
                "network": f"{NAMES.get(where['algorithm'], where['algorithm'])}, ResNet-{where['depth']} x "
                f"{where['width']:g}, {NAMES.get(where['norm'], where['norm'])}, {where['epochs']} epochs",
                "verdict": verdict["verdict"],
                "note": verdict["note"] if isinstance(verdict["note"], str) else "",
                "seeds": int(verdict["seeds"]),
                "slopes": slopes,
            }
        )
    return found


def in_percent(row: pd.Series) -> str:
    """An estimate of error and its interval, in percent."""
    estimate, low, high = (significant(100 * row[name]) for name in ("estimate", "low", "high"))
    return f"{estimate} [{low}, {high}]"
