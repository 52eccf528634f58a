"""The stage `figures`: the paper's four figures and further ones, drawn from the table of results.

Beside the pictures it leaves `notes.json`: for each figure the number of points, those left out and why, and
what is missing.
"""

import argparse
import json
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import matplotlib as mpl
import pandas as pd
from matplotlib.figure import Figure

from feature_diversity.base.files import atomic_write
from feature_diversity.base.timing import announce_ready
from feature_diversity.figures.captions import TITLES
from feature_diversity.figures.drawing import Notes, nothing
from feature_diversity.figures.further import layers_over_epochs, untrained_control
from feature_diversity.figures.paper import figure1, figure3, figure4
from feature_diversity.figures.relations import energy_and_cosine, measures_and_error
from feature_diversity.figures.size import figure2
from feature_diversity.figures.style import MATPLOTLIB
from feature_diversity.results.table import read_results, reading, shown_in

ENDINGS = ("svg", "pdf", "png")
OF_THE_PAPER: dict[str, Callable[[pd.DataFrame], tuple[Figure, Notes]]] = {
    "figure1": figure1, "figure2": figure2, "figure3": figure3, "figure4": figure4,
}  # fmt: skip
FURTHER: dict[str, Callable[[pd.DataFrame], tuple[Figure, Notes]]] = {
    "layers": layers_over_epochs, "untrained": untrained_control,
    "measures": measures_and_error, "cosine": energy_and_cosine,
}  # fmt: skip


def main(argv: list[str]) -> None:
    """Command line of the stage; see --help."""
    parser = argparse.ArgumentParser(prog="feature_diversity figures", description=__doc__)
    parser.add_argument("--table", type=Path, required=True, help="results.csv of a study")
    parser.add_argument("--figures", nargs="+", choices=[*OF_THE_PAPER, *FURTHER], required=True)
    parser.add_argument("--folder", type=Path, required=True, help="where the pictures go")
    arguments = parser.parse_args(argv)
    announce_ready()
    table = headline(read_results(arguments.table))
    notes = {}
    with mpl.rc_context(MATPLOTLIB):
        for name in arguments.figures:
            figure, notes[name] = draw(name, table)
            save(figure, arguments.folder / name)
            print(f"{name}: {notes[name].points:,} points. {notes[name].text()}")
    with atomic_write(arguments.folder / "notes.json") as path:
        path.write_text(
            json.dumps({name: asdict(note) | {"text": note.text()} for name, note in notes.items()})
        )


def headline(table: pd.DataFrame) -> pd.DataFrame:
    """The headline reading, with the error in percent and `published`: was it taken from a publication?"""
    table = reading(table)
    published = table["error_source"].eq("published") if "error_source" in table else False
    return table.assign(error=100 * table["test_error"], published=published)


def draw(name: str, table: pd.DataFrame) -> tuple[Figure, Notes]:
    """The figure of that name, of a table in the headline reading."""
    if name in FURTHER:
        return FURTHER[name](table)
    table = shown_in(table, name)
    if table.empty:
        return nothing(TITLES[name], Notes(), f"no run of the table belongs to {name}")
    return OF_THE_PAPER[name](table)


def save(figure: Figure, path: Path) -> None:
    """Write the picture in every format, the same bytes each time."""
    undated = {"svg": {"Date": None}, "pdf": {"CreationDate": None}, "png": {}}
    for ending in ENDINGS:
        with atomic_write(path.with_suffix(f".{ending}")) as part:
            figure.savefig(part, format=ending, metadata=undated[ending])
