"""A table of numbers as shades, with the numbers in them."""

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize

CELLS = 12  # columns from which the numbers no longer fit


def heat_map(
    ax: Axes, table: pd.DataFrame, colours: str, shades: Normalize, digits: int = 2
) -> ScalarMappable:
    """Draw the table, its first row on top; empty cells stay white with a dash."""
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
