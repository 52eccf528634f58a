"""PIRL: an image is embedded like its shuffled patches (Misra & van der Maaten 2020, arXiv 1912.01991)."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from feature_diversity.algorithms import Algorithm, Batch
from feature_diversity.algorithms.jigsaw import PuzzleHead, check_grid
from feature_diversity.algorithms.npid import memory_bank
from feature_diversity.compute.draws import rand
from feature_diversity.data.augment import (
    colour_jitter,
    mirror,
    photometric,
    random_grey,
    random_patches,
    random_resized_crop,
    shuffle_patches,
)

RECIPE = {  # VISSL, pretrain/pirl/pirl_jigsaw_4node_resnet50
    "batch_size": 1024,
    "optimizer": "sgd",
    "learning_rate": 0.03,
    "momentum": 0.9,
    "nesterov": False,
    "weight_decay": 1e-4,
    "decay_norm": False,
    "decay_bias": False,
    "schedule": "cosine",
    "warmup_epochs": 0,
    "warmup_start": 0.0,
    "end": 0.00003,  # 0.00012 for the batch of 1,024
    "milestones": [],
    "factor": 1.0,
    "rate_update": "epoch",
    "embedding_size": 128,
    "temperature": 0.07,
    "negatives": 32000,
    "loss_type": "nce",
    "memory_momentum": 0.5,
    "patches_weight": 0.5,  # of the patches' loss; the image's has the rest
    "grid": 3,
    "patch_size": 64,
    "puzzle_size": 255,  # the image's side when it is cut: cells of 85 pixels
    "puzzle_scale": [0.6, 1.0],
    "crop_scale": [0.08, 1.0],
    "flip_probability": 0.5,
    "jitter": 0.4,  # of brightness, contrast, saturation, and twice that of hue
    "photometric_probability": 0.66,
    "grey_probability": 0.2,
}

LEGAL = {  # values of these keys, see planning/recipe.py
    "embedding_size": "above 0",
    "temperature": "above 0",
    "negatives": "above 0",
    "loss_type": ["nce", "cross_entropy"],
    "memory_momentum": "0 to 1",
    "patches_weight": "0 to 1",
    "patch_size": "above 0",
    "puzzle_size": "above 0",
    "puzzle_scale": "[low, high] above 0 and at most 1",
    "crop_scale": "[low, high] above 0 and at most 1",
    "flip_probability": "0 to 1",
    "photometric_probability": "0 to 1",
    "grey_probability": "0 to 1",
}

SMALL_IMAGES = {
    "batch_size": 128,  # tens of thousands of images, not a million
    "rate_update": "step",  # as a cosine over few epochs needs
    "loss_type": "cross_entropy",  # as for NPID
    "negatives": 512,  # likewise
    "temperature": 0.1,  # likewise
    "grid": 2,  # of nine patches of 32 x 32 pixels, none shows anything
    "patch_size": 14,  # of cells of 18 pixels: about VISSL's share
    "puzzle_size": 36,  # larger than the image's 32 by VISSL's 255 / 224
    "photometric_probability": 0.0,  # a posterized, solarized patch of 14 x 14 pixels is noise
    "crop_scale": [0.2, 1.0],  # 8 % of 32 x 32 pixels show nothing
}
VIEWS = {"image": 1, "patches": 1}  # of each training image, for the estimate of costs


class PIRL(Algorithm):
    """Two heads on one trunk, both compared with one memory bank of the images' embeddings."""

    def __init__(self, recipe: dict, *, channels: int, images: int, classes: int):
        super().__init__()
        check_grid("pirl", recipe)
        self.recipe = recipe
        self.head = PIRLHead(channels, recipe["embedding_size"], recipe["grid"] ** 2)
        self.memory = memory_bank("pirl", recipe, images)

    def views(self, batch: Batch, generator: torch.Generator) -> tuple[list[Tensor], Tensor]:
        """Shuffle the patches of each image, and crop it; the targets are rows of the bank.

        As in VISSL, each patch has its own draws of colour and mirroring, and any order is possible.
        """
        recipe = self.recipe
        puzzle = random_resized_crop(
            batch.images, generator, size=recipe["puzzle_size"], scale=recipe["puzzle_scale"]
        )
        patches = random_patches(puzzle, generator, grid=recipe["grid"], size=recipe["patch_size"])
        count, pieces = patches.shape[:2]
        patches = self.distort(patches.transpose(0, 1).flatten(0, 1), generator)  # draws follow the images
        orders = rand((count, pieces), generator).argsort(dim=1)
        patches = shuffle_patches(patches.unflatten(0, (pieces, count)).transpose(0, 1), orders)
        image = random_resized_crop(batch.images, generator, size=batch.size, scale=recipe["crop_scale"])
        return [patches.flatten(0, 1), self.distort(image, generator)], batch.rows

    def distort(self, x: Tensor, generator: torch.Generator) -> Tensor:
        """Change colours as VISSL does, and mirror."""
        recipe = self.recipe
        reach = recipe["jitter"]
        x = colour_jitter(x, generator, brightness=reach, contrast=reach, saturation=reach, hue=reach / 2)
        x = photometric(x, generator, probability=recipe["photometric_probability"])
        x = random_grey(x, generator, probability=recipe["grey_probability"])
        return mirror(x, rand(len(x), generator) < recipe["flip_probability"])

    def loss(self, features: list[Tensor], targets: Tensor, generator: torch.Generator) -> Tensor:
        """Compare both embeddings with the bank, which then learns the image's."""
        patches = F.normalize(self.head.puzzle(features[0]), dim=1)
        image = F.normalize(self.head(features[1]), dim=1)
        weight, temperature = self.recipe["patches_weight"], self.recipe["temperature"]
        loss = weight * self.memory.loss(patches, targets, temperature, generator)
        loss = loss + (1 - weight) * self.memory.loss(image, targets, temperature, generator)
        self.memory.update(image, targets, self.recipe["memory_momentum"])
        return loss


class PIRLHead(nn.Module):
    """VISSL's head of PIRL: embeddings, N x size, of images (`forward`, from N x channels) and of patches."""

    def __init__(self, channels: int, size: int, pieces: int):
        super().__init__()
        self.patches = PuzzleHead(nn.Linear(channels, size), pieces, size, size)
        self.image = nn.Linear(channels, size)

    def puzzle(self, x: Tensor) -> Tensor:
        """Embed images by their patches: (N x pieces) x channels to N x size."""
        return self.patches.puzzle(x)

    def forward(self, x: Tensor) -> Tensor:
        """Embed images: N x channels to N x size."""
        return self.image(x)


ALGORITHM = PIRL
