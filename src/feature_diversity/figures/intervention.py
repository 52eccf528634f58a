"""What doses delivered, and what followed: layer by layer, with placebos in grey."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from feature_diversity.figures.captions import TITLES
from feature_diversity.figures.drawing import ERROR, Notes, finish, nothing
from feature_diversity.figures.style import COLOURS, MARKERS, NAMES, PAGE

TITLE = TITLES["intervention"]
PLACEBO = "0.6"
NETWORK = ["algorithm", "depth", "width", "norm", "epochs", "layer"]
APART = 0.03  # of the axis of doses, between levers, so that intervals do not cover each other
EXCESS = "Held-out excess energy / untreated"


def doses_and_errors(table: pd.DataFrame) -> tuple[Figure, Notes]:
    """A row for each treated layer of each network: dose against excess, dose against error, the verdict.

    Args:
        table: of the stage `intervention`.
    """
    notes = Notes()
    groups = list(table.groupby(NETWORK, sort=False, dropna=False))
    if not groups:
        return nothing(TITLE, notes, "no layer was treated")
    notes.remarks.append(
        "Points are means over seeds, bars 95 % intervals (Student's t). The broken line is what was asked "
        "for, band and line across are the untreated run, grey are placebos, at the dose of their treated run"
    )
    figure = Figure(figsize=(PAGE, 0.6 + 2.4 * len(groups)), layout="constrained")
    panels = figure.subplots(len(groups), 2, squeeze=False)
    levers = [lever for lever in dict.fromkeys(table["lever"].fillna("")) if lever]
    for (left, right), (network, rows) in zip(panels, groups, strict=True):
        rows = rows.assign(lever=rows["lever"].fillna(""), note=rows["note"].fillna(""))
        for _, arm in rows[(rows["statistic"] == "delivered") & np.isinf(rows["estimate"])].iterrows():
            notes.remarks.append(f"Without {arm['variant']} in {network[-1]} of {network[0]}: {arm['note']}")
        notes.points += draw_arms(left, rows[rows["statistic"].isin(["delivered", "excess"])], levers)
        notes.points += draw_arms(right, rows[rows["statistic"] == "error"], levers, 100)
        asked = np.array([-1, 1])
        left.plot(asked, 1 - asked, "--", color="0.4", linewidth=0.8, zorder=1)
        left.set(ylabel=EXCESS, title=named(network))
        right.set(ylabel=ERROR, title=verdict_of(rows))
    for ax in panels.flat:
        ax.set_xticks(sorted(table["delta"].dropna().unique()))
    for ax in panels[-1]:
        ax.set_xlabel("Dose (1: uniform, 0: as untreated, −1: twice as crowded)")
    looks = [
        Line2D([], [], color=COLOURS[place], marker=MARKERS[place], linestyle="")
        for place in range(len(levers))
    ]
    looks.append(Line2D([], [], color=PLACEBO, marker="x", linestyle=""))
    panels[0, 1].legend(looks, [*(lever.replace("_", " ") for lever in levers), "placebo"], loc="best")
    finish(figure, TITLE, notes)
    return figure, notes


def draw_arms(ax: Axes, rows: pd.DataFrame, levers: list[str], scale: float = 1) -> int:
    """Every arm's mean and interval over its dose; returns how many."""
    treated = rows[rows["lever"] != ""]
    for place, lever in enumerate(levers):
        mine = treated[treated["lever"] == lever].sort_values("delta")
        moved = mine["delta"] + APART * (place - (len(levers) - 1) / 2)
        points(ax, moved, mine, scale, COLOURS[place], MARKERS[place])
    controls = rows[rows["lever"] == ""]
    points(ax, controls["delta"], controls[controls["delta"].notna()], scale, PLACEBO, "x")
    for _, untreated in controls[controls["delta"].isna()].iterrows():
        ax.axhline(scale * untreated["estimate"], color="0.3", linewidth=0.8)
        ax.axhspan(scale * untreated["low"], scale * untreated["high"], color="0.9", zorder=0, linewidth=0)
    return len(rows)


def points(ax: Axes, x: pd.Series, rows: pd.DataFrame, scale: float, colour: str, marker: str) -> None:
    """Means with their intervals."""
    x = x.loc[rows.index]
    ax.vlines(x, scale * rows["low"], scale * rows["high"], color=colour, linewidth=1)
    ax.plot(x, scale * rows["estimate"], marker, color=colour, markersize=4)


def named(network: tuple) -> str:
    """Layer and network of a row of panels."""
    algorithm, depth, width, norm, epochs, layer = network
    names = NAMES.get(algorithm, algorithm), NAMES.get(norm, norm)
    return f"{layer}: {names[0]}, {names[1]},\nResNet-{depth} × {width:g}, {epochs} epochs"


def verdict_of(rows: pd.DataFrame) -> str:
    """The verdict of a layer, with its causal slope in percentage points."""
    verdict = rows[rows["statistic"] == "verdict"].iloc[0]
    text = str(verdict["verdict"])
    if np.isfinite(verdict["estimate"]):
        slope, low, high = (100 * verdict[name] for name in ("estimate", "low", "high"))
        text += f"\n{slope:+.1f} points an excess ({low:+.1f} to {high:+.1f})".replace("-", "−")
    return text
