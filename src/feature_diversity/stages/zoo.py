"""The stage `zoo`: released checkpoints, listed, downloaded, verified, and written as this package's models.

    python -m feature_diversity zoo list [WORD]
    python -m feature_diversity zoo fetch NAME [NAME ...] --cache FOLDER [--model FILE]

A folder that `fetch` has filled can be the mirror of others.
"""

from pathlib import Path

from feature_diversity.base.command_line import command_line
from feature_diversity.base.timing import announce_ready
from feature_diversity.networks.released.convert import convert, read
from feature_diversity.networks.released.download import cached
from feature_diversity.networks.released.table import by_name, released


def main(argv: list[str]) -> None:
    """Run the stage; see --help."""
    parser = command_line("zoo", __doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    listing = commands.add_parser("list", help="the table of released checkpoints")
    listing.add_argument("word", nargs="?", default="", help="only rows whose name contains this")
    fetching = commands.add_parser("fetch", help="download checkpoints, unless they are in the cache")
    fetching.add_argument("names", nargs="+", help="names of rows, or all")
    fetching.add_argument("--cache", type=Path, required=True, help="folder where downloads are kept")
    fetching.add_argument("--mirror", default="", help="folder or base URL to fetch from instead")
    fetching.add_argument("--offline", action="store_true", help="do not use the network")
    fetching.add_argument("--model", type=Path, help="write the checkpoint as a model.safetensors, too")
    fetching.add_argument("--epochs", type=int, help="its epochs, if the table does not know them")
    fetching.add_argument("--code", default="unknown", help="digest of the code, kept with the model")
    arguments = parser.parse_args(argv)
    if arguments.command == "list":
        show(arguments.word)
        return
    rows = released() if arguments.names == ["all"] else [by_name(name) for name in arguments.names]
    if arguments.model and len(rows) > 1:
        parser.error("--model takes one checkpoint")
    announce_ready()
    for row in rows:
        path = arguments.cache / row.file
        sha256 = cached(
            row.url,
            path,
            check=lambda part, row=row: read(part, row),
            sha256=row.sha256,
            mirror=arguments.mirror,
            offline=arguments.offline,
        )
        print(f"{path}: SHA-256 {sha256}")
        if arguments.model:
            convert(path, row, arguments.model, arguments.epochs, sha256, arguments.code)


def show(word: str) -> None:
    """Print the table's rows whose name contains `word`."""
    print(f"{'name':<36} {'epochs':>6} {'top-1 %':>8}  {'trained on':<13} VISSL's title")
    for row in released():
        if word in row.name:
            numbers = f"{row.epochs or '?':>6} {row.top1_percent:>8.2f}"
            print(f"{row.name:<36} {numbers}  {row.pretrain_data:<13} {row.model}")
