"""The paper's figure 2: test error and diversity over the number of parameters, stopped early."""

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import EngFormatter, LogLocator, NullFormatter

from feature_diversity.base.layers import PAPERS_LAYERS
from feature_diversity.base.run import NETWORK
from feature_diversity.figures.captions import TITLES
from feature_diversity.figures.drawing import (
    DIVERSITY,
    ERROR,
    Look,
    Notes,
    cloud,
    cycled,
    finish,
    frame,
    key,
    legend_in,
    nothing,
    panels,
    prepare,
    sampled,
    seed_keys,
    subject,
)
from feature_diversity.figures.references import draw_references
from feature_diversity.figures.seeds import over_seeds
from feature_diversity.figures.style import COLOURS, LINES, MARKERS
from feature_diversity.results.table import early_stopped


def figure2(table: pd.DataFrame) -> tuple[Figure, Notes]:
    """Test error and diversity over the number of parameters, a line for each depth."""
    stopped = early_stopped(table)
    rows, layers, notes = prepare(stopped, ["n_params", "diversity", "error"], PAPERS_LAYERS)
    if rows.empty:
        return nothing(
            TITLES["figure2"], notes, "no trained network has all of parameters, diversity and error"
        )
    unknown = len(stopped[stopped["stop_unknown"]].drop_duplicates(NETWORK))
    if unknown:
        notes.remarks.append(f"{unknown:,} trainings without a validation error: their longest run is shown")
    depths = sorted(rows["depth"].unique())
    colours, lines, markers = cycled(depths, COLOURS), cycled(depths, LINES), cycled(depths, MARKERS)
    figure, axes, legend = panels(["test error", *layers], share_y=False)
    for ax, layer in zip(axes, ["", *layers], strict=True):
        # the error is the same in all layers of a run
        mine = rows[rows["layer"] == layer] if layer else rows.drop_duplicates([*NETWORK, "epochs"])
        value = "diversity" if layer else "error"
        # a training stops where it does: runs of several numbers of epochs are one cell
        mine = mine.assign(epochs=0)
        for _, cells in over_seeds(mine, ["n_params", value]).groupby(["algorithm", "depth", "norm"]):
            depth = cells["depth"].iloc[0]
            cells = cells.sort_values("n_params")
            ax.plot(cells["n_params"], cells[value], lines[depth], color=colours[depth], zorder=1)
        cloud(ax, mine, Look("depth", colours), Look("depth", markers), x="n_params", y=value)
        frame(ax, mine["n_params"], mine[value])
        parameters_axis(ax, mine["n_params"])
        ax.set_ylabel(DIVERSITY if layer else ERROR)
        if not layer:
            notes.remarks += draw_references([ax], mine.assign(epochs=1))  # stopped early: none is untrained
    figure.supxlabel("Parameters of the trunk", fontsize=8)
    entries = [
        key(f"ResNet-{depth:g}", colours[depth], markers[depth], lines[depth]) for depth in sampled(depths)
    ]
    legend_in(legend, [entries, seed_keys(rows.assign(epochs=0), notes)])
    finish(figure, f"{TITLES['figure2']}, stopped early: {subject(table)}", notes)
    return figure, notes


def parameters_axis(ax: Axes, parameters: pd.Series) -> None:
    """A logarithmic axis of numbers such as 300k and 1M."""
    ax.set_xscale("log")
    ax.set_xlim(parameters.min() / 1.3, parameters.max() * 1.3)
    ax.xaxis.set_major_locator(LogLocator(subs=(1, 3)))
    ax.xaxis.set_major_formatter(EngFormatter(sep=""))
    ax.xaxis.set_minor_formatter(NullFormatter())
