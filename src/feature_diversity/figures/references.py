"""What says what is easy, and shall not set the axes: chance, the pixels, the untrained networks."""

from collections.abc import Callable

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from feature_diversity.base.run import CELL, NETWORK, RUN
from feature_diversity.figures.seeds import over_seeds

ROOM = 1.35  # by which the axis may grow for all lines together, so that points keep three quarters of it
LINES = {"chance": ":", "untrained": "-.", "pixels": "--"}
LETTER, LINE = 0.022, 0.06  # about what a letter takes of a panel's width, and a line of its height
AT_THE_RIM = "Untrained networks outside the axes are at the rim where the line leaves it"
LABELLED = 8  # of these in a panel, at most: the labels of more would hide the rest
PLACES = {"chance": 0.99, "untrained": 0.01, "pixels": 0.99}  # of the labels, across; near lines stay apart


def untrained_error(table: pd.DataFrame) -> pd.Series:
    """Of each row the error of its network before training, in percent; NaN where the table has none."""
    runs = table.drop_duplicates(RUN)
    before = runs[runs["epochs"] == 0].drop_duplicates(NETWORK)
    before = before["test_error"].set_axis(pd.MultiIndex.from_frame(before[NETWORK]))
    found = before.reindex(pd.MultiIndex.from_frame(table[NETWORK])).to_numpy(dtype=float)
    return pd.Series(100 * found, table.index)


def references_of(rows: pd.DataFrame) -> dict[str, float]:
    """Name -> error in percent, of the runs in a figure. Untrained networks among them are points already."""
    known = {
        "chance": 100 * rows["chance_error"].mean() if "chance_error" in rows else np.nan,
        "untrained": np.nan if (rows["epochs"] == 0).any() else rows["untrained_error"].mean(),
        "pixels": 100 * rows["pixel_error"].mean() if "pixel_error" in rows else np.nan,
    }
    return {name: error for name, error in known.items() if np.isfinite(error)}


def draw_references(axes: list[Axes], rows: pd.DataFrame) -> list[str]:
    """Draw the lines that fit on the axes of errors, which share their limits; a remark on those that do not.

    Args:
        axes: whose limits show the points already.
        rows: the points, with epochs, `untrained_error` and, where known, `chance_error` and `pixel_error`.
    """
    low, high = axes[0].get_ylim()
    widest, centre = ROOM * (high - low), (low + high) / 2
    references = references_of(rows)
    beyond = []
    for name, error in sorted(references.items(), key=lambda item: abs(item[1] - centre)):
        margin = 0.03 * (high - low)
        lower, higher = min(low, max(error - margin, 0)), max(high, error + margin)
        if higher - lower > widest:
            beyond.append(f"{name} {error:.3g} %")
            continue
        low, high = lower, higher
        for place, ax in enumerate(axes):
            ax.axhline(error, color="0.35", linewidth=0.8, linestyle=LINES[name], zorder=0.5)
            if place == 0:
                left = PLACES[name] < 0.5
                ax.text(
                    PLACES[name], error, name, transform=ax.get_yaxis_transform(), fontsize=6, color="0.35",
                    ha="left" if left else "right", va="bottom", zorder=1,
                )  # fmt: skip
    axes[0].set_ylim(low, high)
    return [f"Beyond the axis of errors: {', '.join(beyond)}"] if beyond else []


def that_set_the_axis(rows: pd.DataFrame, column: str) -> pd.Series:
    """Values of a column that an axis must show: the trained ones, and others if they need little room."""
    trained = rows.loc[rows["epochs"] > 0, column]
    if trained.empty or np.ptp(rows[column]) <= ROOM * np.ptp(trained):
        return rows[column]
    return trained


def at_the_rim(ax: Axes, rows: pd.DataFrame, look: Callable[[pd.Series], dict[str, object]]) -> str:
    """Mark the untrained cells outside a panel where the line from their first trained cell leaves it.

    Args:
        ax: Its limits are final.
        rows: Of one layer, with diversity and error.
        look: Cell -> colour and marker.

    Returns:
        What is to be said of them; empty where there are none.
    """
    cells = over_seeds(rows, ["diversity", "error"]).sort_values("epochs")
    to_panel = ax.transData + ax.transAxes.inverted()  # 0 ... 1 across and up
    marks = []
    for _, network in cells.groupby([name for name in CELL if name != "epochs"]):
        places = to_panel.transform(network[["diversity", "error"]].to_numpy(dtype=float))
        outside = (places[0] < 0) | (places[0] > 1)
        if network["epochs"].iloc[0] == 0 and outside.any():
            inside = places[1] if len(places) > 1 else np.clip(places[0], 0, 1)
            marks.append((where_it_leaves(inside, places[0]), outside, network.iloc[0]))
    taken: list[tuple[float, float, float]] = []  # left, right and top of the labels
    for place, (beside, _), cell in sorted(marks, key=lambda mark: mark[0][0]):
        ax.plot(
            *place, transform=ax.transAxes, clip_on=False, linestyle="", zorder=4, markersize=5.5,
            markeredgecolor="0.15", markeredgewidth=0.4, **look(cell),
        )  # fmt: skip
        if len(marks) > LABELLED:
            continue
        # a mark beside the panel is not at the height of its error, so both are told
        text = ", ".join([f"{cell['error']:.3g} %", *([f"{cell['diversity']:.3g}"] if beside else [])])
        side = -1 if place[0] > 0.7 else 1
        ends = sorted([place[0] + 0.03 * side, place[0] + (0.03 + LETTER * len(text)) * side])
        top = min(place[1] + 0.015, 1 - LINE)
        while any(
            ends[0] < right and left < ends[1] and abs(top - other) < LINE for left, right, other in taken
        ):
            top -= LINE
        taken.append((*ends, top))
        ax.text(
            place[0] + 0.03 * side, top, text, transform=ax.transAxes, fontsize=6, color="0.25",
            bbox={"facecolor": "white", "alpha": 0.7, "edgecolor": "none", "pad": 0.3},
            ha="right" if side < 0 else "left", va="bottom",
        )  # fmt: skip
    if not marks:
        return ""
    return AT_THE_RIM + (", with their means" if len(marks) <= LABELLED else "")


def where_it_leaves(inside: np.ndarray, outside: np.ndarray) -> np.ndarray:
    """The point on the rim of the unit square on the way from a point inside to one outside."""
    way = outside - inside
    rim = np.where(way > 0, 1.0, 0.0)
    with np.errstate(divide="ignore", invalid="ignore"):
        shares = np.where(way == 0, np.inf, (rim - inside) / way)
    return np.clip(inside + min(1.0, shares.min()) * way, 0, 1)
