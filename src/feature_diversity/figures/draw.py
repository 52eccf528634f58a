"""The paper's four figures and further ones, drawn from the table of results, by their names."""

from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import pandas as pd
from matplotlib.figure import Figure

from feature_diversity.base.errors import InputError
from feature_diversity.base.files import atomic_write
from feature_diversity.figures.captions import TITLES
from feature_diversity.figures.drawing import Notes, nothing
from feature_diversity.figures.figure2 import figure2
from feature_diversity.figures.further import (
    layers_over_epochs,
    measures_by_images,
    untrained_control,
    variants,
)
from feature_diversity.figures.paper import figure1, figure3, figure4
from feature_diversity.figures.parts import parts_over_epochs
from feature_diversity.figures.prediction import measures_and_axes
from feature_diversity.figures.references import untrained_error
from feature_diversity.figures.relations import energy_and_cosine, measures_and_error
from feature_diversity.results.gates import failing
from feature_diversity.results.table import of_default, outcomes_in, reading, shown_in

ENDINGS = ("svg", "pdf", "png")
OF_THE_PAPER: dict[str, Callable[[pd.DataFrame], tuple[Figure, Notes]]] = {
    "figure1": figure1, "figure2": figure2, "figure3": figure3, "figure4": figure4,
}  # fmt: skip
OF_GRIDS = OF_THE_PAPER | {"variants": variants}  # that a study names with their grids
FURTHER: dict[str, Callable[[pd.DataFrame], tuple[Figure, Notes]]] = {
    "layers": layers_over_epochs, "parts": parts_over_epochs, "untrained": untrained_control,
    "measures": measures_and_error, "cosine": energy_and_cosine,
}  # fmt: skip
OF_ALL_VARIANTS = {"variants", "measures", "cosine"}  # the others show the default one alone
OF_OTHER_TABLES: dict[str, Callable[[pd.DataFrame], tuple[Figure, Notes]]] = {
    "prediction": measures_and_axes, "image_counts": measures_by_images,
}  # fmt: skip


def of_outcome(table: pd.DataFrame, outcome: str) -> pd.DataFrame:
    """The table with another test error in the place of the paper's, which titles then name beside the data.

    What chance and raw pixels reach is not known of it. InputError for a column that is no test error.
    """
    if outcome == "test_error":
        return table
    if outcome not in (known := outcomes_in(table)):
        raise InputError(f"outcome is {outcome!r}, expected one of {', '.join(known)}")
    named = table["dataset"].astype(str) + f" ({outcome})"
    known_errors = table.drop(columns=["chance_error", "pixel_error"], errors="ignore")
    return known_errors.assign(test_error=table[outcome], dataset=named)


def headline(table: pd.DataFrame) -> pd.DataFrame:
    """The headline reading, with what figures draw of a run beside what the table has.

    That is its error and that of its untrained network in percent, whether the error was `published`, and
    whether its training `fails` a gate.
    """
    table = reading(table)
    published = table["error_source"].eq("published") if "error_source" in table else False
    return table.assign(
        error=100 * table["test_error"],
        untrained_error=untrained_error(table),
        published=published,
        fails=failing(table),
    )


def draw(name: str, table: pd.DataFrame) -> tuple[Figure, Notes]:
    """The figure of that name, of a table in the headline reading."""
    table = table if name in OF_ALL_VARIANTS else of_default(table)
    if name in FURTHER:
        return FURTHER[name](table)
    table = shown_in(table, name)
    if table.empty:
        return nothing(TITLES[name], Notes(), f"no run of the table belongs to {name}")
    return OF_GRIDS[name](table)


def rendered(figure: Figure) -> dict[str, bytes]:
    """The picture in every format, by ending; the same bytes each time."""
    undated = {"svg": {"Date": None}, "pdf": {"CreationDate": None}, "png": {}}
    pictures = {}
    for ending in ENDINGS:
        figure.savefig(file := BytesIO(), format=ending, metadata=undated[ending])
        pictures[ending] = file.getvalue()
    return pictures


def save(pictures: dict[str, bytes], path: Path) -> None:
    """Write what `rendered` made, a file for each ending."""
    for ending, content in pictures.items():
        with atomic_write(path.with_suffix(f".{ending}")) as part:
            part.write_bytes(content)
