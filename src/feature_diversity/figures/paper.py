"""The paper's figures 1, 3 and 4: test error over diversity, a panel for each layer."""

import pandas as pd
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from feature_diversity.base.layers import PAPERS_LAYERS
from feature_diversity.figures.captions import TITLES
from feature_diversity.figures.drawing import (
    Look,
    Notes,
    by_layer,
    cycled,
    finish,
    key,
    legend_in,
    nothing,
    prepare,
    sampled,
    seed_keys,
    subject,
)
from feature_diversity.figures.seeds import over_seeds
from feature_diversity.figures.style import COLOURS, LINES, MARKERS, NAMES, SEQUENTIAL, look_of

POINT = ["diversity", "error"]
MOST_IN_A_COLUMN = 10  # algorithms in the legend
NO_POINTS = "no run has both a finite diversity and a test error"


def figure1(table: pd.DataFrame) -> tuple[Figure, Notes]:
    """Diversity and test error over epochs, a line for each width."""
    rows, layers, notes = prepare(table, POINT, PAPERS_LAYERS)
    if rows.empty:
        return nothing(TITLES["figure1"], notes, NO_POINTS)
    epochs = sorted(rows["epochs"].unique())
    shades = colormaps[SEQUENTIAL]
    colours = {
        epoch: shades(0.08 + 0.92 * place / max(len(epochs) - 1, 1)) for place, epoch in enumerate(epochs)
    }
    widths = sorted(rows["width"].unique())
    lines, markers = cycled(widths, LINES), cycled(widths, MARKERS)

    def draw(ax: Axes, mine: pd.DataFrame) -> None:
        for _, cells in over_seeds(mine, POINT).groupby(["algorithm", "depth", "width", "norm"]):
            cells = cells.sort_values("epochs")
            ax.plot(cells["diversity"], cells["error"], lines[cells["width"].iloc[0]], color="0.6", zorder=1)

    look = Look("epochs", colours), Look("width", markers)
    figure, legend = by_layer(rows, layers, *look, draw, notes)
    legend_in(
        legend,
        [
            [key(f"width x{width:g}", "0.4", markers[width], lines[width]) for width in sampled(widths)],
            [
                key(f"{epoch:g} epochs" if epoch else "untrained", colours[epoch], "o")
                for epoch in sampled(epochs)
            ],
            seed_keys(rows, notes),
        ],
    )
    finish(figure, f"{TITLES['figure1']}: {subject(table)}", notes)
    return figure, notes


def figure3(table: pd.DataFrame) -> tuple[Figure, Notes]:
    """Diversity and test error of the algorithms; beside the head also the trunk, whose size all share."""
    rows, layers, notes = prepare(table, POINT, [*PAPERS_LAYERS, "trunk"])
    if rows.empty:
        return nothing(TITLES["figure3"], notes, NO_POINTS)
    colours, markers = look_of(list(rows["algorithm"].unique()))
    look = Look("algorithm", colours), Look("algorithm", markers)
    figure, legend = by_layer(rows, layers, *look, lambda ax, mine: None, notes)
    names = [key(NAMES.get(name, name), colours[name], markers[name]) for name in colours]
    legend_in(legend, [names, seed_keys(rows, notes)], columns=1 + (len(names) > MOST_IN_A_COLUMN))
    finish(figure, f"{TITLES['figure3']}: {subject(table)}", notes)
    return figure, notes


def figure4(table: pd.DataFrame) -> tuple[Figure, Notes]:
    """Diversity and test error by depth and norm."""
    rows, layers, notes = prepare(table, POINT, PAPERS_LAYERS)
    if rows.empty:
        return nothing(TITLES["figure4"], notes, NO_POINTS)
    depths, norms = sorted(rows["depth"].unique()), sorted(rows["norm"].unique())
    colours, lines, markers = cycled(norms, COLOURS), cycled(norms, LINES), cycled(depths, MARKERS)

    def draw(ax: Axes, mine: pd.DataFrame) -> None:
        for _, cells in over_seeds(mine, POINT).groupby(["algorithm", "width", "norm", "epochs"]):
            norm = cells["norm"].iloc[0]
            cells = cells.sort_values("depth")
            ax.plot(cells["diversity"], cells["error"], lines[norm], color=colours[norm], zorder=1)

    look = Look("norm", colours), Look("depth", markers)
    figure, legend = by_layer(rows, layers, *look, draw, notes)
    legend_in(
        legend,
        [
            [key(NAMES.get(norm, norm), colours[norm], "", lines[norm]) for norm in norms],
            [key(f"ResNet-{depth:g}", "0.4", markers[depth]) for depth in sampled(depths)],
            seed_keys(rows, notes),
        ],
    )
    finish(figure, f"{TITLES['figure4']}: {subject(table)}", notes)
    return figure, notes
