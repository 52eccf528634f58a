"""The stage `summary`: what a study found, in ten lines; and in a list of all errors and verdicts."""

from pathlib import Path

import pandas as pd

from feature_diversity.base import paths
from feature_diversity.base.command_line import add_table, command_line
from feature_diversity.base.files import atomic_write
from feature_diversity.base.timing import announce_ready
from feature_diversity.interventions.result import CAUTION, read_interventions
from feature_diversity.prediction.answer import QUESTION, answer_of, read_prediction
from feature_diversity.report.verdicts import read_claims
from feature_diversity.results.table import read_results
from feature_diversity.results.text import in_short, summarise, verdicts


def main(argv: list[str]) -> None:
    """Run the stage; see --help."""
    parser = command_line("summary", __doc__)
    add_table(parser)
    parser.add_argument("--figures", type=Path, required=True, help="folder of the figures")
    parser.add_argument("--claims", type=Path, required=True, help=f"{paths.CLAIMS} of the study")
    parser.add_argument("--prediction", type=Path, required=True, help=f"{paths.PREDICTION} of the study")
    parser.add_argument("--intervention", type=Path, help=f"{paths.INTERVENTION}, where diversity was set")
    parser.add_argument("--output", type=Path, required=True, help="the ten lines")
    parser.add_argument("--verdicts", type=Path, required=True, help="the list")
    arguments = parser.parse_args(argv)
    announce_ready()
    table, claims = read_results(arguments.table), read_claims(arguments.claims)
    answer = f"{QUESTION} {answer_of(read_prediction(arguments.prediction)).lead}"
    if arguments.intervention:
        answer += f" {CAUTION}. {where_it_was_set(read_interventions(arguments.intervention))}"
    long = summarise(table, arguments.table, arguments.figures)
    long += "\n" + verdicts(claims, arguments.claims)
    with atomic_write(arguments.verdicts) as path:
        path.write_text(long, encoding="utf-8")
    with atomic_write(arguments.output) as path:
        path.write_text(in_short(table, claims, answer, arguments.table.parent), encoding="utf-8")


def where_it_was_set(table: pd.DataFrame) -> str:
    """The verdicts on the layers whose diversity was set, in a sentence."""
    verdicts = table[table["statistic"] == "verdict"]
    said = [
        f"{row['algorithm']}'s {row['layer']} {row['verdict']}"
        + (f" ({row['note']})" if isinstance(row["note"], str) and row["verdict"] == "causes" else "")
        for _, row in verdicts.iterrows()
    ]
    return f"Where diversity was set: {'; '.join(said)}."
