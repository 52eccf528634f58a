"""The stage `data`: take a data set from its source, divide it, and write the prepared file."""

from pathlib import Path

from feature_diversity.base.command_line import add_folder, add_threads, command_line, from_json
from feature_diversity.base.timing import announce_ready
from feature_diversity.data.prepare import prepare


def main(argv: list[str]) -> None:
    """Run the stage; see --help."""
    parser = command_line("data", __doc__)
    add_folder(parser)
    parser.add_argument("--dataset", type=from_json, required=True, help="a study's block `dataset`, as JSON")
    parser.add_argument("--output", type=Path, required=True, help="the prepared file (safetensors)")
    parser.add_argument("--held-out", type=Path, help="list of the held-out images (csv)")
    add_threads(parser)
    arguments = parser.parse_args(argv)
    announce_ready()
    counts = prepare(
        arguments.folder,
        arguments.output,
        held_out_list=arguments.held_out,
        threads=arguments.threads,
        **arguments.dataset,
    )
    name, size = arguments.dataset["name"], arguments.dataset["image_size"]
    print(
        f"{name}: " + ", ".join(f"{count:,} {split}" for split, count in counts.items()),
        f"images of {size} x {size}",
    )
