"""Jigsaw: tell the order of the shuffled patches of an image (Noroozi & Favaro 2016, arXiv 1603.09246)."""

import itertools
import math
from functools import cache

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from feature_diversity.algorithms import Algorithm, Batch
from feature_diversity.base.errors import InputError
from feature_diversity.compute.draws import randint
from feature_diversity.data.augment import random_grey, random_patches, random_resized_crop, shuffle_patches

RECIPE = {  # VISSL, pretrain/jigsaw/jigsaw_8gpu_resnet
    "batch_size": 256,
    "optimizer": "sgd",
    "learning_rate": 0.1,
    "momentum": 0.9,
    "nesterov": False,
    "weight_decay": 1e-4,
    "decay_norm": False,
    "decay_bias": True,
    "schedule": "multistep",
    "warmup_epochs": 0,
    "warmup_start": 0.0,
    "end": 0.0,
    "milestones": [0.2857143, 0.5714286, 0.8571429, 0.952381],  # epochs 30, 60, 90, 100 of 105
    "factor": 0.1,
    "rate_update": "epoch",
    "permutations": 2000,
    "grid": 3,
    "patch_size": 64,
    "puzzle_size": 255,  # the image's side when it is cut: cells of 85 pixels
    "crop_scale": [0.9922, 0.9922],  # of the area: 255 of 256 pixels a side
    "flip_probability": 0.5,
    "grey_probability": 0.66,
    "patch_width": 1000,  # of the head's layer for one patch
}

LEGAL = {  # values of these keys, see planning/recipe.py
    "permutations": "above 0",
    "patch_size": "above 0",
    "puzzle_size": "above 0",
    "crop_scale": "[low, high] above 0 and at most 1",
    "flip_probability": "0 to 1",
    "grey_probability": "0 to 1",
    "patch_width": "above 0",
}

SMALL_IMAGES = {
    "schedule": "cosine",  # in tens of epochs, a rate a tenth as high after a quarter learns too little
    "rate_update": "step",  # as a cosine over few epochs needs
    "learning_rate": 0.03,  # at 0.1, linear evaluation of Fashion-MNIST was worse
    "permutations": 24,  # all there are of four patches
    "grid": 2,  # of nine patches of 32 x 32 pixels, none shows anything
    "patch_size": 18,  # VISSL's share of a cell; from 17 on, the last stage sees more than one position
    "puzzle_size": 48,  # enlarged for such patches
    "crop_scale": [0.6, 1.0],  # PIRL's; 255 of 256 pixels would show each image at one place only
    "patch_width": 256,  # in proportion to the number of permutations and to small networks
}
VIEWS = {"patches": 1}  # of each training image, for the estimate of costs

LISTED = 9  # pieces whose permutations are all considered, 362,880; of more pieces, a sample of that many


class Jigsaw(Algorithm):
    """Every patch passes the trunk by itself; the head sees the features of all of them."""

    def __init__(self, recipe: dict, *, channels: int, images: int, classes: int):
        super().__init__()
        check_grid("jigsaw", recipe)
        pieces = recipe["grid"] ** 2
        if not 2 <= recipe["permutations"] <= math.factorial(pieces):
            raise InputError(
                f"recipes: jigsaw: permutations is {recipe['permutations']}, expected 2 to "
                f"{math.factorial(pieces)}, as many as {pieces} patches have"
            )
        self.recipe = recipe
        width = recipe["patch_width"]
        each = nn.Sequential(nn.Linear(channels, width), nn.BatchNorm1d(width), nn.ReLU(inplace=True))
        self.head = PuzzleHead(each, pieces, width, recipe["permutations"])

    def views(self, batch: Batch, generator: torch.Generator) -> tuple[list[Tensor], Tensor]:
        """Cut patches, image by image and slot by slot; the targets are rows of the table of permutations."""
        recipe = self.recipe
        x = random_resized_crop(
            batch.images,
            generator,
            size=recipe["puzzle_size"],
            scale=recipe["crop_scale"],
            ratio=(1, 1),
            flip_probability=recipe["flip_probability"],
        )
        x = random_grey(x, generator, probability=recipe["grey_probability"])
        patches = random_patches(x, generator, grid=recipe["grid"], size=recipe["patch_size"])
        labels = randint(0, recipe["permutations"], len(x), generator)
        table = distant_permutations(recipe["permutations"], recipe["grid"] ** 2)
        return [shuffle_patches(patches, table[labels]).flatten(0, 1)], labels.to(x.device, non_blocking=True)

    def loss(self, features: list[Tensor], targets: Tensor, generator: torch.Generator) -> Tensor:
        """Compute the cross-entropy of the permutations' scores."""
        return F.cross_entropy(self.head.puzzle(features[0]), targets)


class PuzzleHead(nn.Module):
    """A layer for each patch, the same for all, and a linear one for all patches of an image together.

    Called with features of whole images, it returns what it would if the image stood in every slot: a
    reading that training never asked for, defined so that every algorithm has a layer `head`.

    Args:
        each: the layer for a patch, channels -> width.
        pieces: patches of an image.
        width: of what `each` returns.
        outputs: of the linear layer.
    """

    def __init__(self, each: nn.Module, pieces: int, width: int, outputs: int):
        super().__init__()
        self.pieces = pieces
        self.each = each
        self.together = nn.Linear(pieces * width, outputs)

    def puzzle(self, x: Tensor) -> Tensor:
        """Map features of patches, (N x pieces) x channels, image by image, to N x outputs."""
        return self.together(self.each(x).view(len(x) // self.pieces, -1))

    def forward(self, x: Tensor) -> Tensor:
        """Map features of whole images, N x channels, to N x outputs."""
        return self.together(self.each(x).repeat(1, self.pieces))


def check_grid(algorithm: str, recipe: dict) -> None:
    """Check that the patches fit into the grid's cells.

    Raises:
        InputError: they do not.
    """
    cell = recipe["puzzle_size"] // max(recipe["grid"], 1)
    if recipe["grid"] < 2 or not 1 <= recipe["patch_size"] <= cell:
        raise InputError(
            f"recipes: {algorithm}: patch_size is {recipe['patch_size']} and grid {recipe['grid']}, expected "
            f"a grid of 2 or more and patches within its cells of puzzle_size // grid = {cell} pixels"
        )


@cache
def distant_permutations(count: int, pieces: int, first: int = 0) -> Tensor:
    """Choose permutations far from each other in mean Hamming distance.

    Greedy as the paper's algorithm 1: always the one furthest from all chosen ones on average. Up to nine
    pieces, all permutations are candidates, of more pieces a fixed random sample.

    Args:
        count: permutations to choose.
        pieces: of each.
        first: number, in lexicographic order, of the one to start from.

    Returns:
        int64, count x pieces.
    """
    if pieces <= LISTED:
        candidates = torch.tensor(list(itertools.permutations(range(pieces))), dtype=torch.uint8)
    else:
        draws = torch.Generator().manual_seed(0)
        candidates = torch.rand(math.factorial(LISTED), pieces, generator=draws).argsort(dim=1)
    slots = candidates.T.contiguous()
    # summed in float64 one by one, since in VISSL's table it is the rounding that breaks ties
    distance = torch.zeros(len(candidates), dtype=torch.float64)
    chosen = [first]
    while len(chosen) < count:
        differing = (slots != slots[:, chosen[-1], None]).sum(dim=0, dtype=torch.uint8)
        distance += differing.double().div_(pieces)
        distance[chosen[-1]] = -math.inf
        chosen.append(int((distance / len(chosen)).argmax()))
    return candidates[chosen].long()


ALGORITHM = Jigsaw
