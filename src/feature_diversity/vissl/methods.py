"""The algorithms as VISSL's parts: transforms, collator, head and loss, with a recipe's values."""

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

PERMUTATIONS = "permutations.npy"  # Jigsaw's table
EVERY_LAYER = {"skip_last_layer_relu_bn": False}  # else VISSL's `mlp` ends with its last linear layer

Recipe = dict[str, Any]
Transforms = list[dict[str, Any]]


@dataclass(frozen=True)
class Setting:
    """What a configuration needs beside the recipe.

    channels: of the trunk's features. size: of the network's images, in pixels. mean, std: of the pixels in
    0 ... 1, for each of three channels. folder: holds images.npy, labels.npy and Jigsaw's table, and gets
    VISSL's checkpoints and log. processes: how many share a batch, each with a GPU of its own if there are
    any. workers: processes that load images, for each of those.
    """

    channels: int
    size: int
    classes: int
    mean: list[float]
    std: list[float]
    folder: Path
    processes: int = 1
    gpu: bool = False
    workers: int = 0


@dataclass(frozen=True)
class Method:
    """What makes one algorithm in VISSL: transforms before and after an image becomes a tensor, head, loss.

    inputs: names of what the collator makes; several pass the trunk one after the other, to a head each.
    labelled: whether the classes are the targets.
    """

    transforms: Transforms
    head: list
    loss: str
    loss_options: dict[str, Any]
    collator: str = "default_collate"
    inputs: tuple[str, ...] = ("data",)
    of_tensors: Transforms = field(default_factory=list)
    labelled: bool = False


def simclr(recipe: Recipe, setting: Setting) -> Method:
    """Two views of an image, contrasted."""
    return Method(
        transforms=[
            {"name": "ImgReplicatePil", "num_times": 2},
            crop(recipe, setting.size),
            flip(recipe),
            *distortion(recipe),
        ],
        collator="simclr_collator",
        head=projection(setting.channels, recipe["projection_size"]),
        loss="simclr_info_nce_loss",
        loss_options={
            "temperature": recipe["temperature"],
            "buffer_params": {"embedding_dim": recipe["projection_size"]},
        },
    )


def deepclusterv2(recipe: Recipe, setting: Setting) -> Method:
    """Crops of several sizes, assigned to clusters of the crops before."""
    crops = {
        "name": "ImgPilToMultiCrop",
        "total_num_crops": sum(recipe["crops"]),
        "size_crops": recipe["crop_sizes"],
        "num_crops": recipe["crops"],
        "crop_scales": recipe["crop_scales"],
    }
    return Method(
        transforms=[crops, flip(recipe), *distortion(recipe)],
        collator="multicrop_collator",
        head=projection(setting.channels, recipe["projection_size"]),
        loss="deepclusterv2_loss",
        loss_options={
            "temperature": recipe["temperature"],
            "num_clusters": recipe["prototypes"],
            "kmeans_iters": recipe["kmeans_iterations"],
            "memory_params": {
                "crops_for_mb": recipe["crops_in_memory"],
                "embedding_dim": recipe["projection_size"],
            },
        },
    )


def jigsaw(recipe: Recipe, setting: Setting) -> Method:
    """Patches in an order that is to be told."""
    low, high = recipe["crop_scale"]
    if low == high:  # VISSL's own: of an image enlarged a little, all but a margin
        enlarged = round(recipe["puzzle_size"] / math.sqrt(low))
        cut = [
            {"name": "Resize", "size": enlarged},
            flip(recipe),
            {"name": "RandomCrop", "size": recipe["puzzle_size"]},
        ]
    else:
        cut = [crop(recipe, recipe["puzzle_size"]) | {"ratio": [1.0, 1.0]}, flip(recipe)]
    pieces, width = recipe["grid"] ** 2, recipe["patch_width"]
    gap = recipe["puzzle_size"] // recipe["grid"] - recipe["patch_size"]
    return Method(
        transforms=[*cut, {"name": "RandomGrayscale", "p": recipe["grey_probability"]}],
        of_tensors=[
            {"name": "ImgPatchesFromTensor", "num_patches": pieces, "patch_jitter": gap},
            {"name": "ShuffleImgPatches", "perm_file": str(setting.folder / PERMUTATIONS)},
        ],
        collator="siamese_collator",
        head=[
            ["mlp", {"dims": [setting.channels, width], "use_bn": True, "use_relu": True} | EVERY_LAYER],
            ["siamese_concat_view", {"num_towers": pieces}],
            ["mlp", {"dims": [pieces * width, recipe["permutations"]]}],
        ],
        **cross_entropy(),
    )


def rotnet(recipe: Recipe, setting: Setting) -> Method:
    """Quarter turns that are to be told."""
    return Method(
        transforms=[{"name": "ImgRotatePil"}, crop(recipe, setting.size), flip(recipe)],
        head=[["mlp", {"dims": [setting.channels, 4]}]],
        **cross_entropy(),
    )


def supervised(recipe: Recipe, setting: Setting) -> Method:
    """The classes are to be told."""
    return Method(
        transforms=[crop(recipe, setting.size), flip(recipe), jitter(recipe, hue=recipe["jitter"])],
        head=[["mlp", {"dims": [setting.channels, setting.classes]}]],
        labelled=True,
        **cross_entropy(),
    )


def npid(recipe: Recipe, setting: Setting) -> Method:
    """Each image told from a memory bank of the others."""
    return Method(
        transforms=[jitter(recipe, hue=recipe["jitter"]), crop(recipe, setting.size), flip(recipe)],
        head=[["mlp", {"dims": [setting.channels, recipe["embedding_size"]]}]],
        **noise_contrast(recipe, updates=True),
    )


def pirl(recipe: Recipe, setting: Setting) -> Method:
    """Shuffled patches and the image, each near the image's row of the memory bank."""
    pieces, size = recipe["grid"] ** 2, recipe["embedding_size"]
    cut = {
        "name": "ImgPilToPatchesAndImage",
        "crop_scale_image": recipe["crop_scale"],
        "crop_size_image": setting.size,
        "crop_scale_patches": recipe["puzzle_scale"],
        "crop_size_patches": recipe["puzzle_size"],
        "num_patches": pieces,
    }
    weight = recipe["patches_weight"]
    loss = noise_contrast(recipe, updates=False)
    loss["loss_options"] |= {"loss_weights": [weight, 1 - weight], "update_mem_with_emb_index": 1}
    return Method(
        transforms=[
            cut,
            jitter(recipe, hue=recipe["jitter"] / 2),
            {"name": "ImgPilRandomPhotometric", "p": recipe["photometric_probability"]},
            {"name": "RandomGrayscale", "p": recipe["grey_probability"]},
            flip(recipe),
        ],
        collator="patch_and_image_collator",
        inputs=("patches", "images"),
        head=[
            [
                ["mlp", {"dims": [setting.channels, size]}],
                ["siamese_concat_view", {"num_towers": pieces}],
                ["mlp", {"dims": [pieces * size, size]}],
            ],
            [["mlp", {"dims": [setting.channels, size]}]],
        ],
        **loss,
    )


def crop(recipe: Recipe, size: int) -> dict[str, Any]:
    """A random part of the image, size x size pixels."""
    return {"name": "RandomResizedCrop", "size": size, "scale": recipe["crop_scale"]}


def flip(recipe: Recipe) -> dict[str, Any]:
    """Mirrored left to right, now and then."""
    return {"name": "RandomHorizontalFlip", "p": recipe["flip_probability"]}


def jitter(recipe: Recipe, hue: float) -> dict[str, Any]:
    """Brightness, contrast, saturation and hue by chance; hue: its reach, in turns."""
    reach = recipe["jitter"]
    return {"name": "ColorJitter", "brightness": reach, "contrast": reach, "saturation": reach, "hue": hue}


def distortion(recipe: Recipe) -> Transforms:
    """SimCLR's colours and blur."""
    low, high = recipe["blur_radius"]
    return [
        {"name": "ImgPilColorDistortion", "strength": recipe["colour_strength"]},
        {
            "name": "ImgPilGaussianBlur",
            "p": recipe["blur_probability"],
            "radius_min": low,
            "radius_max": high,
        },
    ]


def projection(channels: int, size: int) -> list:
    """SimCLR's head: linear, ReLU, linear."""
    first = {"dims": [channels, channels], "use_relu": True} | EVERY_LAYER
    return [["mlp", first], ["mlp", {"dims": [channels, size]}]]


def cross_entropy() -> dict[str, Any]:
    """VISSL's loss of one target, with a head's one output."""
    return {"loss": "cross_entropy_multiple_output_single_target", "loss_options": {"ignore_index": -1}}


def noise_contrast(recipe: Recipe, updates: bool) -> dict[str, Any]:
    """The loss with a memory bank. updates: whether each of the outputs compared enters the bank."""
    options = {
        "ignore_index": -1,
        "temperature": recipe["temperature"],
        "loss_type": recipe["loss_type"],
        "loss_weights": [1.0],
        "negative_sampling_params": {"num_negatives": recipe["negatives"], "type": "random"},
        "memory_params": {
            "embedding_dim": recipe["embedding_size"],
            "momentum": recipe["memory_momentum"],
            "update_mem_on_forward": updates,
        },
    }
    return {"loss": "nce_loss_with_memory", "loss_options": options}


METHODS: dict[str, Callable[[Recipe, Setting], Method]] = {
    "deepclusterv2": deepclusterv2,
    "jigsaw": jigsaw,
    "npid": npid,
    "pirl": pirl,
    "rotnet": rotnet,
    "simclr": simclr,
    "supervised": supervised,
}
