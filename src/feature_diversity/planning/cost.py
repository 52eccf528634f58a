"""What a training costs, from the network's shapes alone: arithmetic, memory, size on disk.

Nothing here imports torch: Snakemake asks for every job's memory and time before it starts one.
"""

import itertools
import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

from feature_diversity.base.errors import InputError
from feature_diversity.base.literals import literal
from feature_diversity.base.paths import ALGORITHMS
from feature_diversity.data.sizes import extraction_batch
from feature_diversity.networks.depths import BLOCKS

FLOAT = 4  # bytes
PROCESS = 700e6  # bytes of a process that has imported torch, measured
BACKWARD = 2  # backward passes cost about two forward ones: gradients of the weights and of the inputs


@dataclass(frozen=True)
class Convolution:
    """inputs, outputs: channels. kernel, side: of the square window and of the square output, in pixels.

    shortcut: it lies on the way around a block, and no ReLU of its own follows.
    """

    inputs: int
    outputs: int
    kernel: int
    side: int
    shortcut: bool = False

    @property
    def operations(self) -> int:
        """Floating-point operations for one image, a multiplication and an addition counted as two."""
        return 2 * self.inputs * self.outputs * self.kernel**2 * self.side**2

    @property
    def values(self) -> int:
        """Numbers in the output for one image."""
        return self.outputs * self.side**2


def convolutions(depth: int, width: float, size: int) -> Iterator[Convolution]:
    """The convolutions of `resnet(depth, width)` in the order in which an image of size x size meets them."""
    channels = round(64 * width)
    side = math.ceil(size / 2)
    yield Convolution(3, channels, 7, side)
    side, inputs = math.ceil(side / 2), channels
    for stage, blocks in enumerate(BLOCKS[depth]):
        inner = channels * 2**stage
        for block in range(blocks):
            yield Convolution(inputs, inner, 1, side)
            halved = math.ceil(side / 2) if stage and not block else side
            yield Convolution(inner, inner, 3, halved)
            yield Convolution(inner, 4 * inner, 1, halved)
            if not block:
                yield Convolution(inputs, 4 * inner, 1, halved, shortcut=True)
            side, inputs = halved, 4 * inner


def out_channels(width: float) -> int:
    """Channels of the trunk's features."""
    return 32 * round(64 * width)


@cache
def parameters(depth: int, width: float) -> int:
    """Parameters of the trunk: weights, and scale and shift of the norm behind each convolution."""
    return sum(c.inputs * c.outputs * c.kernel**2 + 2 * c.outputs for c in convolutions(depth, width, 32))


@cache
def forward_operations(depth: int, width: float, size: int) -> int:
    """Floating-point operations of the trunk's convolutions for one image of size x size."""
    return sum(c.operations for c in convolutions(depth, width, size))


@cache
def kept_values(depth: int, width: float, size: int) -> int:
    """Numbers that the forward pass of one image keeps for the backward pass.

    They are each convolution's output, before its norm and after its ReLU (a shortcut's before its norm
    alone), and the max-pool's output with the 64-bit places of its maxima. Of images as small as 32 x 32
    pixels up to a quarter more is kept, see `networks.convolution`.
    """
    stem, *others = convolutions(depth, width, size)
    pooled = stem.outputs * math.ceil(stem.side / 2) ** 2
    return 2 * stem.values + 3 * pooled + sum((1 if c.shortcut else 2) * c.values for c in others)


def views(algorithm: str, recipe: dict[str, Any], image_size: int) -> list[tuple[int, int]]:
    """What the trunk sees of one training image in one epoch: (how many, side in pixels) for each size.

    Read from `VIEWS` in the algorithm's file, which counts images, patches (`grid` x `grid` of `patch_size`
    each) and crops (`crops` of each of `crop_sizes`). Raises InputError for anything else.
    """
    found = []
    for kind, count in literal(ALGORITHMS / f"{algorithm}.py", "VIEWS").items():
        if kind == "image":
            found.append((count, image_size))
        elif kind == "patches":
            found.append((count * recipe["grid"] ** 2, recipe["patch_size"]))
        elif kind == "crops":
            sizes = zip(recipe["crops"], recipe["crop_sizes"], strict=True)
            found += [(count * number, size) for number, size in sizes]
        else:
            raise InputError(f"{algorithm}.py: VIEWS has {kind!r}, expected image, patches or crops")
    return found


def head_layers(recipe: dict[str, Any], channels: int) -> Iterator[tuple[int, int]]:
    """Inputs and outputs of the linear layers behind the trunk, where a recipe sets their sizes.

    Those of recipes with `projector`, its predictor (`predictor_size`) and its prototypes; the heads of
    others are small beside any trunk.
    """
    sizes = [channels, *recipe.get("projector", [])]
    if "predictor_size" in recipe:
        sizes += [recipe["predictor_size"], sizes[-1]]
    if "projector" in recipe and "prototypes" in recipe:
        sizes.append(recipe["prototypes"])
    return itertools.pairwise(sizes)


def head_parameters(recipe: dict[str, Any], channels: int) -> int:
    """Weights of `head_layers`."""
    return sum(inputs * outputs for inputs, outputs in head_layers(recipe, channels))


def momentum_networks(algorithm: str) -> int:
    """How many networks follow the one in training and see what it sees: `MOMENTUM` of the file."""
    return int(literal(ALGORITHMS / f"{algorithm}.py", "MOMENTUM", default=False))


def training_operations(
    algorithm: str, depth: int, width: float, recipe: dict[str, Any], *, images: int, size: int, epochs: int
) -> float:
    """Floating-point operations of a training with `images` images of size x size."""
    head = 2 * head_parameters(recipe, out_channels(width))
    once = sum(
        n * (forward_operations(depth, width, side) + head) for n, side in views(algorithm, recipe, size)
    )
    return (1 + BACKWARD + momentum_networks(algorithm)) * epochs * images * once


def training_memory(
    algorithm: str, depth: int, width: float, recipe: dict[str, Any], *, images: int, size: int, held: int
) -> float:
    """Bytes that a training in float32 needs. held: those of images held in memory.

    Weights, gradients and momentum, what one batch keeps for the backward pass, images, process. Of each
    layer of a head, its outputs are kept before and after norm and ReLU.
    """
    batch: int = min(recipe["batch_size"], images)
    channels = out_channels(width)
    head = sum(3 * outputs for _, outputs in head_layers(recipe, channels))
    kept = sum(n * (kept_values(depth, width, side) + head) for n, side in views(algorithm, recipe, size))
    weights = parameters(depth, width) + head_parameters(recipe, channels)
    copies = 3 + momentum_networks(algorithm)
    return FLOAT * (copies * weights + batch * kept) + held + PROCESS


def feature_values(depth: int, width: float, size: int, layers: list[str]) -> int:
    """Numbers in the features of one image at the given layers, the head's left out."""
    channels = round(64 * width)
    side = math.ceil(size / 2)
    count = {"conv1": channels * side**2, "trunk": 32 * channels}
    for stage in range(4):
        side = math.ceil(side / 2)
        count[f"res{stage + 2}"] = 4 * channels * 2**stage * side**2
    return sum(count.get(layer, 0) for layer in layers)


def extraction_memory(depth: int, width: float, size: int, layers: list[str]) -> float:
    """Bytes that the features of a batch need: two batches of features, and the largest maps on the way."""
    largest = feature_values(depth, width, size, ["conv1"])
    values = 2 * feature_values(depth, width, size, layers) + 4 * largest
    return FLOAT * (2 * parameters(depth, width) + extraction_batch(size**2) * values) + PROCESS


def linear_evaluation_memory(depth: int, width: float, size: int, *, images: int, held: int) -> float:
    """Bytes that classifiers on the trunk's features of so many training images need; held as above.

    They are four copies of the features: as they come, standardised, in their principal axes, on the way.
    """
    features = 4 * images * feature_values(depth, width, size, ["trunk"])
    return FLOAT * features + held + extraction_memory(depth, width, size, ["trunk"])


def state_bytes(depth: int, width: float) -> int:
    """Bytes in the store of a training under way: two states of weights and momentum, and a snapshot."""
    return FLOAT * (2 * 2 + 1) * parameters(depth, width)
