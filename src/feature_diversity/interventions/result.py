"""The table of an intervention: its rows and columns, and how it is read."""

from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
import pandas as pd

from feature_diversity.base.errors import InputError
from feature_diversity.base.files import check_whole
from feature_diversity.interventions.table import PRIMARY, SETTING

# verdicts
CAUSES, LEVER, NOT_DELIVERED, UNDECIDED = "causes", "depends on the lever", "not delivered", "undecided"
NO_EFFECT = "no effect"

CAUTION = (
    "In most of these networks diversity was set: where that works in one seed and fails in another, error "
    "and diversity move together, so such pairs say little of networks that are left alone"
)


@dataclass(frozen=True)
class Row:
    """A number of an intervention. estimate, low, high: in the units of `statistic`; p: two-sided."""

    statistic: str
    outcome: str = PRIMARY
    lever: str = ""
    variant: str = ""
    delta: float = np.nan
    estimate: float = np.nan
    low: float = np.nan
    high: float = np.nan
    p: float = np.nan
    seeds: int = 0
    verdict: str = ""
    note: str = ""


COLUMNS = [*SETTING, "layer", *(field.name for field in fields(Row))]


def read_interventions(path: Path) -> pd.DataFrame:
    """The table that `analysis.analysed` made; InputError where the file is no such table."""
    try:
        check_whole(path)
        table = pd.read_csv(path)
    except (OSError, ValueError) as error:
        raise InputError(f"{path} cannot be read as a table of interventions: {error}") from None
    if missing := [column for column in COLUMNS if column not in table]:
        raise InputError(
            f"{path}: no column {', '.join(missing)}; expected a table of the stage `intervention`"
        )
    return table
