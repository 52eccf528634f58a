"""The stage `intervention`: does setting the diversity of a layer change the error?"""

from pathlib import Path

import matplotlib as mpl

from feature_diversity.base.command_line import add_table, command_line, from_json
from feature_diversity.base.files import atomic_write
from feature_diversity.base.timing import announce_ready
from feature_diversity.figures.draw import rendered, save
from feature_diversity.figures.intervention import doses_and_errors
from feature_diversity.figures.style import MATPLOTLIB
from feature_diversity.interventions.analysis import analysed
from feature_diversity.results.table import read_results


def main(argv: list[str]) -> None:
    """Run the stage; see --help."""
    parser = command_line("intervention", __doc__)
    add_table(parser)
    parser.add_argument(
        "--penalties",
        type=from_json,
        required=True,
        help="variant: its penalty, null without one, with `reference`, a variant (JSON)",
    )
    parser.add_argument("--output", type=Path, required=True, help="the table of all numbers and verdicts")
    parser.add_argument("--figure", type=Path, required=True, help="the picture's path without its ending")
    arguments = parser.parse_args(argv)
    announce_ready()
    table = analysed(read_results(arguments.table), arguments.penalties)
    with atomic_write(arguments.output) as path:
        table.to_csv(path, index=False)
    with mpl.rc_context(MATPLOTLIB):
        figure, notes = doses_and_errors(table)
        save(rendered(figure), arguments.figure)
    print(f"{notes.points:,} points. {notes.text()}")
    for _, row in table[table["statistic"] == "verdict"].iterrows():
        network = f"{row['algorithm']}, ResNet-{row['depth']} x {row['width']:g}, {row['norm']}"
        print(f"{row['layer']} ({network}, {row['epochs']} epochs): {row['verdict']}; {row['note'] or '-'}")
