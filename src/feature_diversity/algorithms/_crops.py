"""Crops of several sizes: multi-crop (Caron et al. 2020, arXiv 2006.09882)."""

import torch
from torch import Tensor

from feature_diversity.algorithms import Batch
from feature_diversity.algorithms.simclr import distort
from feature_diversity.base.errors import InputError
from feature_diversity.data.augment import random_resized_crop


def crops(batch: Batch, generator: torch.Generator, recipe: dict) -> list[Tensor]:
    """Crop and distort each image, all crops of one size after the other, first crops first.

    Args:
        batch: of training images.
        generator: of the draws.
        recipe: its crop_sizes, crops (how many), crop_scales, flip_probability, and what `distort` takes.
    """
    inputs = []
    for size, count, scale in zip(recipe["crop_sizes"], recipe["crops"], recipe["crop_scales"], strict=True):
        x = random_resized_crop(
            torch.cat([batch.images] * count),
            generator,
            size=size,
            scale=scale,
            flip_probability=recipe["flip_probability"],
        )
        inputs.append(distort(x, generator, recipe))
    return inputs


def check_crops(algorithm: str, recipe: dict) -> None:
    """Check that the lists of crops fit together.

    Raises:
        InputError: they do not.
    """
    sizes = [len(recipe[key]) for key in ("crop_sizes", "crops", "crop_scales")]
    if len(set(sizes)) != 1:
        raise InputError(
            f"recipes: {algorithm}: crop_sizes, crops and crop_scales have {sizes} entries, "
            "expected as many each"
        )


def check_prototypes(algorithm: str, prototypes: list[int], images: int) -> None:
    """Check numbers of prototypes.

    Raises:
        InputError: there is none, or more than there are images.
    """
    if not all(1 <= count <= images for count in prototypes) or not prototypes:
        raise InputError(
            f"recipes: {algorithm}: prototypes is {prototypes}, expected numbers from 1 to "
            f"{images}, the number of training images"
        )
