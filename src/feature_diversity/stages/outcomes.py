"""The stage `outcomes`: errors of the frozen trunk on corrupted images, and with few labels."""

import json
from pathlib import Path

import torch

from feature_diversity.base import paths
from feature_diversity.base.command_line import add_data, add_models, add_threads, command_line, from_json
from feature_diversity.base.errors import InputError
from feature_diversity.base.files import atomic_write
from feature_diversity.base.timing import announce_ready
from feature_diversity.data import store
from feature_diversity.evaluation.outcomes import Outcomes
from feature_diversity.measuring.imported import read_for_features
from feature_diversity.records.origin import model_digest


def main(argv: list[str]) -> None:
    """Run the stage; see --help."""
    parser = command_line("outcomes", __doc__)
    add_data(parser)
    add_models(parser)
    parser.add_argument("--linear", type=Path, nargs="+", required=True, help=f"{paths.LINEAR} of each model")
    parser.add_argument("--options", type=from_json, required=True, help="a study's block `outcomes` (JSON)")
    parser.add_argument(
        "--outputs", type=Path, nargs="+", required=True, help=f"{paths.OUTCOMES} for each model"
    )
    add_threads(parser)
    arguments = parser.parse_args(argv)
    if not len(arguments.models) == len(arguments.linear) == len(arguments.outputs):
        parser.error("--models, --linear and --outputs must name as many runs")
    torch.set_num_threads(arguments.threads)

    facts, (train, test) = store.read(arguments.data, "train", "test", folder=arguments.folder)
    for name, split in (("train", train), ("test", test)):
        if not len(split.labels):
            raise InputError(f"{arguments.data} has no {name} images, which outcomes need")
    outcomes = Outcomes.of(facts, train, test, **arguments.options)
    announce_ready()
    for path, linear, output in zip(arguments.models, arguments.linear, arguments.outputs, strict=True):
        network = read_for_features(path, facts)
        result = outcomes.measure(network, penalty=json.loads(linear.read_text(encoding="utf-8"))["penalty"])
        result |= {"options": arguments.options, "model": model_digest(network.facts)}
        with atomic_write(output) as temporary:
            temporary.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
        print(f"{path.parent.name}: {', '.join(f'{name} {error:.4f}' for name, error in errors_in(result))}")


def errors_in(result: dict) -> list[tuple[str, float]]:
    """The errors among the columns of a result, without their standard errors."""
    return [pair for pair in result["columns"].items() if pair[0].endswith("error")]
