"""What the figures share: a grid of panels with a place for the legend, points with intervals, notes."""

import textwrap
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from math import ceil

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import LogLocator, NullFormatter, StrMethodFormatter

from feature_diversity.base.layers import LAYERS, in_order
from feature_diversity.base.reading import HEADLINE
from feature_diversity.base.run import CELL, OTHERS
from feature_diversity.figures.references import (
    at_the_rim,
    draw_references,
    that_set_the_axis,
)
from feature_diversity.figures.seeds import FEWEST, drawable, over_seeds
from feature_diversity.figures.style import NAMES, PAGE

LOGARITHM = (lambda diversity: -np.log(-np.minimum(diversity, -1e-12)), lambda value: -np.exp(-value))
CELLS = 12  # columns of a heat map from which its numbers no longer fit
WIDE = 10  # largest over median diversity from which an axis is logarithmic
MANY = 2000  # points of a panel from which they are drawn as pixels: a small file, and text stays sharp
ENTRIES = 8  # of a legend's part, at most
DIVERSITY = f"Diversity (minus energy, s = {HEADLINE['s']})"
ERROR = "Test error (%)"
# how single seeds look, by whether their training passes the gates
PASSING = {"markersize": 3, "alpha": 0.45, "markeredgewidth": 0}
FAILING = {"markersize": 3.5, "alpha": 0.7, "markeredgewidth": 0.6, "markerfacecolor": "none"}


@dataclass
class Notes:
    """What to know beside a figure: the points it shows, those left out and why, what is missing."""

    points: int = 0
    left_out: dict[str, int] = field(default_factory=dict)
    remarks: list[str] = field(default_factory=list)

    def text(self) -> str:
        """The notes in one line; empty if all was shown."""
        parts = [f"{count:,} of {self.points + sum(self.left_out.values()):,} points left out: {reason}"
                 for reason, count in self.left_out.items()]  # fmt: skip
        return ". ".join([*parts, *self.remarks]) + ("." if parts or self.remarks else "")


@dataclass(frozen=True)
class Look:
    """How the values of one column look: value -> colour, or value -> marker."""

    column: str
    of: dict


def prepare(
    table: pd.DataFrame, columns: list[str], layers: list[str]
) -> tuple[pd.DataFrame, list[str], Notes]:
    """The points of `layers` that can be drawn, the layers there are, and notes on the rest.

    A table with none of `layers` is drawn with those it has, and one of networks of others with all.
    """
    notes = Notes()
    present = set(table["layer"].dropna())
    if present - set(LAYERS):
        layers = in_order(present)
    shown = [layer for layer in layers if layer in present]
    missing = [layer for layer in layers if layer not in present]
    if missing and present:
        notes.remarks.append(f"Not in the table: {', '.join(missing)}")
    if not shown and present:
        shown = in_order(present)[:6]
        notes.remarks.append(f"Drawn instead: {', '.join(shown)}")
    rows = table[table["layer"].isin(shown) | table["layer"].isna()]
    rows, notes.left_out = drawable(rows, columns)
    notes.points = len(rows)
    notes.remarks += failing_among(rows)
    shown = [layer for layer in shown if layer in set(rows["layer"])]
    return rows, shown, notes


def failing_among(rows: pd.DataFrame) -> list[str]:
    """A remark on the runs whose trainings fail a gate, if there are any."""
    runs = rows[rows["epochs"] > 0].drop_duplicates([*CELL, "seed"])
    if not (count := int(runs["fails"].sum())):
        return []
    return [f"{count:,} of {len(runs):,} trained runs are of trainings that fail a gate"]


def panels(
    titles: list[str], share_y: bool = True, legend_width: float = 0.62
) -> tuple[Figure, list[Axes], Axes]:
    """A figure as wide as a page with a panel for each title, and an empty place for the legend."""
    columns = min(len(titles), 2) if len(titles) <= 4 else 3
    rows = ceil(len(titles) / columns)
    free = rows * columns - len(titles)
    figure = Figure(figsize=(PAGE, 0.35 + 2.35 * rows), layout="constrained")
    widths = [1.0] * columns if free else [1.0] * columns + [legend_width]
    grid = figure.add_gridspec(rows, len(widths), width_ratios=widths)
    axes: list[Axes] = []
    for place, title in enumerate(titles):
        first = axes[0] if axes and share_y else None
        axes.append(figure.add_subplot(grid[place // columns, place % columns], sharey=first))
        axes[-1].set_title(title)
        if place % columns and share_y:
            axes[-1].tick_params(labelleft=False)
    legend = figure.add_subplot(grid[-1, -free:] if free else grid[:, -1])
    legend.set_axis_off()
    return figure, axes, legend


def by_layer(
    rows: pd.DataFrame, layers: list[str], colour: Look, marker: Look, draw: Callable, notes: Notes
) -> tuple[Figure, Axes]:
    """A panel for each layer, test error over diversity: a cloud on what `draw(ax, rows)` draws."""
    figure, axes, legend = panels(layers)
    for place, (ax, layer) in enumerate(zip(axes, layers, strict=True)):
        mine = rows[rows["layer"] == layer]
        draw(ax, mine)
        cloud(ax, mine, colour, marker)
        frame(ax, that_set_the_axis(mine, "diversity"), that_set_the_axis(rows, "error"))
        if place % (2 if len(layers) <= 4 else 3) == 0:
            ax.set_ylabel(ERROR)
    notes.remarks += draw_references(axes, rows)
    rims = [
        at_the_rim(
            ax,
            rows[rows["layer"] == layer],
            lambda cell: {"color": colour.of[cell[colour.column]], "marker": marker.of[cell[marker.column]]},
        )
        for ax, layer in zip(axes, layers, strict=True)
    ]
    notes.remarks += sorted({said for said in rims if said}, key=len)[:1]
    figure.supxlabel(DIVERSITY, fontsize=8)
    return figure, legend


def cloud(
    ax: Axes, rows: pd.DataFrame, colour: Look, marker: Look, x: str = "diversity", y: str = "error"
) -> None:
    """Small points for seeds, large ones with intervals for means.

    Seeds whose training fails a gate and means of published errors are open.
    """
    if rows.empty:
        return
    hues = list(dict.fromkeys([colour.column, marker.column]))
    cells = over_seeds(rows, [x, y])
    style = {"linestyle": "", "zorder": 2, "rasterized": len(rows) > MANY}
    for key, group in rows.groupby([*hues, "fails"]):
        look = dict(zip(hues, key[:-1], strict=True))
        c, m = colour.of[look[colour.column]], marker.of[look[marker.column]]
        ax.plot(group[x], group[y], **style, **(FAILING if key[-1] else PASSING), marker=m, color=c)
    for key, group in cells.groupby([*hues, "published"]):
        look = dict(zip(hues, key[:-1], strict=True))
        c, m = colour.of[look[colour.column]], marker.of[look[marker.column]]
        edge = {"markerfacecolor": "white", "markeredgecolor": c, "markeredgewidth": 1.2} if key[-1] else {
            "markerfacecolor": c, "markeredgecolor": "0.15", "markeredgewidth": 0.4}  # fmt: skip
        bars = {"xerr": group[f"{x}_half"]} | ({"yerr": group[f"{y}_half"]} if y != x else {})
        size = 8 if m == "*" else 5.5
        ax.errorbar(
            group[x], group[y], **bars, **edge, **style, marker=m, markersize=size, ecolor=c, elinewidth=0.8
        )


def frame(ax: Axes, xs: pd.Series, ys: pd.Series) -> None:
    """Limits that show all points; bars may leave the frame, lest a wide one flatten everything else.

    Diversities so far apart that a few collapsed networks would hide all others get a logarithmic axis.
    """
    for name, values in (("x", xs), ("y", ys)):
        low, high = values.min(), values.max()
        if high < 0 and low < WIDE * values.median():
            (ax.set_xscale if name == "x" else ax.set_yscale)("function", functions=LOGARITHM)
            low, high = low * 1.3, high / 1.3
            ax.set(**{f"{name}ticks": diversity_ticks(low, high)})
        else:
            margin = 0.08 * (high - low) or 0.1 * abs(high) or 1
            low, high = low - margin, high + margin
            ax.locator_params(axis=name, nbins=4 if name == "x" else 6)
        ax.set(**{f"{name}lim": (low, high)})


def diversity_ticks(low: float, high: float) -> list[float]:
    """Round values between two negative numbers, for an axis that is logarithmic in the energy."""
    subs = (1, 2, 5) if low > 100 * high else (1,)
    ticks = -LogLocator(subs=subs).tick_values(-high, -low)
    return [float(tick) for tick in ticks if low <= tick <= high]


def logarithmic(axis: Axis, values: pd.Series) -> None:
    """Plain numbers as ticks of a logarithmic axis, as many as fit."""
    spread = values.max() / values.min()
    subs = (1,) if spread >= 100 else (1, 2, 5) if spread >= 4 else (1, 1.5, 2, 3, 4, 5, 6, 8)
    axis.set_major_locator(LogLocator(subs=subs))
    axis.set_major_formatter(StrMethodFormatter("{x:g}"))
    axis.set_minor_formatter(NullFormatter())


def sampled(values: list) -> list:
    """At most ENTRIES of the values, the first and the last among them, for a legend."""
    if len(values) <= ENTRIES:
        return values
    return [values[round(place * (len(values) - 1) / (ENTRIES - 1))] for place in range(ENTRIES)]


def seed_keys(rows: pd.DataFrame, notes: Notes) -> list[Line2D]:
    """Entries of the legend for seeds, means, intervals and published points, as far as there are any."""
    grey = {"linestyle": "", "marker": "o", "color": "0.4"}
    cells = over_seeds(rows.drop_duplicates([*CELL, "seed"]), ["error"])
    if cells["seeds"].max() < FEWEST:
        notes.remarks.append("Fewer than three seeds, so no intervals")
    keys = []
    if (cells["seeds"] > 1).any():
        keys.append(Line2D([], [], **grey, markersize=3, alpha=0.6, label="one seed"))
        keys.append(Line2D([], [], **grey, markersize=5.5, label="mean of the seeds"))
    if cells["error_half"].notna().any():
        keys.append(Line2D([], [], color="0.4", marker="_", markersize=0, label="95 % interval"))
    if rows["fails"].any():
        keys.append(Line2D([], [], **grey | FAILING, label="one whose training fails a gate"))
    if rows["published"].any():
        keys.append(Line2D([], [], **grey, markersize=5.5, markerfacecolor="white", label="published error"))
    return keys


def legend_in(place: Axes, blocks: Iterable[list[Line2D]], columns: int = 1) -> None:
    """A legend of blocks of entries, with a gap between them."""
    gap = Line2D([], [], linestyle="", label=" ")
    entries: list[Line2D] = []
    for block in blocks:
        entries += ([gap] if entries and block else []) + block
    place.legend(
        handles=entries, loc="center left", borderaxespad=0, labelspacing=0.35, ncols=columns,
        **({"fontsize": 6, "columnspacing": 0.8, "handletextpad": 0.3} if columns > 1 else {}),
    )  # fmt: skip


def finish(figure: Figure, title: str, notes: Notes) -> None:
    """The title above, made smaller if it is too long, and the notes below."""
    heading = figure.suptitle(title, fontsize=9.5, x=0.01, ha="left", fontweight="bold")
    share = heading.get_window_extent().width / figure.bbox.width
    heading.set_fontsize(9.5 * min(1, 0.97 / share))
    lines = textwrap.wrap(notes.text(), 150)
    below = 0.13 * len(lines) / figure.get_figheight()
    figure.text(0.01, 0.02 / figure.get_figheight(), "\n".join(lines), fontsize=6.5, color="0.3")
    figure.get_layout_engine().set(rect=(0.005, below, 0.99, 0.985 - below))  # type: ignore[call-arg]
    figure.draw_without_rendering()  # the layout is found once, not again for each format
    figure.set_layout_engine(None)
    for ax in figure.axes:  # the solver's last bits depend on where objects lie in memory
        ax.set_position(np.round(ax.get_position(original=True).bounds, 9))
    if label := figure.get_supxlabel():  # the layout makes room for it, but leaves it where the notes are
        figure.supxlabel(label, fontsize=8, y=below + 0.04 / figure.get_figheight())


def nothing(title: str, notes: Notes, why: str) -> tuple[Figure, Notes]:
    """A picture that says why there is nothing to see."""
    notes.points = 0
    notes.remarks.append(f"Nothing to draw: {why}")
    figure = Figure(figsize=(PAGE, 1.2))
    figure.text(0.5, 0.45, f"Nothing to draw: {why}.", ha="center", va="center", fontsize=9, color="0.3")
    figure.suptitle(title, fontsize=9.5, x=0.01, ha="left", fontweight="bold")
    return figure, notes


def subject(table: pd.DataFrame) -> str:
    """What all rows have in common, such as "digits, SimCLR, ResNet-14, BatchNorm, 2 seeds"."""
    parts = sorted(map(str, table["dataset"].dropna().unique()))
    phrases = {
        "algorithm": "{}",
        "depth": "ResNet-{:g}",
        "width": "width x{:g}",
        "norm": "{}",
        "epochs": "{:g} epochs",
    }
    for column, text in phrases.items():
        values = table[column].dropna().unique()
        if len(values) == 1 and values[0] != OTHERS.get(column):
            parts.append(text.format(NAMES.get(values[0], values[0])))
    seeds = table["seed"].nunique()
    return ", ".join([*parts, f"{seeds} seed{'s' if seeds != 1 else ''}"])


def key(label: str, colour: object, marker: str, line: str = "") -> Line2D:
    """An entry of a legend."""
    return Line2D([], [], color=colour, marker=marker, linestyle=line, markersize=5.5, label=label)


def cycled(values: list, looks: list[str]) -> dict:
    """A look for each value, from the start again where there are more values than looks."""
    return {value: looks[place % len(looks)] for place, value in enumerate(values)}


def heat_map(ax: Axes, table: pd.DataFrame, colours: str, shades: Normalize) -> ScalarMappable:
    """Draw numbers as shades and as text, the table's first row on top; empty cells have a dash."""
    fits = table.shape[1] <= CELLS
    names = [f"{name:g}" if isinstance(name, float | int) else name for name in table]
    size = 7 if table.shape[1] <= 5 else 5.5
    sns.heatmap(
        table.astype(float),
        ax=ax,
        cmap=colours,
        norm=shades,
        cbar=False,
        xticklabels=names,
        yticklabels=True,
        annot=fits,
        fmt=".2f",
        annot_kws={"size": size},
    )
    for row, column in np.argwhere(table.isna().to_numpy()) if fits else ():
        ax.text(column + 0.5, row + 0.5, "–", ha="center", va="center", fontsize=size)
    ax.set(xlabel="", ylabel="")
    ax.grid(visible=False)
    ax.tick_params(length=0, rotation=0)
    return ax.collections[0]
