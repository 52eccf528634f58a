"""The stage `pixels`: how well a linear classifier on raw pixels tells the classes apart, once a study."""

import json
from pathlib import Path

import torch

from feature_diversity.base import paths
from feature_diversity.base.command_line import add_data, add_threads, command_line
from feature_diversity.base.errors import InputError
from feature_diversity.base.files import atomic_write
from feature_diversity.base.timing import announce_ready
from feature_diversity.data import store
from feature_diversity.evaluation.cached_protocol import SPLITS
from feature_diversity.evaluation.pixels import pixel_errors
from feature_diversity.networks import model


def main(argv: list[str]) -> None:
    """Run the stage; see --help."""
    parser = command_line("pixels", __doc__)
    add_data(parser)
    parser.add_argument(
        "--penalties", type=float, nargs="+", required=True, help="L2 penalties that validation chooses from"
    )
    parser.add_argument("--output", type=Path, required=True, help=paths.PIXELS)
    add_threads(parser)
    arguments = parser.parse_args(argv)
    torch.set_num_threads(arguments.threads)
    facts, splits = store.read(arguments.data, *SPLITS, folder=arguments.folder)
    for name, split in zip(SPLITS, splits, strict=True):
        if not len(split.labels):
            raise InputError(f"{arguments.data} has no {name} images, which a classifier of pixels needs")
    announce_ready()
    result = pixel_errors(facts, splits, arguments.penalties, model.device())
    with atomic_write(arguments.output) as path:
        path.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    print(
        f"test error {result['test_error']:.4f}, chance {result['chance_error']:.4f}; "
        f"{result['n_train']:,} training images of {result['values']:,} values"
    )
