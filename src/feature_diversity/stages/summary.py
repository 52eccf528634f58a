"""The stage `summary`: what a study found, in a few lines, and where to look."""

from pathlib import Path

import pandas as pd

from feature_diversity.base import paths
from feature_diversity.base.command_line import add_table, command_line
from feature_diversity.base.files import atomic_write
from feature_diversity.base.timing import announce_ready
from feature_diversity.results.table import with_variant
from feature_diversity.results.text import summarise, verdicts


def main(argv: list[str]) -> None:
    """Run the stage; see --help."""
    parser = command_line("summary", __doc__)
    add_table(parser)
    parser.add_argument("--figures", type=Path, required=True, help="folder of the figures")
    parser.add_argument("--claims", type=Path, required=True, help=f"{paths.CLAIMS} of the study")
    parser.add_argument("--output", type=Path, help="text file; else it is printed")
    arguments = parser.parse_args(argv)
    announce_ready()
    text = summarise(with_variant(pd.read_csv(arguments.table)), arguments.table, arguments.figures)
    text += "\n" + verdicts(pd.read_csv(arguments.claims), arguments.claims)
    if arguments.output:
        with atomic_write(arguments.output) as path:
            path.write_text(text, encoding="utf-8")
    else:
        print(text)
