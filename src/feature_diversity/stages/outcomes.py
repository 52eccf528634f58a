"""The stage `outcomes`: errors of the trunk on corrupted images, with few labels, on other data sets."""

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
from feature_diversity.evaluation.outcomes import Outcomes
from feature_diversity.networks.others.imported import read_for_features
from feature_diversity.records.origin import model_digest


def main(argv: list[str]) -> None:
    """Run the stage; see --help."""
    parser = command_line("outcomes", __doc__)
    add_data(parser)
    add_models(parser)
    parser.add_argument("--linear", type=Path, nargs="+", required=True, help=f"{paths.LINEAR} of each model")
    parser.add_argument("--options", type=from_json, required=True, help="a study's block `outcomes` (JSON)")
    parser.add_argument(
        "--others",
        type=Path,
        nargs="*",
        default=[],
        help="the prepared file of each data set of `transfer`, in the order of their names",
    )
    parser.add_argument(
        "--outputs", type=Path, nargs="+", required=True, help=f"{paths.OUTCOMES} for each model"
    )
    add_threads(parser)
    arguments = parser.parse_args(argv)
    if not len(arguments.models) == len(arguments.linear) == len(arguments.outputs):
        parser.error("--models, --linear and --outputs must name as many runs")
    drawn = {name: value for name, value in arguments.options.items() if name != "transfer"}
    names = sorted(arguments.options.get("transfer", {}))
    if len(names) != len(arguments.others):
        parser.error(f"--others has {len(arguments.others)} files, expected one for each of {names}")
    torch.set_num_threads(arguments.threads)

    facts, (train, test) = read_all(arguments.data, "train", "test", folder=arguments.folder)
    others = {
        name: read_all(path, *SPLITS, folder=arguments.folder)
        for name, path in zip(names, arguments.others, strict=True)
    }
    outcomes = Outcomes.of(facts, train, test, others=others, **drawn)
    announce_ready()
    for path, linear, output in zip(arguments.models, arguments.linear, arguments.outputs, strict=True):
        network = read_for_features(path, facts)
        chosen = json.loads(linear.read_text(encoding="utf-8"))
        result = outcomes.measure(network, penalty=chosen["penalty"], penalties=chosen.get("penalties", []))
        result |= {"options": arguments.options, "model": model_digest(network.facts)}
        with atomic_write(output) as temporary:
            temporary.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
        print(f"{path.parent.name}: {', '.join(f'{name} {error:.4f}' for name, error in errors_in(result))}")


def read_all(path: Path, *splits: str, folder: Path) -> tuple[store.Facts, list[store.Split]]:
    """Read splits of a prepared data set; InputError if it is none, or one of them has no images."""
    facts, found = store.read(path, *splits, folder=folder)
    for name, split in zip(splits, found, strict=True):
        if not len(split.labels):
            raise InputError(f"{path} has no {name} images, which outcomes need")
    return facts, found


def errors_in(result: dict) -> list[tuple[str, float]]:
    """The errors among the columns of a result, without their standard errors."""
    return [pair for pair in result["columns"].items() if pair[0].endswith("error")]
