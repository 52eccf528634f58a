"""Options that the command lines of several stages share, and the types of their values."""

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from feature_diversity.base import paths
from feature_diversity.base.errors import InputError
from feature_diversity.base.run import Network


def command_line(stage: str, description: str | None) -> argparse.ArgumentParser:
    """The parser of a stage, to which its options are added. description: the stage's docstring.

    All stages have the option --code, which is checked before they begin.
    """
    parser = argparse.ArgumentParser(
        prog=f"feature_diversity {stage}",
        description=description,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument(
        "--code", default="unknown", help="digest of the code that the workflow means; other code is refused"
    )
    return parser


def add_folder(parser: argparse.ArgumentParser) -> None:
    """The folder of all data sets."""
    parser.add_argument(
        "--folder",
        type=Path,
        default=Path("data"),
        help="where data sets are looked for and downloaded to (default data)",
    )


def add_data(parser: argparse.ArgumentParser) -> None:
    """A prepared data set, and the folder that images in files lie in."""
    parser.add_argument("--data", type=Path, required=True, help="prepared data set (safetensors)")
    add_folder(parser)


def add_models(parser: argparse.ArgumentParser) -> None:
    """The networks of one or more runs."""
    parser.add_argument(
        "--models", type=Path, nargs="+", required=True, help=f"{paths.MODEL} of one or more runs"
    )


def add_layers(parser: argparse.ArgumentParser) -> None:
    """The layers that features are recorded at."""
    parser.add_argument("--layers", nargs="+", action=Distinct, required=True, help="such as conv1 res4 head")


def add_threads(parser: argparse.ArgumentParser) -> None:
    """How many threads a stage may take."""
    parser.add_argument("--threads", type=int, default=1, help="at most the number of cores (default 1)")


def add_table(parser: argparse.ArgumentParser) -> None:
    """The table of all runs of a study."""
    parser.add_argument("--table", type=Path, required=True, help=f"{paths.RESULTS_CSV} of a study")


def from_json(text: str) -> dict[str, Any]:
    """The object that an option is given as JSON, as the type of an argument."""
    value = _read_json(text)
    if not isinstance(value, dict):
        raise argparse.ArgumentTypeError(f"{text} is no JSON object: expected {{...}}")
    return value


def list_from_json(text: str) -> list[Any]:
    """The same of a list."""
    value = _read_json(text)
    if not isinstance(value, list):
        raise argparse.ArgumentTypeError(f"{text} is no JSON list: expected [...]")
    return value


def _read_json(text: str) -> Any:
    try:
        return json.loads(text)
    except (json.JSONDecodeError, RecursionError) as error:
        raise argparse.ArgumentTypeError(f"{text[:200]} is not valid JSON: {error}") from None


class Distinct(argparse.Action):
    """Keep a list of values, none of which may stand in it twice."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: str | Sequence[Any] | None,
        option_string: str | None = None,
    ) -> None:
        """Set the list, or end with the usage and a message that names the option."""
        listed = list(values or [])
        if any(value in listed[:place] for place, value in enumerate(listed)):
            parser.error(f"argument {option_string}: names something twice: {' '.join(map(str, listed))}")
        setattr(namespace, self.dest, listed)


def add_training(parser: argparse.ArgumentParser) -> None:
    """What to train, where to put its networks, and where trainings are kept."""
    add_data(parser)
    parser.add_argument(
        "--network",
        type=network,
        nargs="+",
        required=True,
        help="algorithm, depth, width, norm, seed, and variant if not default (JSON); of several, one is "
        "trained after the other",
    )
    parser.add_argument("--recipe", type=from_json, required=True, help="hyper-parameters (JSON)")
    parser.add_argument(
        "--epochs", type=int, nargs="+", required=True, help="where to take snapshots; the largest ends it"
    )
    each = "of each snapshot, network by network"
    parser.add_argument("--models", type=Path, nargs="+", required=True, help=f"{paths.MODEL} {each}")
    parser.add_argument("--histories", type=Path, nargs="+", required=True, help=f"{paths.HISTORY} {each}")
    parser.add_argument(
        "--store", type=Path, required=True, help="folder of trainings, where finished ones are found again"
    )
    parser.add_argument(
        "--shared", type=Path, help="a store that other studies use, too, instead: copy from it; needs --code"
    )
    add_threads(parser)


def trainings(
    parser: argparse.ArgumentParser, arguments: argparse.Namespace
) -> list[tuple[Network, dict[int, tuple[Path, Path]]]]:
    """Each network with number of epochs -> model, history; ends with the usage if the options disagree."""
    snapshots = len(arguments.network) * len(arguments.epochs)
    if not snapshots == len(arguments.models) == len(arguments.histories):
        parser.error("--epochs, --models and --histories must name as many snapshots of each network")
    if arguments.shared and arguments.code == "unknown":
        parser.error("--shared needs --code: other code trains other networks")
    files = zip(arguments.models, arguments.histories, strict=True)
    return [(wanted, {epochs: next(files) for epochs in arguments.epochs}) for wanted in arguments.network]


def check_digest(arguments: argparse.Namespace, digest: str) -> None:
    """InputError if a training is to be shared whose images have no digest to find it by."""
    if arguments.shared and not digest:
        raise InputError(f"{arguments.data} has no digest of its images, as sharing needs; prepare it anew")


def network(text: str) -> Network:
    """The network that an option names as JSON."""
    try:
        values = from_json(text)
        return Network(**values | {"width": float(values["width"])})
    except (KeyError, TypeError, ValueError) as error:
        raise argparse.ArgumentTypeError(f"{text} is not a network: {error}") from None
