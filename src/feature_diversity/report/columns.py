"""The numbers behind the page's chart and its table of runs, as compact columns.

A column of numbers is float32 in base64, 5.3 bytes a number, which a browser decodes at once; a column
with few different values is a list of them and a number for each run. All are in the order of the runs.
"""

from base64 import b64encode
from typing import Any

import numpy as np
import pandas as pd

from feature_diversity.base.layers import in_order
from feature_diversity.base.paths import RESULTS_CSV
from feature_diversity.base.reading import HEADLINE, READING, in_words
from feature_diversity.base.run import RUN
from feature_diversity.figures.style import ALGORITHMS, NAMES
from feature_diversity.measures.companions.table import COMPANIONS
from feature_diversity.results.gates import GATES
from feature_diversity.results.table import outcomes_in, reading

MOST = 1_600_000  # numbers on a page: 8.5 MB
OF_RUNS = ["test_error", "val_error", "knn_test_error", "final_loss", "n_params"]  # and all other outcomes
OF_LAYERS = ["energy_se", "excess", "effective_dimension", *COMPANIONS, "layer_test_error"]


def columns_of(table: pd.DataFrame, runs: pd.DataFrame) -> tuple[dict[str, Any], list[str]]:
    """The page's columns, and sentences on what found no room in them.

    runs: one row for each run, in the order of the columns. Keys: `names`, the axes of the grid and what else
    has few values; `numbers`, of a run; `layers`, layer -> measure -> numbers of the headline reading; and
    `diversity`, layer -> reading -> numbers.
    """
    of_few = [*RUN, "dataset", "error_source", *GATES]
    names = {column: few(runs[column]) for column in of_few if column in runs}
    of_runs = dict.fromkeys([*OF_RUNS, *outcomes_in(runs)])
    numbers = {column: many(runs[column]) for column in of_runs if column in runs}
    place = pd.Series(range(len(runs)), index=pd.MultiIndex.from_frame(runs[RUN]))
    rows = table.assign(place=place.reindex(pd.MultiIndex.from_frame(table[RUN])).to_numpy())

    left = MOST
    headline = reading(rows)
    layers: dict[str, dict[str, str]] = {}
    absent = 0
    for layer, mine in headline.groupby("layer"):
        layers[layer] = {}
        for measure in OF_LAYERS:
            if measure not in mine or mine[measure].isna().all():
                continue
            if left < len(runs):
                absent += 1
                continue
            layers[layer][measure] = many(spread(mine, measure, len(runs)))
            left -= len(runs)
    diversity: dict[str, dict[str, str]] = {layer: {} for layer in rows["layer"].dropna().unique()}
    # the headline first: it must not fall to the limit
    key = [
        name
        for name, _ in sorted(rows.groupby(READING), key=lambda pair: pair[0] != tuple(HEADLINE.values()))
    ]
    for vector, centred, s in key:
        chosen = reading(rows, vector=vector, centred=centred, s=s)
        for layer, mine in chosen.groupby("layer"):
            if left < len(runs) and (vector, centred, s) != tuple(HEADLINE.values()):
                absent += 1
                continue
            diversity[layer][in_words(vector, centred, s)] = many(spread(mine, "diversity", len(runs)))
            left -= len(runs)
    sentences = []
    if absent:
        sentences.append(
            f"{absent:,} combinations of layer and measure or reading are not in the chart, to keep the page "
            f"small; {RESULTS_CSV} has them."
        )
    order = in_order(set(diversity))
    return {
        "n": len(runs),
        "words": NAMES,
        # black would not be seen on a dark page
        "colours": {
            name: "#999999" if colour == "#000000" else colour for name, (colour, _) in ALGORITHMS.items()
        },
        "names": names,
        "numbers": numbers,
        "layers": {layer: layers.get(layer, {}) for layer in order},
        "diversity": {layer: diversity[layer] for layer in order},
    }, sentences


def spread(rows: pd.DataFrame, column: str, n: int) -> np.ndarray:
    """The column's numbers at the places of their runs; NaN where a run has none."""
    values = np.full(n, np.nan)
    values[rows["place"].to_numpy(dtype=int)] = rows[column]
    return values


def many(values: pd.Series | np.ndarray) -> str:
    """Numbers as little-endian float32 in base64."""
    return b64encode(np.asarray(values, dtype="<f4").tobytes()).decode()


def few(values: pd.Series) -> dict[str, Any]:
    """The different values and, as uint16 in base64, which of them each run has; 65535 for none."""
    codes, levels = pd.factorize(values, sort=True)
    codes = np.where(codes < 0, 65535, codes).astype("<u2")
    return {"levels": levels.tolist(), "codes": b64encode(codes.tobytes()).decode()}
