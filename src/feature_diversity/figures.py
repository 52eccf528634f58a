"""The stage `figures`: the paper's four figures, drawn from the table of results.

Each shows the headline reading of the energy. Small points are single seeds, large ones their mean.
Colour never stands alone: markers and line styles say the same, so that a grey print can be read.
"""

import argparse
from collections.abc import Callable
from pathlib import Path

import matplotlib as mpl

mpl.use("Agg")

import matplotlib.pyplot as plt
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import EngFormatter, LogLocator, NullFormatter

from feature_diversity.files import InputError, atomic_write
from feature_diversity.progress import announce_ready

HEADLINE = {"vector": "flatten", "centred": False, "s": 1}
LAYERS = ["conv1", "res2", "res4", "head"]  # the paper's
ENDINGS = ("svg", "pdf", "png")
MARKERS = "osD^vPX*<>"
LINES = ["-", "--", ":", "-."]
CELL = ["algorithm", "depth", "width", "norm", "epochs"]  # a run without its seed
NAMES = {
    "simclr": "SimCLR",
    "deepclusterv2": "DeepClusterV2",
    "jigsaw": "Jigsaw",
    "rotnet": "RotNet",
    "npid": "NPID",
    "pirl": "PIRL",
    "supervised": "Supervised",
    "batchnorm": "BatchNorm",
    "layernorm": "LayerNorm",
}
STYLE = {
    "axes.grid": True, "grid.alpha": 0.3, "axes.spines.top": False, "axes.spines.right": False,
    "font.size": 9, "axes.titlesize": 10, "legend.frameon": False, "legend.fontsize": 9, "figure.dpi": 150,
    "svg.hashsalt": "feature-diversity", "svg.fonttype": "none", "pdf.fonttype": 42,
}  # fmt: skip
SIZES = [
    Line2D([], [], linestyle="", marker="o", markersize=3.5, color="0.4", alpha=0.6, label="one seed"),
    Line2D([], [], linestyle="", marker="o", markersize=6.5, color="0.4", label="mean over seeds"),
]
WIDE = 10  # largest over median diversity from which an axis is logarithmic
DIVERSITY = "Diversity (minus energy, s = 1)"
ERROR = "Test error (%)"


def main(argv: list[str]) -> None:
    """Command line of the stage; see --help."""
    parser = argparse.ArgumentParser(prog="feature_diversity figures", description=__doc__)
    parser.add_argument("--table", type=Path, required=True, help="results.csv of a study")
    parser.add_argument("--figures", nargs="+", choices=list(FIGURES), required=True)
    parser.add_argument("--folder", type=Path, required=True, help="where the pictures go")
    arguments = parser.parse_args(argv)
    announce_ready()
    table = headline(arguments.table)
    with plt.rc_context(STYLE):
        for name in arguments.figures:
            shown = table[table["figures"].fillna("").str.split().map(lambda names, name=name: name in names)]
            if shown.empty:
                raise InputError(f"{arguments.table}: no run belongs to {name}")
            figure = FIGURES[name](shown)
            for ending in ENDINGS:
                with atomic_write(arguments.folder / f"{name}.{ending}") as path:
                    dated = {"svg": {"Date": None}, "pdf": {"CreationDate": None}, "png": {}}[ending]
                    figure.savefig(path, format=ending, bbox_inches="tight", metadata=dated)
            plt.close(figure)


def headline(path: Path) -> pd.DataFrame:
    """Rows of the table with the headline reading, and the test error in percent."""
    table = pd.read_csv(path)
    for column, value in HEADLINE.items():
        table = table[table[column] == value]
    return table.assign(error=100 * table["test_error"])


def figure1(table: pd.DataFrame) -> Figure:
    """Diversity and test error over epochs, a line for each width."""
    epochs = sorted(table["epochs"].unique())
    colours = dict(zip(epochs, sns.color_palette("viridis_r", len(epochs)), strict=True))
    widths = sorted(table["width"].unique())

    def draw(axes: Axes, rows: pd.DataFrame) -> None:
        for width, line, marker in zip(widths, LINES * len(widths), MARKERS, strict=False):
            mean = averages(rows[rows["width"] == width]).sort_values("epochs")
            axes.plot(mean["diversity"], mean["error"], line, color="0.55", linewidth=1.2, zorder=1)
            points(axes, rows[rows["width"] == width], "epochs", colours, marker)

    keys = [
        Line2D([], [], linestyle=line, marker=marker, color="0.4", label=f"width x{width:g}")
        for width, line, marker in zip(widths, LINES * len(widths), MARKERS, strict=False)
    ]
    keys += [
        Line2D(
            [],
            [],
            linestyle="",
            marker="o",
            color=colours[epoch],
            label=f"{epoch} epochs" if epoch else "untrained",
        )
        for epoch in epochs
    ]
    return layer_panels(
        table, LAYERS, draw, keys, f"Diversity and test error over training: {subject(table)}"
    )


def figure2(table: pd.DataFrame) -> Figure:
    """Test error and diversity over the number of parameters, each training stopped early."""
    table = early_stopped(table)
    depths = sorted(table["depth"].unique())
    colours = dict(zip(depths, sns.color_palette("colorblind", len(depths)), strict=True))
    layers = [layer for layer in LAYERS if layer in set(table["layer"])]
    figure, panels = plt.subplots(
        1, 1 + len(layers), figsize=(2.6 * (1 + len(layers)), 2.9), layout="constrained"
    )
    titles = ["test error", *layers]
    for axes, title in zip(panels, titles, strict=True):
        rows = table[table["layer"] == (layers[0] if title == "test error" else title)]
        value = "error" if title == "test error" else "diversity"
        for depth, line, marker in zip(depths, LINES * len(depths), MARKERS, strict=False):
            mine = rows[rows["depth"] == depth]
            mean = mine.groupby("width", as_index=False)[["n_params", value]].mean()
            axes.scatter(mine["n_params"], mine[value], s=12, marker=marker, color=colours[depth], alpha=0.45)
            axes.plot(mean["n_params"], mean[value], line, marker=marker, color=colours[depth])
        axes.set(xscale="log", title=title, ylabel=ERROR if value == "error" else "")
        axes.xaxis.set_major_locator(LogLocator(subs=(1, 3)))
        axes.xaxis.set_major_formatter(EngFormatter(sep=""))
        axes.xaxis.set_minor_formatter(NullFormatter())
    panels[1].set_ylabel(DIVERSITY)
    figure.supxlabel("Parameters of the trunk", fontsize=9)
    keys = [
        Line2D([], [], linestyle=line, marker=marker, color=colours[depth], label=f"ResNet-{depth}")
        for depth, line, marker in zip(depths, LINES * len(depths), MARKERS, strict=False)
    ]
    figure.legend(handles=[*keys, *SIZES], loc="outside right center")
    figure.suptitle(
        f"Size of the network, stopped at the least validation error: {subject(table)}", fontsize=10
    )
    return figure


def figure3(table: pd.DataFrame) -> Figure:
    """Diversity and test error of the algorithms; beside the head also the trunk, whose size all share."""
    algorithms = [name for name in NAMES if name in set(table["algorithm"])]
    algorithms += sorted(set(table["algorithm"]) - set(algorithms))
    colours = dict(zip(algorithms, sns.color_palette("colorblind", len(algorithms)), strict=True))

    def draw(axes: Axes, rows: pd.DataFrame) -> None:
        for algorithm, marker in zip(algorithms, MARKERS, strict=False):
            points(axes, rows[rows["algorithm"] == algorithm], "algorithm", colours, marker)

    keys = [
        Line2D([], [], linestyle="", marker=marker, color=colours[name], label=NAMES.get(name, name))
        for name, marker in zip(algorithms, MARKERS, strict=False)
    ]
    return layer_panels(table, [*LAYERS, "trunk"], draw, keys, f"Algorithms: {subject(table)}")


def figure4(table: pd.DataFrame) -> Figure:
    """Diversity and test error by depth and norm."""
    depths = sorted(table["depth"].unique())
    norms = sorted(table["norm"].unique())
    colours = dict(zip(norms, sns.color_palette("colorblind", len(norms)), strict=True))

    def draw(axes: Axes, rows: pd.DataFrame) -> None:
        for norm, line in zip(norms, LINES, strict=False):
            mean = averages(rows[rows["norm"] == norm]).sort_values("depth")
            axes.plot(mean["diversity"], mean["error"], line, color=colours[norm], linewidth=1.2, zorder=1)
            for depth, marker in zip(depths, MARKERS, strict=False):
                points(axes, rows[(rows["norm"] == norm) & (rows["depth"] == depth)], "norm", colours, marker)

    keys = [
        Line2D([], [], linestyle=line, color=colours[norm], label=NAMES.get(norm, norm))
        for norm, line in zip(norms, LINES, strict=False)
    ]
    keys += [
        Line2D([], [], linestyle="", marker=marker, color="0.4", label=f"ResNet-{depth}")
        for depth, marker in zip(depths, MARKERS, strict=False)
    ]
    return layer_panels(table, LAYERS, draw, keys, f"Depth and norm: {subject(table)}")


FIGURES: dict[str, Callable[[pd.DataFrame], Figure]] = {
    "figure1": figure1, "figure2": figure2, "figure3": figure3, "figure4": figure4,
}  # fmt: skip


def layer_panels(
    table: pd.DataFrame,
    layers: list[str],
    draw: Callable[[Axes, pd.DataFrame], None],
    keys: list[Line2D],
    title: str,
) -> Figure:
    """A row of panels, one for each layer that the table has: test error over diversity."""
    layers = [layer for layer in layers if layer in set(table["layer"])]
    figure, panels = plt.subplots(
        1, len(layers), figsize=(2.6 * len(layers), 2.9), sharey=True, layout="constrained", squeeze=False
    )
    for axes, layer in zip(panels[0], layers, strict=True):
        rows = table[table["layer"] == layer]
        draw(axes, rows)
        axes.set_title(layer)
        spread = rows["diversity"].abs()
        if spread.max() > WIDE * spread.median():  # else a few collapsed networks hide all others
            axes.set_xscale("symlog", linthresh=0.1, subs=[2, 5])
        else:
            axes.locator_params(axis="x", nbins=3)
    panels[0][0].set_ylabel(ERROR)
    figure.supxlabel(DIVERSITY, fontsize=9)
    figure.legend(handles=[*keys, *SIZES], loc="outside right center")
    figure.suptitle(title, fontsize=10)
    return figure


def points(axes: Axes, rows: pd.DataFrame, hue: str, colours: dict, marker: str) -> None:
    """Small points for seeds, large ones for their means."""
    for value, group in rows.groupby(hue):
        axes.scatter(
            group["diversity"], group["error"], s=12, marker=marker, color=[colours[value]], alpha=0.45
        )
        mean = averages(group)
        axes.scatter(
            mean["diversity"],
            mean["error"],
            s=42,
            marker=marker,
            color=[colours[value]],
            edgecolor="0.15",
            linewidth=0.5,
            zorder=2,
        )


def averages(rows: pd.DataFrame) -> pd.DataFrame:
    """Means over seeds of diversity and test error."""
    return rows.groupby(CELL, as_index=False)[["diversity", "error"]].mean()


def early_stopped(table: pd.DataFrame) -> pd.DataFrame:
    """Of each training, the run with the least validation error, the earliest of equals, never untrained."""
    trained = table[table["epochs"] > 0].sort_values(["val_error", "epochs"], kind="stable")
    return trained.drop_duplicates(["algorithm", "depth", "width", "norm", "seed", "layer"])


def subject(table: pd.DataFrame) -> str:
    """What all rows have in common, for a title, such as "digits, SimCLR, ResNet-14, BatchNorm, 2 seeds"."""
    parts = [f"{value}" for value in [table["dataset"].iloc[0]]]
    phrases = {
        "algorithm": "{}",
        "depth": "ResNet-{}",
        "width": "width x{:g}",
        "norm": "{}",
        "epochs": "{} epochs",
    }
    for column, text in phrases.items():
        values = table[column].unique()
        if len(values) == 1:
            parts.append(text.format(NAMES.get(values[0], values[0])))
    seeds = table["seed"].nunique()
    return ", ".join([*parts, f"{seeds} seed{'s' if seeds > 1 else ''}"])
