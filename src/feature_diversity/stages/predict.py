"""The stage `predict`: which measure tells the error, along which axis, and how sure that is."""

from pathlib import Path

from feature_diversity.base import paths
from feature_diversity.base.command_line import add_table, command_line
from feature_diversity.base.files import atomic_write
from feature_diversity.base.timing import announce_ready
from feature_diversity.prediction.answer import answer_of
from feature_diversity.prediction.predict import prediction_of
from feature_diversity.results.table import read_results


def main(argv: list[str]) -> None:
    """Run the stage; see --help."""
    parser = command_line("predict", __doc__)
    add_table(parser)
    parser.add_argument("--output", type=Path, required=True, help=paths.PREDICTION)
    arguments = parser.parse_args(argv)
    announce_ready()
    prediction = prediction_of(read_results(arguments.table))
    with atomic_write(arguments.output) as path:
        prediction.to_csv(path, index=False)
    print(answer_of(prediction).text)
