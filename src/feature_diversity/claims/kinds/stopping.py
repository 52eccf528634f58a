"""Early stopping: the run of each training that the study's rule chooses."""

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
    return Runs(table.assign(epochs=0), (*runs.left_out, *([note] if unknown else [])))


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
    chosen = early_stopped(runs.table.assign(layer=""))["epochs"].value_counts().sort_index()
    note = "stops after " + ", ".join(f"{number} epochs: {count}" for number, count in chosen.items())
    name = "diversity where training stops early minus after another number of epochs, the least"
    return compare(gains, cells, comparisons, name, notes=(note,))


def _gains(runs: Runs, stops: Runs, epochs: list[int]) -> pd.DataFrame:
    """The stopped runs, with a column for each layer and number of epochs: diversity gained by stopping."""
    stopped, gains = stops.table.set_index(NETWORK), {}
    for number in epochs:
        other = runs.table[runs.table["epochs"] == number].set_index(NETWORK).reindex(stopped.index)
        for layer in LAYERS:
            gains[f"{layer} after {number}"] = stopped[layer] - other[layer]
    return pd.concat([stopped, pd.DataFrame(gains)], axis=1).reset_index()
