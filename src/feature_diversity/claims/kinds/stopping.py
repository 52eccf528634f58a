"""Early stopping: the run of each training that the study's rule chooses."""

import numpy as np
import pandas as pd

from feature_diversity.base.run import CONFIGURATION, NETWORK
from feature_diversity.claims.cells import Cells
from feature_diversity.claims.evidence import Evidence, NotTestable
from feature_diversity.claims.kinds.comparisons import compare, comparison
from feature_diversity.claims.paper import LAYERS
from feature_diversity.claims.runs import Runs
from feature_diversity.results.table import early_stopped


def stopped_early(runs: Runs) -> Runs:
    """Of each training the run chosen by early stopping, whatever its number of epochs, which is set to 0."""
    table = early_stopped(runs.table.assign(layer=""))
    unknown = int(table["stop_unknown"].sum())
    note = (
        f"{unknown} of {len(table)} trainings without a validation error to stop by, their longest run taken"
    )
    return Runs(
        table.assign(epochs=0, stopped=table["epochs"]), (*runs.left_out, *([note] if unknown else []))
    )


def early_stopping_is_most_diverse(runs: Runs) -> Evidence:
    """C13: whether stopping by the study's rule gives more diverse features than any fixed number of epochs.

    Yes if it does, in every layer and compared with every number of epochs; no if some number of epochs gives
    more diverse features than stopping, in some layer. A training's value is the diversity where it stops
    minus that after so many epochs.
    """
    runs = runs.complete("error", *LAYERS)
    epochs = runs.varied("epochs")
    stops = stopped_early(runs)
    if stops.table["stop_unknown"].all():
        raise NotTestable("no training has a validation error or a mark to stop by")
    stops = Runs(stops.table[~stops.table["stop_unknown"]], runs.left_out)
    gains = _gains(runs, stops, epochs)
    columns = [column for column in gains if column not in stops.table]
    gains = Runs(gains, stops.left_out)
    cells = Cells(gains, columns)
    comparisons = []
    for column in columns:
        known = cells.frame[column].notna().to_numpy()
        if gains.table[column].any():  # else every training stops there
            weights, places = cells.each()[known], cells.frame.loc[known, CONFIGURATION]
            comparisons.append(comparison(f"{column} epochs", weights, cells.column(**{column: 1}), places))
    if not comparisons:
        raise NotTestable("every training stops at its only number of epochs")
    chosen = stops.table["stopped"].value_counts().sort_index()
    note = "stops after " + ", ".join(f"{number} epochs: {count}" for number, count in chosen.items())
    name = "diversity where training stops early minus after another number of epochs, the least"
    return compare(gains, cells, comparisons, name, notes=(note,))


def _gains(runs: Runs, stops: Runs, epochs: list[int]) -> pd.DataFrame:
    """The stopped runs, with a column for each layer and number of epochs: diversity gained by stopping."""
    values = np.full((runs.training.max() + 1, len(epochs), len(LAYERS)), np.nan)
    values[runs.training, np.searchsorted(epochs, runs.table["epochs"])] = runs.table[LAYERS]
    of_run = pd.Series(runs.training, pd.MultiIndex.from_frame(runs.table[NETWORK]))
    of_run = of_run[~of_run.index.duplicated()]
    training = of_run.reindex(pd.MultiIndex.from_frame(stops.table[NETWORK])).to_numpy()
    gains = stops.table[LAYERS].to_numpy()[:, None] - values[training]
    names = [f"{layer} after {number}" for number in epochs for layer in LAYERS]
    gained = pd.DataFrame(gains.reshape(len(gains), -1), columns=names)
    return pd.concat([stops.table.reset_index(drop=True), gained], axis=1)
