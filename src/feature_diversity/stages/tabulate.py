"""The stage `tabulate`: every run of a study in one tidy table."""

from pathlib import Path

from feature_diversity.base import paths
from feature_diversity.base.command_line import command_line, from_json, list_from_json
from feature_diversity.base.files import atomic_write
from feature_diversity.base.timing import announce_ready
from feature_diversity.results.collect import collect


def main(argv: list[str]) -> None:
    """Run the stage; see --help."""
    parser = command_line("tabulate", __doc__)
    parser.add_argument("--results", type=Path, required=True, help="folder of the study's results")
    parser.add_argument("--figures", type=from_json, required=True, help="figure: its grids (JSON)")
    parser.add_argument(
        "--runs", type=list_from_json, required=True, help="grids of all runs to collect (JSON)"
    )
    parser.add_argument("--error-source", choices=["measured", "published"], required=True)
    parser.add_argument(
        "--early-stopping", type=from_json, required=True, help="a study's block `early_stopping` (JSON)"
    )
    parser.add_argument("--schedule", choices=["budget", "trajectory"], required=True)
    parser.add_argument(
        "--pixels", type=Path, help=f"{paths.PIXELS} of the data set, where errors are measured"
    )
    parser.add_argument(
        "--expected",
        type=from_json,
        help="what the study says of its networks, which are compared with it (JSON)",
    )
    parser.add_argument("--data-set", help="what the table calls the images, if not as the models do")
    parser.add_argument("--csv", type=Path, required=True)
    parser.add_argument("--parquet", type=Path, required=True)
    parser.add_argument("--image-counts", type=Path, help="where measures by the number of images go")
    arguments = parser.parse_args(argv)

    announce_ready()
    table, counts, runs = collect(
        arguments.results,
        arguments.runs,
        arguments.figures,
        error_source=arguments.error_source,
        early_stopping=arguments.early_stopping,
        schedule=arguments.schedule,
        pixels=arguments.pixels,
        expected=arguments.expected,
        data_set=arguments.data_set,
    )
    with atomic_write(arguments.csv) as path:
        table.to_csv(path, index=False)
    with atomic_write(arguments.parquet) as path:
        table.to_parquet(path, index=False)
    if arguments.image_counts:
        with atomic_write(arguments.image_counts) as path:
            counts.to_csv(path, index=False)
    print(f"{runs:,} runs, {len(table):,} rows in {arguments.csv}")
