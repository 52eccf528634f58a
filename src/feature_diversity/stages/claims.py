"""The stage `claims`: a verdict on each of the paper's claims, under every reading of the energy."""

from collections import Counter
from pathlib import Path

import pandas as pd

from feature_diversity.base import paths
from feature_diversity.base.command_line import add_table, command_line
from feature_diversity.base.files import atomic_write
from feature_diversity.base.timing import announce_ready
from feature_diversity.claims.gated import judge_with_and_without
from feature_diversity.claims.judge import read_table
from feature_diversity.interventions.result import read_interventions


def main(argv: list[str]) -> None:
    """Run the stage; see --help."""
    parser = command_line("claims", __doc__)
    add_table(parser)
    parser.add_argument("--output", type=Path, required=True, help=paths.CLAIMS)
    parser.add_argument("--intervention", type=Path, help=f"{paths.INTERVENTION}, where diversity was set")
    arguments = parser.parse_args(argv)
    announce_ready()
    interventions = read_interventions(arguments.intervention) if arguments.intervention else None
    verdicts = judge_with_and_without(read_table(arguments.table), interventions)
    with atomic_write(arguments.output) as path:
        verdicts.to_csv(path, index=False)
    shown = verdicts[verdicts["headline"]]
    print(counted(shown["verdict"]))
    if not shown["verdict_gated"].equals(shown["verdict"]):
        print(f"without trainings that fail a gate: {counted(shown['verdict_gated'])}")


def counted(verdicts: pd.Series) -> str:
    """How many there are of each."""
    return ", ".join(f"{number} {verdict}" for verdict, number in Counter(verdicts).most_common())
