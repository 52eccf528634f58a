"""Beyond the paper: label-free measures and the test error, energy and the mean cosine."""

import numpy as np
import pandas as pd
from matplotlib.colors import Normalize
from matplotlib.figure import Figure

from feature_diversity.base.layers import in_order
from feature_diversity.base.reading import HEADLINE
from feature_diversity.base.run import CELL
from feature_diversity.figures.captions import TITLES
from feature_diversity.figures.drawing import (
    MANY,
    Notes,
    failing_among,
    finish,
    heat_map,
    key,
    legend_in,
    logarithmic,
    nothing,
    panels,
    prepare,
    subject,
)
from feature_diversity.figures.seeds import drawable
from feature_diversity.figures.style import COLOURS, DIVERGING, MARKERS
from feature_diversity.measures.companions.table import COMPANIONS

MEASURES = {  # column of the table -> its name; of the flattened vectors
    "diversity": f"diversity (s = {HEADLINE['s']})",
    **{name: companion.label for name, companion in COMPANIONS.items()},
    "effective_dimension": "effective dimension",
}
FEWEST = 5  # networks from which a correlation is given


def measures_and_error(table: pd.DataFrame) -> tuple[Figure, Notes]:
    """Spearman's correlation of every label-free measure with the test error, by layer."""
    title = TITLES["measures"]
    trained = table[table["epochs"] > 0]
    layers = in_order(set(trained["layer"].dropna()))
    measures = {column: name for column, name in MEASURES.items() if column in trained}
    rows, left_out = drawable(trained, ["error"])
    notes = Notes(points=len(rows), left_out=left_out, remarks=failing_among(rows))
    cells = rows.groupby([*CELL, "layer"])[[*measures, "error"]].mean().reset_index()
    networks = len(cells.drop_duplicates(CELL))
    if networks < FEWEST:
        return nothing(title, notes, f"{networks} trained networks, a correlation needs {FEWEST} at least")
    correlations = pd.DataFrame(
        {
            layer: [spearman(cells[cells["layer"] == layer], column) for column in measures]
            for layer in layers
        },
        index=list(measures.values()),
    )
    absent = [name for column, name in MEASURES.items() if column not in trained]
    if absent:
        notes.remarks.append(f"Not in the table: {', '.join(absent)}")
    figure, axes, legend = panels([f"{networks:,} networks"], legend_width=0.3)
    figure.set_figheight(0.7 + 0.2 * len(measures))
    image = heat_map(axes[0], correlations, DIVERGING, Normalize(-1, 1))
    figure.colorbar(
        image,
        ax=legend,
        fraction=0.35,
        aspect=16,
        label="Spearman's correlation",
    )
    finish(figure, f"{title}: {subject(trained)}", notes)
    return figure, notes


def spearman(cells: pd.DataFrame, column: str) -> float:
    """Spearman's correlation of a measure with the error; NaN below FEWEST networks or without variation."""
    both = cells[[column, "error"]].dropna()
    if len(both) < FEWEST or both.nunique().min() < 2:
        return float("nan")
    ranks = both.rank()
    return ranks[column].corr(ranks["error"])


def energy_and_cosine(table: pd.DataFrame) -> tuple[Figure, Notes]:
    """Energy against one minus the mean cosine, and the least energy that this cosine allows."""
    title = TITLES["cosine"]
    if "mean_cosine" not in table:
        return nothing(title, Notes(), "the table has no column mean_cosine")
    table = table.assign(energy=-table["diversity"], spread=1 - table["mean_cosine"])
    rows, layers, notes = prepare(table, ["energy", "spread"], in_order(set(table["layer"].dropna())))
    aligned = rows["spread"] <= 0
    if aligned.any():
        notes.left_out["all vectors have one direction"] = int(aligned.sum())
        rows = rows[~aligned]
        notes.points = len(rows)
    if rows.empty:
        return nothing(title, notes, "no run has a finite energy and a mean cosine")
    figure, axes, legend = panels([""])
    figure.set_figheight(3.6)
    looks = {layer: (COLOURS[place % 8], MARKERS[place % 10]) for place, layer in enumerate(layers)}
    for layer, mine in rows.groupby("layer"):
        colour, marker = looks[layer]
        axes[0].plot(mine["spread"], mine["energy"], linestyle="", marker=marker, markersize=3.5, alpha=0.6,
                     color=colour, markeredgewidth=0, rasterized=len(mine) > MANY)  # fmt: skip
    ends = np.array([rows["spread"].min() / 1.2, rows["spread"].max() * 1.2])
    axes[0].plot(ends, least_energy(ends), color="0.3", linewidth=0.9, zorder=1)
    axes[0].set(
        xscale="log", yscale="log", xlabel="1 - mean cosine similarity of pairs", ylabel="Energy (s = 1)"
    )
    logarithmic(axes[0].xaxis, rows["spread"])
    logarithmic(axes[0].yaxis, rows["energy"])
    bound = key("least energy possible", "0.3", "", "-")
    legend_in(legend, [[key(layer, *looks[layer]) for layer in layers], [bound]])
    finish(figure, f"{title}: {subject(table)}", notes)
    return figure, notes


def least_energy(spread: np.ndarray) -> np.ndarray:
    """The least energy at s = 1 for one minus the mean cosine: r² = 2 - 2 cos, and 1/r is convex in r²."""
    return (2 * spread) ** -0.5
