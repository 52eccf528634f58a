"""Which run of each training an early-stopping rule chooses. Test data never take part."""

import pandas as pd

from feature_diversity.base.reading import HEADLINE
from feature_diversity.base.run import NETWORK

LABEL_FREE = {"layer": "trunk"} | HEADLINE


def stop_early(table: pd.DataFrame, rule: str, patience: int = 1) -> pd.Series:
    """True in all rows of the runs that the rule chooses: at most one of each training, never untrained.

    table: rows of all runs. Chosen is among the runs of figure 2 where a training has some there. rule:
    "validation", least validation error; "patience", the least validation error before the first `patience`
    runs in a row, by epochs, that are no better; "energy", least energy (greatest diversity), or
    "rankme", greatest RankMe (Garrido et al. 2023), of the trunk's features, which need no labels.
    The earliest of equals is chosen, and none where no run has a value.
    """
    runs = table.drop_duplicates([*NETWORK, "epochs"])
    if rule in ("energy", "rankme"):
        reading = pd.concat([table[column] == value for column, value in LABEL_FREE.items()], axis=1)
        runs = table[reading.all(axis=1)]
        badness = runs["energy"] if rule == "energy" else -runs["rankme"]
    else:
        badness = runs["val_error"]
    runs = runs.assign(badness=badness, shown=runs["figures"].fillna("").str.split().map(_in_figure2))
    runs = runs[runs["epochs"] > 0].sort_values("epochs")
    chosen = set()
    for training, candidates in runs.groupby(NETWORK):
        if candidates["shown"].any():
            candidates = candidates[candidates["shown"]]
        if rule == "patience":
            candidates = candidates.iloc[: _patient(candidates["badness"].tolist(), patience)]
        if candidates["badness"].notna().any():
            chosen.add((*training, candidates["epochs"].iloc[candidates["badness"].argmin()]))
    keys = table[[*NETWORK, "epochs"]].itertuples(index=False, name=None)
    return pd.Series([key in chosen for key in keys], index=table.index)


def _in_figure2(figures: list[str]) -> bool:
    return "figure2" in figures


def _patient(values: list[float], patience: int) -> int:
    """How many of the values are seen before `patience` in a row were no better than the best."""
    best, worse = float("inf"), 0
    for place, value in enumerate(values):
        worse = 0 if value < best else worse + 1
        best = min(best, value)
        if worse == patience:
            return place + 1
    return len(values)
