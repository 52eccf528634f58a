"""The command `layers`: the layers of a network that can be measured, with the shapes of what they return.

    python -m feature_diversity layers model.safetensors
    python -m feature_diversity layers timm:vit_small_patch16_224

A star marks those that `measure` takes where none are named.
"""

import argparse

import torch
from torch import nn

from feature_diversity.base.errors import InputError
from feature_diversity.networks.others.images import SIDE
from feature_diversity.networks.others.layers import automatic
from feature_diversity.networks.others.recording import shapes
from feature_diversity.networks.others.sources import network


def main(argv: list[str]) -> None:
    """Command line; see --help."""
    parser = argparse.ArgumentParser(
        prog="feature_diversity layers", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    add_source(parser, "MODEL")
    parser.add_argument("--size", type=int, default=SIDE, help=f"side of an image in pixels (default {SIDE})")
    arguments = parser.parse_args(argv)
    if arguments.size < 1:
        raise InputError(f"--size is {arguments.size}, expected 1 or more pixels")
    print(listed(network(arguments.MODEL, arguments.architecture), arguments.size))


def add_source(parser: argparse.ArgumentParser, name: str, **options: str) -> None:
    """The arguments that name a network, as `networks.others.sources.network` takes them."""
    parser.add_argument(
        name,
        **options,
        help="a model.safetensors of this package, a ResNet as torchvision, VISSL or SwAV write it, or\n"
        "torchvision:NAME, timm:NAME or transformers:NAME, a network with random weights",
    )
    parser.add_argument(
        "--architecture",
        metavar="NAME",
        help="torchvision:NAME and so on: the network whose state is in the file",
    )


def listed(model: nn.Module, size: int) -> str:
    """A line for each layer: star, name, kind, shape for one image of 3 x size x size."""
    chosen = automatic(model)
    modules = dict(model.named_modules())
    found = shapes(model, torch.zeros(2, 3, size, size))
    rows = [
        ("*" * (name in chosen), name, type(modules[name]).__name__, shape) for name, shape in found.items()
    ]
    widths = [max(len(row[column]) for row in rows) for column in range(4)]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in rows]
    return "\n".join(line.rstrip() for line in lines)
