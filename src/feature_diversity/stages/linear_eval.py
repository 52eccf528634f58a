"""The stage `linear_eval`: how well a linear classifier on the frozen trunk tells the classes apart."""

import json
from pathlib import Path

import torch

from feature_diversity.base import paths
from feature_diversity.base.command_line import add_data, add_models, add_threads, command_line, from_json
from feature_diversity.base.errors import InputError
from feature_diversity.base.files import atomic_write
from feature_diversity.base.timing import announce_ready
from feature_diversity.data import store
from feature_diversity.evaluation.cached_protocol import SPLITS
from feature_diversity.evaluation.linear import evaluate
from feature_diversity.networks.others.imported import read_for_features
from feature_diversity.records.origin import model_digest


def main(argv: list[str]) -> None:
    """Run the stage; see --help."""
    parser = command_line("linear_eval", __doc__)
    add_data(parser)
    add_models(parser)
    parser.add_argument(
        "--options", type=from_json, required=True, help="a study's block `linear_evaluation` (JSON)"
    )
    parser.add_argument(
        "--outputs", type=Path, nargs="+", required=True, help=f"{paths.LINEAR} for each model"
    )
    add_threads(parser)
    arguments = parser.parse_args(argv)
    if len(arguments.models) != len(arguments.outputs):
        parser.error("--models and --outputs must name as many runs")
    torch.set_num_threads(arguments.threads)

    facts, splits = store.read(arguments.data, *SPLITS, folder=arguments.folder)
    for name, split in zip(SPLITS, splits, strict=True):
        if not len(split.labels):
            raise InputError(f"{arguments.data} has no {name} images, which linear evaluation needs")
    announce_ready()
    for path, output in zip(arguments.models, arguments.outputs, strict=True):
        network = read_for_features(path, facts)
        result = evaluate(network, facts, splits, **arguments.options)
        result |= {"options": arguments.options, "model": model_digest(network.facts)}
        with atomic_write(output) as temporary:
            temporary.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
        print(
            f"{path.parent.name}: test error {result['test_error']:.4f}, "
            f"validation error {result['val_error']:.4f}"
        )
