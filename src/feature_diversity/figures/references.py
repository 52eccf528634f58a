"""Lines on an axis of errors that say what is easy: chance, the untrained networks, the pixels."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from feature_diversity.base.run import NETWORK, RUN

ROOM = 1.35  # by which the axis may grow for all lines together, so that points keep three quarters of it
LINES = {"chance": ":", "untrained": "-.", "pixels": "--"}
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
