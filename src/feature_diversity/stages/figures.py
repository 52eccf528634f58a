"""The stage `figures`: the paper's four figures and further ones, drawn from the table of results.

Beside the pictures it leaves `notes.json`: for each figure the number of points, those left out and why, and
what is missing.
"""

import json
import os
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict
from multiprocessing import get_context, parent_process
from pathlib import Path
from threading import Thread

import matplotlib as mpl
import pandas as pd

from feature_diversity.base import paths
from feature_diversity.base.command_line import add_table, add_threads, command_line
from feature_diversity.base.files import atomic_write
from feature_diversity.base.timing import announce_ready
from feature_diversity.figures.draw import (
    FURTHER,
    OF_GRIDS,
    OF_OTHER_TABLES,
    draw,
    headline,
    of_outcome,
    rendered,
    save,
)
from feature_diversity.figures.drawing import Notes
from feature_diversity.figures.style import MATPLOTLIB
from feature_diversity.prediction.answer import read_prediction
from feature_diversity.results.table import read_image_counts, read_results


def main(argv: list[str]) -> None:
    """Run the stage; see --help."""
    parser = command_line("figures", __doc__)
    add_table(parser)
    parser.add_argument(
        "--figures", nargs="+", choices=[*OF_GRIDS, *FURTHER, *OF_OTHER_TABLES], required=True
    )
    parser.add_argument("--prediction", type=Path, help=f"{paths.PREDICTION}, for the figure of that name")
    parser.add_argument("--image-counts", type=Path, help=f"{paths.IMAGE_COUNTS}, likewise")
    parser.add_argument(
        "--outcome", default="test_error", help="column of the table, a test error, that figures of runs show"
    )
    parser.add_argument("--folder", type=Path, required=True, help="where the pictures go")
    add_threads(parser)
    arguments = parser.parse_args(argv)
    for name in OF_OTHER_TABLES.keys() & set(arguments.figures):
        if getattr(arguments, name) is None:
            parser.error(f"--figures {name} is drawn from --{name.replace('_', '-')}")
    announce_ready()
    others = {}
    if arguments.prediction:
        others["prediction"] = read_prediction(arguments.prediction)
    if arguments.image_counts:
        others["image_counts"] = read_image_counts(arguments.image_counts)
    table = headline(of_outcome(read_results(arguments.table), arguments.outcome))
    tables = [others.get(name, table) for name in arguments.figures]
    notes = {}
    drawn = pictures(arguments.figures, tables, arguments.threads)
    for name, (files, note) in zip(arguments.figures, drawn, strict=True):
        save(files, arguments.folder / name)
        notes[name] = note
        print(f"{name}: {note.points:,} points. {note.text()}")
    with atomic_write(arguments.folder / paths.NOTES) as path:
        path.write_text(
            json.dumps({name: asdict(note) | {"text": note.text()} for name, note in notes.items()}),
            encoding="utf-8",
        )


def pictures(
    names: list[str], tables: list[pd.DataFrame], threads: int
) -> Iterator[tuple[dict[str, bytes], Notes]]:
    """Each figure, as `picture` has it, drawn by so many processes."""
    if threads == 1:
        yield from map(picture, names, tables)
        return
    # spawned, for a fork of a process that has threads (pyarrow's) may hang
    with ProcessPoolExecutor(threads, get_context("spawn"), initializer=end_with_parent) as processes:
        yield from processes.map(picture, names, tables)


def end_with_parent() -> None:
    """End this process when the one that started it does, were it killed; else it would wait for ever."""

    def wait() -> None:
        if parent := parent_process():
            parent.join()
        os._exit(1)

    Thread(target=wait, daemon=True).start()


def picture(name: str, table: pd.DataFrame) -> tuple[dict[str, bytes], Notes]:
    """One figure, drawn from its table, in every format."""
    with mpl.rc_context(MATPLOTLIB):
        figure, notes = OF_OTHER_TABLES[name](table) if name in OF_OTHER_TABLES else draw(name, table)
        return rendered(figure), notes
