"""The prepared data set: one safetensors file with the images of every split, or where they lie.

Of each split train, validation, test, held_out and held_out_2: `{split}.labels` (int64, N), `{split}.rows`
(int64, N: row in the data set as published), and either `{split}.images` (uint8, N x C x S x S) or, for
images in files, `{split}.paths` (names below the data folder, each ended by a zero byte), `{split}.stamps`,
`{split}.digests` and perhaps `{split}.spans`, all as in `ImageFiles`. Training images in the cache have
`train.cached` (such spans, of the file beside this one that ends in .jpegs) in place of these. The metadata
hold the facts. `asked` (uint8): the options that the file was made with, as JSON.
"""

import json
import os
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from safetensors import SafetensorError, safe_open
from torch import Tensor

from feature_diversity.base.errors import InputError
from feature_diversity.data.image_files import ImageFiles

SPLITS = ("train", "validation", "test", "held_out", "held_out_2")


@dataclass(frozen=True)
class Facts:
    """What a network must know of a data set.

    mean, std: of the training pixels scaled to 0 ... 1, one value for each of the C channels; ImageNet's
    for images in files. image_size: side in pixels of what the network takes. stored_size: side of what
    training begins with, cropped and resized to image_size by the augmentation. digest: of the
    training images as they are kept, in their order, and of their labels; empty where it is not known.
    """

    name: str
    mean: list[float]
    std: list[float]
    image_size: int
    stored_size: int
    class_names: list[str]
    digest: str = ""


@dataclass(frozen=True)
class Split:
    """images: uint8, N x C x S x S, or N files. labels: int64, N."""

    images: Tensor | ImageFiles
    labels: Tensor

    def to(self, device: torch.device) -> "Split":
        """The split on that device; images in files get there batch by batch."""
        images = self.images.to(device) if isinstance(self.images, Tensor) else self.images
        return Split(images, self.labels.to(device))

    def some(self, rows: np.ndarray) -> "Split":
        """The images and labels in some places (int64), in the order of these."""
        places, images = torch.from_numpy(rows).to(self.labels.device), self.images
        if isinstance(images, Tensor):
            return Split(images[places], self.labels[places])
        digests = None if images.digests is None else images.digests[rows]
        if images.spans is not None:
            return Split(replace(images, spans=images.spans[rows], digests=digests), self.labels[places])
        stamps = None if images.stamps is None else images.stamps[rows]
        names = [images.paths[row] for row in rows]
        return Split(replace(images, paths=names, stamps=stamps, digests=digests), self.labels[places])


def read(path: str | Path, *splits: str, folder: Path = Path("data")) -> tuple[Facts, list[Split]]:
    """Read the facts and the named splits of a prepared data set.

    Args:
        path: The prepared file.
        splits: Any of `SPLITS`.
        folder: Where data sets lie; images in files are read from there.

    Returns:
        The facts, and the splits in the order that they were asked for.

    Raises:
        InputError: The file is no prepared data set.
    """
    try:
        with safe_open(str(path), framework="pt") as file:
            facts = Facts(**json.loads(file.metadata()["facts"]))
            names = set(file.keys())
            tensors = {key: file.get_tensor(key) for key in names if key.split(".")[0] in splits}
            parts = [
                Split(_images(tensors, split, facts, Path(path), folder), tensors[f"{split}.labels"])
                for split in splits
            ]
    except (OSError, SafetensorError, KeyError, TypeError, ValueError) as error:
        raise InputError(
            f"{path} is not a prepared data set ({error}); make it with the stage `data`"
        ) from None
    return facts, parts


def _images(
    tensors: dict[str, Tensor], split: str, facts: Facts, path: Path, folder: Path
) -> Tensor | ImageFiles:
    if f"{split}.images" in tensors:
        return tensors[f"{split}.images"]
    if f"{split}.cached" in tensors:
        folder, paths, spans = path.parent, [cache_path(path).name], tensors[f"{split}.cached"]
    else:
        paths = split_names(tensors[f"{split}.paths"])
        spans = tensors.get(f"{split}.spans")
    spans = None if spans is None else spans.numpy()
    then = [tensors.get(f"{split}.{name}") for name in ("stamps", "digests")]
    stamps, digests = (None if values is None else values.numpy() for values in then)
    return ImageFiles(folder, paths, spans, facts.image_size, facts.stored_size, stamps, digests)


def cache_path(path: Path) -> Path:
    """The file of resized training images beside a prepared data set."""
    return path.with_suffix(".jpegs")


def join_names(names: list[str]) -> Tensor:
    """Names as bytes, uint8, each ended by a zero."""
    return torch.from_numpy(
        np.frombuffer(b"".join(os.fsencode(name) + b"\0" for name in names), np.uint8).copy()
    )


def split_names(joined: Tensor) -> list[str]:
    """The names that `join_names` joined."""
    return [os.fsdecode(name) for name in joined.numpy().tobytes().split(b"\0")[:-1]]


def resize(images: Tensor, size: int) -> Tensor:
    """Resize uint8 images, N x C x H x W, to size x size by bilinear interpolation, antialiased."""
    if images.shape[2:] == (size, size):
        return images
    resized = F.interpolate(
        images.to(torch.float32), (size, size), mode="bilinear", align_corners=False, antialias=True
    )
    return resized.round_().clamp_(0, 255).to(torch.uint8)


def to_unit(images: Tensor) -> Tensor:
    """uint8 images as torch's default float type, float32 as a rule, in 0 ... 1, same shape."""
    return images.to(torch.get_default_dtype()).div_(255)


def normalise(images: Tensor, facts: Facts) -> Tensor:
    """Images in 0 ... 1, N x C x H x W, as the network takes them: mean 0, deviation 1, channels last.

    A grey image (C = 1) is repeated in all three channels, so that every data set has the same network.
    """
    mean, std = (
        torch.tensor(values).view(-1, 1, 1).to(images.device, non_blocking=True)
        for values in (facts.mean, facts.std)
    )
    x = torch.empty(
        (len(images), 3, *images.shape[2:]), device=images.device, memory_format=torch.channels_last
    )
    # computed in the images' own order of memory: from one to another, copying is twice as fast as arithmetic
    return x.copy_((images - mean).div_(std).expand_as(x))
