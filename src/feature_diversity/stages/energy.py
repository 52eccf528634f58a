"""The stage `energy`: energies and companion measures of all layers and readings of one or more runs.

Each folder of features holds `{layer}.npy`, N x C x H x W or N x C, and perhaps `views_{layer}.npy`,
2 x N x C, two random augmentations of each of N images, from which the alignment is computed. With --second,
it also holds `second/{layer}.npy`: features of other images, whose energy goes to the column energy_2. With
--further, `further/{layer}.npy`: pooled features, N x C, of images that the companion measures take as well.
"""

import argparse
import json
import math
from pathlib import Path

from feature_diversity.base import paths
from feature_diversity.base.command_line import Distinct, add_layers, command_line
from feature_diversity.base.timing import announce_ready
from feature_diversity.measures.of_layers import (
    VECTORS,
    energies_and_measures,
    write_energies,
    write_measures,
)

LEAST = 1e-3  # power but 0: what uniform points have is lost in rounding as s goes to 0


def main(argv: list[str]) -> None:
    """Run the stage; InputError for bad features."""
    parser = command_line("energy", __doc__)
    parser.add_argument("--features", required=True, type=Path, nargs="+", help="folders of {layer}.npy")
    add_layers(parser)
    parser.add_argument(
        "--powers", type=power, nargs="+", action=Distinct, required=True, help="finite numbers >= 0"
    )
    parser.add_argument("--vectors", choices=VECTORS, nargs="+", action=Distinct, required=True)
    parser.add_argument("--centred", choices=["false", "true"], nargs="+", action=Distinct, required=True)
    parser.add_argument("--energy", required=True, type=Path, nargs="+", help=f"{paths.ENERGY} of each")
    parser.add_argument("--measures", required=True, type=Path, nargs="+", help=f"{paths.MEASURES} of each")
    parser.add_argument("--second", action="store_true", help="also energies of the features in `second`")
    parser.add_argument(
        "--further", action="store_true", help="companion measures also of the images in `further`"
    )
    arguments = parser.parse_args(argv)
    if not len(arguments.features) == len(arguments.energy) == len(arguments.measures):
        parser.error("--features, --energy and --measures must name as many runs")
    announce_ready()
    outputs = zip(arguments.features, arguments.energy, arguments.measures, strict=True)
    for folder, energy, measures in outputs:
        energies, companions = energies_and_measures(
            folder,
            layers=arguments.layers,
            powers=arguments.powers,
            vectors=arguments.vectors,
            centred=[value == "true" for value in arguments.centred],
            second=arguments.second,
            further=arguments.further,
        )
        origin = origin_of(folder)
        write_energies(energy, energies, origin)
        write_measures(measures, companions, origin)


def origin_of(folder: Path) -> str:
    """The digest of the model that features in a folder are of, as `extract` left it; empty if nobody did."""
    path = folder / paths.ORIGIN
    return path.read_text(encoding="utf-8").strip() if path.exists() else ""


def power(text: str) -> int | float:
    """A power s: an integer stays one, so that tables show it as the study has it."""
    try:
        value = json.loads(text)
    except json.JSONDecodeError:
        value = None
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < math.inf:
        raise argparse.ArgumentTypeError(f"{text} is not a finite number >= 0")
    if 0 < value < LEAST:
        raise argparse.ArgumentTypeError(f"{text} is neither 0 nor at least {LEAST}")
    return value
