"""The stage `claims`: a verdict on each of the paper's claims, under every reading of the energy."""

from collections import Counter
from pathlib import Path

from feature_diversity.base import paths
from feature_diversity.base.command_line import add_table, command_line
from feature_diversity.base.files import atomic_write
from feature_diversity.base.timing import announce_ready
from feature_diversity.claims.judge import judge, read_table


def main(argv: list[str]) -> None:
    """Run the stage; see --help."""
    parser = command_line("claims", __doc__)
    add_table(parser)
    parser.add_argument("--output", type=Path, required=True, help=paths.CLAIMS)
    arguments = parser.parse_args(argv)
    announce_ready()
    verdicts = judge(read_table(arguments.table))
    with atomic_write(arguments.output) as path:
        verdicts.to_csv(path, index=False)
    counted = Counter(verdicts[verdicts["headline"]]["verdict"])
    print(", ".join(f"{number} {verdict}" for verdict, number in counted.most_common()))
