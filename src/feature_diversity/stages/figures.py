"""The stage `figures`: the paper's four figures and further ones, drawn from the table of results.

Beside the pictures it leaves `notes.json`: for each figure the number of points, those left out and why, and
what is missing.
"""

import json
from dataclasses import asdict
from pathlib import Path

import matplotlib as mpl

from feature_diversity.base import paths
from feature_diversity.base.command_line import add_table, command_line
from feature_diversity.base.files import atomic_write
from feature_diversity.base.timing import announce_ready
from feature_diversity.figures.draw import (
    FURTHER,
    OF_GRIDS,
    OF_OTHER_TABLES,
    draw,
    headline,
    of_outcome,
    save,
)
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
    notes = {}
    with mpl.rc_context(MATPLOTLIB):
        for name in arguments.figures:
            if name in OF_OTHER_TABLES:
                figure, notes[name] = OF_OTHER_TABLES[name](others[name])
            else:
                figure, notes[name] = draw(name, table)
            save(figure, arguments.folder / name)
            print(f"{name}: {notes[name].points:,} points. {notes[name].text()}")
    with atomic_write(arguments.folder / paths.NOTES) as path:
        path.write_text(
            json.dumps({name: asdict(note) | {"text": note.text()} for name, note in notes.items()}),
            encoding="utf-8",
        )
