"""One statistic of many measures, as it becomes rows of prediction.csv."""

from dataclasses import dataclass, field

import numpy as np
import pandas as pd

COLUMNS = [
    *("measure", "layer", "reading", "outcome", "statistic", "axis", "estimate", "low", "high", "p_max_t"),
    *("pairs", "trainings", "better", "note"),
]


@dataclass(frozen=True)
class Result:
    """statistic, axis, outcome: what; axis and outcome empty where none applies.

    columns: (k,) places in the table of measures. estimate, low, high, p: (k,) or a number; NaN where nothing
    can be said, and `note` says why. pairs, trainings: how many the estimate rests on.
    """

    statistic: str
    axis: str
    outcome: str
    columns: np.ndarray
    estimate: np.ndarray | float
    low: np.ndarray | float = np.nan
    high: np.ndarray | float = np.nan
    p: np.ndarray | float = np.nan
    pairs: np.ndarray | int = 0
    trainings: np.ndarray | int = 0
    note: list[str] | str = field(default="")

    def rows(self, measures: pd.DataFrame) -> pd.DataFrame:
        """A row for each measure, in COLUMNS."""
        named = measures.iloc[self.columns]
        about = named["note"].to_numpy()
        notes = [self.note] * len(named) if isinstance(self.note, str) else self.note
        return pd.DataFrame(
            {
                "measure": named["measure"].to_numpy(),
                "layer": named["layer"].to_numpy(),
                "reading": named["reading"].to_numpy(),
                "outcome": self.outcome,
                "statistic": self.statistic,
                "axis": self.axis,
                "estimate": self.estimate,
                "low": self.low,
                "high": self.high,
                "p_max_t": self.p,
                "pairs": self.pairs,
                "trainings": self.trainings,
                "better": named["better"].to_numpy(),
                "note": ["; ".join(filter(None, both)) for both in zip(notes, about, strict=True)],
            },
            columns=COLUMNS,
        )


def not_testable(statistic: str, axis: str, outcome: str, columns: np.ndarray, why: str) -> Result:
    """Rows that say why there is no number."""
    return Result(statistic, axis, outcome, columns, np.nan, note=f"not testable: {why}")
