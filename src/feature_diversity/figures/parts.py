"""Beyond the paper: what crowds the features of each layer over training, parts of the excess stacked."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from feature_diversity.base.layers import in_order
from feature_diversity.figures.captions import TITLES
from feature_diversity.figures.drawing import Notes, finish, nothing, panels, prepare, subject
from feature_diversity.figures.references import ROOM
from feature_diversity.figures.style import COLOURS

PARTS = {  # column -> its name and hatch, so that a grey print can be read
    "excess_mean": ("mean direction", ""),
    "excess_covariance": ("covariance", "///"),
    "excess_rest": ("rest", "..."),
}


def parts_over_epochs(table: pd.DataFrame) -> tuple[Figure, Notes]:
    """Parts of the excess stacked, a panel a layer, a bar a number of epochs, means over runs.

    Untrained networks do not set the axes: a bar of theirs that is much higher is cut, with its height.
    """
    title = TITLES["parts"]
    if not set(PARTS) <= set(table):
        return nothing(title, Notes(), "the table has no parts of the excess")
    rows, layers, notes = prepare(table, list(PARTS), in_order(set(table["layer"].dropna())))
    if rows.empty:
        return nothing(title, notes, "no run has finite parts of the excess")
    figure, axes, legend = panels(layers, share_y=False)
    colours = dict(zip(PARTS, COLOURS, strict=False))
    for ax, layer in zip(axes, layers, strict=True):
        _stack(ax, rows[rows["layer"] == layer].groupby("epochs")[list(PARTS)].mean(), colours)
    figure.supxlabel("Epochs", fontsize=8)
    figure.supylabel("Excess energy over uniform directions", fontsize=8)
    entries = [
        Patch(facecolor=colours[part], hatch=hatch, edgecolor="white", linewidth=0, label=name)
        for part, (name, hatch) in PARTS.items()
    ]
    legend.legend(handles=entries, loc="center left", borderaxespad=0)
    finish(figure, f"{title}: {subject(table)}", notes)
    return figure, notes


def _stack(ax: Axes, means: pd.DataFrame, colours: dict[str, str]) -> None:
    """Bars of the rows, negative values downward from 0."""
    places = np.arange(len(means))
    above, below = np.zeros(len(means)), np.zeros(len(means))
    for part, (_, hatch) in PARTS.items():
        values = means[part].to_numpy()
        bottom = np.where(values >= 0, above, below)
        look = {"color": colours[part], "hatch": hatch, "edgecolor": "white", "linewidth": 0}
        ax.bar(places, values, bottom=bottom, width=0.8, **look)
        above, below = above + np.maximum(values, 0), below + np.minimum(values, 0)
    _cut_untrained(ax, pd.Series(above, means.index))
    ax.axhline(0, color="0.3", linewidth=0.8)
    ax.set_xticks(places, [f"{epochs:g}" for epochs in means.index])
    ax.locator_params(axis="y", nbins=5)


def _cut_untrained(ax: Axes, heights: pd.Series) -> None:
    """Let an untrained network's bar end at the rim, with its height, where it would set the axis."""
    highest = heights[heights.index > 0].max()
    if 0 in heights.index and heights[0] > ROOM * highest:
        ax.set_ylim(top=ROOM * highest)
        place = heights.index.get_loc(0)
        ax.annotate(
            f"{heights[0]:.3g} ↑", (place, 1), xycoords=("data", "axes fraction"), xytext=(0, -2),
            textcoords="offset points", ha="center", va="top", fontsize=6,
            bbox={"boxstyle": "square,pad=0.15", "facecolor": "white", "linewidth": 0},
        )  # fmt: skip
