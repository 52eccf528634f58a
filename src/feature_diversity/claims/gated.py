"""Verdicts on all runs, and beside them on the runs whose trainings fail no gate (`results.gates`)."""

import numpy as np
import pandas as pd

from feature_diversity.base.reading import READING
from feature_diversity.claims.evidence import NOT_TESTABLE
from feature_diversity.claims.judge import judge
from feature_diversity.results.gates import failing

GATED = ["verdict", "effect", "p", "p_opposed", "n_runs"]  # columns that are given once more, as NAME_gated


def judge_with_and_without(table: pd.DataFrame, interventions: pd.DataFrame | None = None) -> pd.DataFrame:
    """Judge every claim on all runs, and again on those that fail no gate.

    Args:
        table: as `judge` takes it, and the columns of `results.gates.GATES` where it has them.
        interventions: as `judge` takes them. They have gates of their own, and are of all runs both times.

    Returns:
        The rows of `judge`, with GATED once more: `verdict_gated` and so on. They are those of all runs where
        no training fails. A claim that cannot be tested without the ones that fail is "not testable".
    """
    verdicts = judge(table, interventions)
    fails = failing(table)
    passing = table[~fails]
    if not fails.any():
        gated = verdicts
    elif (passing["epochs"] > 0).any():
        gated = judge(passing, interventions)
    else:  # nobody is left to be judged
        numbers = dict.fromkeys(["effect", "p", "p_opposed"], np.nan)
        gated = verdicts.assign(verdict=NOT_TESTABLE, n_runs=0, **numbers)
    key = ["claim", *READING]
    places = pd.MultiIndex.from_frame(verdicts[key].astype(str))
    again = gated[GATED].set_axis(pd.MultiIndex.from_frame(gated[key].astype(str))).reindex(places)
    again = again.assign(
        verdict=again["verdict"].fillna(NOT_TESTABLE), n_runs=again["n_runs"].fillna(0).astype(int)
    )
    return pd.concat([verdicts, again.add_suffix("_gated").set_axis(verdicts.index)], axis=1)
