"""The prepared data set: one safetensors file with every split as uint8 images.

Tensors `{split}.images` (uint8, N x C x S x S), `{split}.labels` (int64, N) and `{split}.rows` (int64,
N: row in the data set as published) for the splits train, validation, test and held_out. The
metadata hold the data set's name, class names, and mean and standard deviation of the training pixels.
"""

import json
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from feature_diversity.files import InputError

SPLITS = ("train", "validation", "test", "held_out")


@dataclass(frozen=True)
class Facts:
    """What a network must know of a data set.

    mean, std: of the training pixels scaled to 0 ... 1, one value for each of the C channels.
    """

    name: str
    mean: list[float]
    std: list[float]
    image_size: int
    class_names: list[str]


@dataclass(frozen=True)
class Split:
    """images: uint8, N x C x S x S. labels: int64, N."""

    images: Tensor
    labels: Tensor


def read(path: str | Path, *splits: str) -> tuple[Facts, list[Split]]:
    """Read the facts and the named splits of a prepared data set; InputError if it is not one."""
    try:
        with safe_open(str(path), framework="pt") as file:
            facts = Facts(**json.loads(file.metadata()["facts"]))
            parts = [
                Split(file.get_tensor(f"{split}.images"), file.get_tensor(f"{split}.labels"))
                for split in splits
            ]
    except (OSError, SafetensorError, KeyError, TypeError, ValueError) as error:
        raise InputError(
            f"{path} is not a prepared data set ({error}); make it with the stage `data`"
        ) from None
    return facts, parts


def to_unit(images: Tensor) -> Tensor:
    """uint8 images as float32 in 0 ... 1, same shape."""
    return images.to(torch.float32).div_(255)


def normalise(images: Tensor, facts: Facts) -> Tensor:
    """Images in 0 ... 1, N x C x H x W, as the network takes them: mean 0, deviation 1, channels last.

    A grey image (C = 1) is repeated in all three channels, so that every data set has the same network.
    """
    mean = torch.tensor(facts.mean, device=images.device).view(-1, 1, 1)
    std = torch.tensor(facts.std, device=images.device).view(-1, 1, 1)
    return ((images - mean) / std).expand(-1, 3, -1, -1).contiguous(memory_format=torch.channels_last)
