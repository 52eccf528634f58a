"""A table of numbers as shades, with the numbers in them."""

import pandas as pd
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.colors import Normalize
from matplotlib.image import AxesImage

CELLS = 12  # columns from which the numbers no longer fit


def heat_map(ax: Axes, table: pd.DataFrame, colours: str, shades: Normalize, digits: int = 2) -> AxesImage:
    """Draw the table, its first row on top; empty cells stay white with a dash."""
    image = ax.imshow(table.to_numpy(dtype=float), cmap=colours, norm=shades, aspect="auto")
    ax.set_xticks(
        range(table.shape[1]), [f"{name:g}" if isinstance(name, float | int) else name for name in table]
    )
    ax.set_yticks(range(table.shape[0]), list(table.index))
    ax.grid(visible=False)
    ax.tick_params(length=0)
    ax.spines[:].set_visible(False)
    if table.shape[1] > CELLS:
        return image
    size = 7 if table.shape[1] <= 5 else 5.5
    for (row, column), value in zip(
        ((row, column) for row in range(table.shape[0]) for column in range(table.shape[1])),
        table.to_numpy(dtype=float).ravel(),
        strict=True,
    ):
        missing = pd.isna(value)
        red, green, blue, _ = (1, 1, 1, 1) if missing else colormaps[colours](shades(value))
        dark = 0.299 * red + 0.587 * green + 0.114 * blue < 0.55
        text = "–" if missing else f"{value:.{digits}f}"
        ax.text(
            column, row, text, ha="center", va="center", fontsize=size, color="white" if dark else "black"
        )
    return image
