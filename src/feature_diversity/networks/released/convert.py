"""The stage `zoo`: released checkpoints, listed, downloaded, verified, and written as this package's models.

    python -m feature_diversity zoo list [WORD]
    python -m feature_diversity zoo fetch NAME [NAME ...] --cache FOLDER [--model FILE]

A folder that `fetch` has filled can be the mirror of others.
"""

import argparse
from pathlib import Path
from typing import Any

from feature_diversity import __version__
from feature_diversity.base.errors import InputError
from feature_diversity.base.timing import announce_ready
from feature_diversity.networks import model
from feature_diversity.networks.released.download import cached
from feature_diversity.networks.released.layouts import Checkpoint, networks, read_checkpoint
from feature_diversity.networks.released.table import Released, by_name, released


def main(argv: list[str]) -> None:
    """Command line of the stage; see --help."""
    parser = argparse.ArgumentParser(
        prog="feature_diversity zoo", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
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


def read(path: Path, row: Released) -> Checkpoint:
    """The checkpoint in `path`; InputError if it is not the network that the table says."""
    checkpoint = read_checkpoint(path)
    if (checkpoint.depth, checkpoint.width, checkpoint.norm) != (row.depth, row.width, "batchnorm"):
        raise InputError(
            f"{path} is a ResNet-{checkpoint.depth} of width {checkpoint.width:g} with {checkpoint.norm}, "
            f"expected {row.name}, a ResNet-{row.depth} of width {row.width:g} with batchnorm"
        )
    return checkpoint


def convert(path: Path, row: Released, output: Path, epochs: int | None, sha256: str, code: str) -> None:
    """Write the checkpoint in `path` as a model, with where it comes from in its metadata."""
    checkpoint = read(path, row)
    if row.epochs is None and epochs is None:
        raise InputError(f"the epochs of {row.name} are not in the table; say them with --epochs")
    trunk, head = networks(checkpoint)
    facts: dict[str, Any] = {
        "run": {
            "algorithm": row.algorithm,
            "depth": row.depth,
            "width": row.width,
            "norm": checkpoint.norm,
            "seed": 0,
        },
        "epochs": row.epochs or epochs,
        "engine": "zoo",
        "code": code,
        "version": __version__,
        "dataset": {"name": row.pretrain_data},
        "head": checkpoint.head_layers,
        "released": {
            "name": row.name,
            "title": row.model,
            "url": row.url,
            "sha256": sha256,
            "layout": checkpoint.layout,
            "test_error": row.test_error,
            "unused": checkpoint.unused,
        },
    }
    model.write(output, trunk, head, facts)
    print(f"{output}: {row.name}, layout {checkpoint.layout}")
