"""SimCLR: two views of an image attract, other images repel (Chen et al. 2020, arXiv 2002.05709)."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from feature_diversity.algorithms import Algorithm, Batch
from feature_diversity.base.batches import check_batch_size
from feature_diversity.compute.ranks import gather, own_rows
from feature_diversity.data.augment import colour_jitter, gaussian_blur, random_grey, random_resized_crop

RECIPE = {  # VISSL, pretrain/simclr/simclr_8node_resnet
    "batch_size": 4096,
    "optimizer": "larc",
    "learning_rate": 0.3,
    "momentum": 0.9,
    "nesterov": False,
    "weight_decay": 1e-6,
    "decay_norm": True,
    "decay_bias": True,
    "schedule": "cosine",
    "warmup_epochs": 10,
    "warmup_start": 0.0375,  # 0.6 for the batch of 4,096
    "end": 0.0,
    "milestones": [],
    "factor": 1.0,
    "rate_update": "step",
    "temperature": 0.1,
    "projection_size": 128,
    "crop_scale": [0.08, 1.0],
    "flip_probability": 0.5,
    "colour_strength": 1.0,
    "blur_probability": 0.5,
    "blur_radius": [0.1, 2.0],
}

LEGAL = {  # values of these keys, see planning/recipe.py
    "temperature": "above 0",
    "projection_size": "above 0",
    "crop_scale": "[low, high] above 0 and at most 1",
    "flip_probability": "0 to 1",
    "blur_probability": "0 to 1",
    "blur_radius": "[low, high] above 0",
}

SMALL_IMAGES = {
    "batch_size": 256,  # tens of thousands of images, not a million
    "optimizer": "sgd",  # LARC's steps, a thousandth of the weights, need more steps than there are
    "learning_rate": 0.1,
    "weight_decay": 1e-4,  # usual for SGD on CIFAR
    "warmup_epochs": 0,  # VISSL drops the warm-up on one node, too
    "crop_scale": [0.2, 1.0],  # 8 % of 32 x 32 pixels show nothing
    "colour_strength": 0.5,  # Chen et al. 2020, appendix B.9 (CIFAR-10)
    "blur_probability": 0.0,  # likewise: no blur
}
VIEWS = {"image": 2}  # of each training image, for the estimate of costs


class SimCLR(Algorithm):
    """The projection head has no BatchNorm: linear, ReLU, linear, as in VISSL."""

    def __init__(self, recipe: dict, *, channels: int, images: int, classes: int):
        super().__init__()
        check_batch_size("simclr", recipe["batch_size"], images, trained=False)  # one image repels no other
        self.recipe = recipe
        self.head = nn.Sequential(
            nn.Linear(channels, channels),
            nn.ReLU(inplace=True),
            nn.Linear(channels, recipe["projection_size"]),
        )

    def views(self, batch: Batch, generator: torch.Generator) -> tuple[list[Tensor], Tensor]:
        """Augment each image twice, first views first; the targets play no part."""
        x = random_resized_crop(
            torch.cat([batch.images, batch.images]),
            generator,
            size=batch.size,
            scale=self.recipe["crop_scale"],
            flip_probability=self.recipe["flip_probability"],
        )
        return [distort(x, generator, self.recipe)], batch.rows

    def loss(self, features: list[Tensor], targets: Tensor, generator: torch.Generator) -> Tensor:
        """Compute the contrastive loss of the projections."""
        return info_nce(self.head(features[0]), self.recipe["temperature"])


def distort(x: Tensor, generator: torch.Generator, recipe: dict) -> Tensor:
    """Distort a crop as SimCLR does (Chen et al. 2020, appendix A): colours and blur.

    Args:
        x: crops, N x C x H x W, 0 ... 1.
        generator: of the draws.
        recipe: its colour_strength, blur_probability and blur_radius.
    """
    s = recipe["colour_strength"]
    x = colour_jitter(
        x, generator, brightness=0.8 * s, contrast=0.8 * s, saturation=0.8 * s, hue=0.2 * s, probability=0.8
    )
    x = random_grey(x, generator, probability=0.2)
    return gaussian_blur(x, generator, probability=recipe["blur_probability"], radius=recipe["blur_radius"])


def info_nce(z: Tensor, temperature: float) -> Tensor:
    """Compute SimCLR's contrastive loss (Chen et al. 2020, eq. 1), averaged over all 2N anchors.

    Args:
        z: 2N x D, any norm; row i and row i + N are two views of one image. On several ranks, each has its
            own 2N anchors, which repel the views of all ranks.
        temperature: divides the similarities.

    Returns:
        A scalar.

    Raises:
        ValueError: an odd number of rows.
    """
    if len(z) % 2:
        raise ValueError(f"z must hold two views of every image, but has {len(z)} rows")
    z = F.normalize(z, dim=1)
    others = gather(z)
    similarity = z @ others.mT / temperature
    itself = own_rows(z)
    similarity.scatter_(1, itself[:, None], float("-inf"))  # a view is no negative of itself
    positive = (itself + len(others) // 2) % len(others)
    return F.cross_entropy(similarity, positive)


ALGORITHM = SimCLR
