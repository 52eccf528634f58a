"""The command `export`: the trunk of a model as a checkpoint that other libraries load.

    python -m feature_diversity export --model model.safetensors --format torchvision --output trunk.pth

torchvision: keys as torchvision's, without the classifier fc; timm's ResNets have the same.
vissl: as VISSL's training writes it, to be named in `MODEL.WEIGHTS_INIT.PARAMS_FILE` of its configurations.
"""

import argparse
from pathlib import Path

import torch
from torch import Tensor

from feature_diversity.base.errors import InputError
from feature_diversity.base.files import atomic_write, check_no_input
from feature_diversity.base.run import Network
from feature_diversity.networks import model

TORCHVISION = (50, 101, 152)  # depths of torchvision's ResNets with bottlenecks


def main(argv: list[str]) -> None:
    """Command line; see --help."""
    parser = argparse.ArgumentParser(
        prog="feature_diversity export", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--model", type=Path, required=True, help="a run's model.safetensors")
    parser.add_argument("--format", choices=["torchvision", "vissl"], required=True)
    parser.add_argument("--output", type=Path, required=True, help="file to write, for torch.load")
    arguments = parser.parse_args(argv)
    check_no_input(arguments.output, arguments.model)
    network = model.read(arguments.model)
    trunk = {key: value.cpu() for key, value in network.trunk.state_dict().items()}
    if arguments.format == "vissl":
        content = as_vissl(trunk)
    else:
        check_torchvision(Network(**network.facts["network"]))
        content = trunk
    with atomic_write(arguments.output) as path:
        torch.save(content, path)
    print(f"{arguments.output}: {len(trunk)} tensors for {arguments.format}")


def check_torchvision(network: Network) -> None:
    """InputError if torchvision has no network of this shape."""
    if network.depth not in TORCHVISION or network.width != 1 or network.norm != "batchnorm":
        raise InputError(
            f"torchvision has no ResNet-{network.depth} of width {network.width:g} with {network.norm}, only "
            f"{', '.join(map(str, TORCHVISION))} of width 1 with batchnorm; the format vissl takes all"
        )


def as_vissl(trunk: dict[str, Tensor]) -> dict:
    """The trunk where VISSL looks for it, under VISSL's keys."""
    renamed = {f"_feature_blocks.{key}": value for key, value in trunk.items()}
    return {"classy_state_dict": {"base_model": {"model": {"trunk": renamed, "heads": {}}, "meta": {}}}}
