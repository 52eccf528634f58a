"""Which measure orders the errors of two networks, by what the two differ in."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import Normalize
from matplotlib.figure import Figure

from feature_diversity.base.layers import in_order
from feature_diversity.base.reading import HEADLINE, in_words
from feature_diversity.figures.captions import TITLES
from feature_diversity.figures.drawing import Notes, finish, nothing
from feature_diversity.figures.relations import MEASURES
from feature_diversity.figures.style import DIVERGING, PAGE

AXES = ["algorithm", "depth", "width", "norm", "variant", "epochs"]
LAYERS = ["trunk", "head"]  # of companions the first of these that there is
BASELINES = {
    "val_error": "validation error",
    "knn_test_error": "k-NN error",
    "final_loss": "pretext loss",
    "epochs": "number of epochs",
    "n_params": "number of parameters",
}
ALPHA = 0.05
COIN = 50


def measures_and_axes(prediction: pd.DataFrame) -> tuple[Figure, Notes]:
    """Share of pairs that each measure orders right: along `seed` with intervals, along other axes as shades.

    prediction: the table of the stage `predict`. Measures of the features above, baselines below.
    """
    title = TITLES["prediction"]
    rows = prediction[prediction["statistic"].eq("psi") & prediction["outcome"].eq("test_error")]
    known = rows[rows["estimate"].notna()]
    chosen = rows_shown(known)
    if not chosen:
        return nothing(title, Notes(), reason_of(rows))
    rows = known
    present = set(rows["axis"]) - {"seed"}
    axes = [*(axis for axis in AXES if axis in present), *sorted(present - set(AXES))]
    shown = [right(rows, key) for key in chosen.values()]
    notes = Notes(points=int(sum(mine["share"].notna().sum() for mine in shown)))
    notes.remarks.append(
        "50 % is a coin. Bold and filled: beyond chance (p ≤ 0.05, corrected for all that was asked). "
        "Only where nothing but the seed differs does an order tell what a measure itself knows"
    )
    if prediction["statistic"].eq("psi gated").any():
        notes.remarks.append("Trainings that fail a gate take part")
    if "seed" not in set(rows["axis"]):
        notes.remarks.append("No two runs differ in their seed alone")
    figure = Figure(figsize=(PAGE, 1.15 + 0.19 * len(chosen)), layout="constrained")
    grid = figure.add_gridspec(1, 2, width_ratios=[2.4, max(1, 0.62 * len(axes))])
    left = figure.add_subplot(grid[0])
    with_intervals(left, shown)
    left.set_yticks(range(len(chosen)), list(chosen))
    left.set_title("Nothing but the seed differs")
    if axes:
        shades(figure.add_subplot(grid[1]), shown, axes)
    measures = sum(key[0] not in BASELINES for key in chosen.values())
    for ax in figure.axes:
        ax.set_ylim(len(chosen) - 0.5, -0.5)
        ax.axhline(measures - 0.5, color="0.2", linewidth=0.8)
    finish(figure, title, notes)
    return figure, notes


def reason_of(rows: pd.DataFrame) -> str:
    """Why no measure could be asked, by what the table says of pairs of seeds, or of any others."""
    notes = [*rows.loc[rows["axis"].eq("seed"), "note"], *rows["note"]]
    told = (note.removeprefix("not testable: ").split("; ")[0] for note in notes if isinstance(note, str))
    return next(filter(None, told), "the table has no pairs of runs")


def rows_shown(rows: pd.DataFrame) -> dict[str, tuple[str, str, str]]:
    """Name of each row of the figure -> measure, layer, reading; the diversity of every layer first."""
    headline = in_words(**HEADLINE)
    diversity = rows[(rows["measure"] == "diversity") & (rows["reading"] == headline)]
    shown = {
        f"diversity, {layer}": ("diversity", layer, headline) for layer in in_order(set(diversity["layer"]))
    }
    layer = next((name for name in LAYERS if name in set(rows["layer"])), None)
    there = set(zip(rows["measure"], rows["layer"], rows["reading"], strict=True))
    for measure, name in MEASURES.items():
        key = (measure, layer, HEADLINE["vector"])
        if measure != "diversity" and key in there:
            shown[f"{name}, {layer}"] = key
    return shown | {
        name: (measure, "", "") for measure, name in BASELINES.items() if (measure, "", "") in there
    }


def right(rows: pd.DataFrame, key: tuple[str, str, str]) -> pd.DataFrame:
    """By axis: share of pairs in percent that the measure orders right, its interval, and p."""
    mine = rows[(rows["measure"] == key[0]) & (rows["layer"] == key[1]) & (rows["reading"] == key[2])]
    mine = mine.set_index("axis")
    signs = -mine["better"]
    ends = pd.concat([COIN * (1 + signs * mine[end]) for end in ("low", "high")], axis=1)
    return pd.DataFrame(
        {"share": COIN * (1 + signs * mine["estimate"]), "low": ends.min(axis=1), "high": ends.max(axis=1),
         "p": mine["p_max_t"]}
    )  # fmt: skip


def with_intervals(ax: Axes, shown: list[pd.DataFrame]) -> None:
    """A point and its 95 % interval for each row, along `seed`."""
    ax.axvline(COIN, color="0.3", linewidth=0.9)
    for place, mine in enumerate(shown):
        if "seed" not in mine.index:
            continue
        point = mine.loc["seed"]
        sure = point["p"] <= ALPHA
        ax.plot([point["low"], point["high"]], [place, place], color="0.45", linewidth=1.2)
        ax.plot(
            point["share"],
            place,
            "o",
            markersize=5,
            color="#0072B2",
            markerfacecolor="#0072B2" if sure else "white",
        )
    ax.set(xlim=(-3, 103), xlabel="Pairs ordered right (%), 95 % interval")
    ax.tick_params(axis="y", length=0)


def shades(ax: Axes, shown: list[pd.DataFrame], axes: list[str]) -> None:
    """The share of each row along the axes that someone chose, as shades with the numbers in them."""
    table = np.array([[mine["share"].get(axis, np.nan) for axis in axes] for mine in shown])
    ax.imshow(np.ma.masked_invalid(table), cmap=DIVERGING, norm=Normalize(0, 100), aspect="auto")
    for (place, column), value in np.ndenumerate(table):
        p = shown[place]["p"].get(axes[column], np.nan)
        text = "–" if np.isnan(value) else f"{value:.0f}"
        dark = abs(value - COIN) > 36
        ax.text(column, place, text, ha="center", va="center", fontsize=7, color="white" if dark else "black",
                fontweight="bold" if p <= ALPHA else "normal")  # fmt: skip
    ax.set_xticks(range(len(axes)), axes)
    ax.set_yticks([])
    ax.grid(visible=False)
    ax.tick_params(length=0)
    break_or_space = "\n" if len(axes) < 4 else " "  # columns too narrow for the title in a line
    ax.set_title(f"Pairs ordered right (%){break_or_space}where only this differs")
