"""Alignment and uniformity: views lie together, images all over the sphere.

Wang & Isola 2020, arXiv 2005.10242.
"""

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from feature_diversity.algorithms import Algorithm, Batch
from feature_diversity.algorithms.vicreg import two_views
from feature_diversity.base.batches import check_batch_size
from feature_diversity.compute.ranks import gather

RECIPE = {  # VISSL's SimCLR, as the authors had a queue on ImageNet; the loss: their STL-10, examples/stl10
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
    "alpha": 2.0,
    "t": 2.0,
    "uniformity_weight": 1.0,  # beside alignment's 1
    "projection_size": 128,
    "crop_scale": [0.08, 1.0],
    "flip_probability": 0.5,
    "jitter": [0.8, 0.8, 0.8, 0.2],  # of brightness, contrast, saturation and hue
    "blur_probability": [0.5, 0.5],  # of first and second views, as the next
    "solarize_probability": [0.0, 0.0],
    "blur_radius": [0.1, 2.0],
}

LEGAL = {  # values of these keys, see planning/recipe.py
    "alpha": "above 0",
    "t": "above 0",
    "projection_size": "above 0",
    "crop_scale": "[low, high] above 0 and at most 1",
    "flip_probability": "0 to 1",
    "blur_probability": "0 to 1",
    "solarize_probability": "0 to 1",
    "blur_radius": "[low, high] above 0",
}

SMALL_IMAGES = {  # as SimCLR's
    "batch_size": 256,
    "optimizer": "sgd",
    "learning_rate": 0.1,
    "weight_decay": 1e-4,
    "warmup_epochs": 0,
    "crop_scale": [0.2, 1.0],
    "jitter": [0.4, 0.4, 0.4, 0.1],
    "blur_probability": [0.0, 0.0],
}
VIEWS = {"image": 2}  # of each training image, for the estimate of costs


class AlignUniform(Algorithm):
    """The head is SimCLR's: linear, ReLU, linear; its normalised output is compared."""

    def __init__(self, recipe: dict, *, channels: int, images: int, classes: int):
        super().__init__()
        check_batch_size("align_uniform", recipe["batch_size"], images, trained=False)  # one has no distance
        self.recipe = recipe
        self.head = nn.Sequential(
            nn.Linear(channels, channels),
            nn.ReLU(inplace=True),
            nn.Linear(channels, recipe["projection_size"]),
        )

    def views(self, batch: Batch, generator: torch.Generator) -> tuple[list[Tensor], Tensor]:
        """Augment each image twice, first views first; the targets play no part."""
        return [two_views(batch, generator, self.recipe)], batch.rows

    def loss(self, features: list[Tensor], targets: Tensor, generator: torch.Generator) -> Tensor:
        """Compute alignment and uniformity of the projections."""
        recipe = self.recipe
        z = self.head(features[0])
        return align_uniform_loss(z, recipe["alpha"], recipe["t"], recipe["uniformity_weight"])


def align_uniform_loss(z: Tensor, alpha: float, t: float, uniformity_weight: float) -> Tensor:
    """Compute alignment, and uniformity averaged over first and second views (Wang & Isola 2020, figure 5).

    Args:
        z: 2N x D, any norm, N above 1; row i and row i + N are two views of one image. On several ranks,
            uniformity is that of all ranks' rows.
        alpha: of `alignment`.
        t: of `uniformity`.
        uniformity_weight: beside alignment's 1.

    Returns:
        A scalar.
    """
    z = F.normalize(z, dim=1)
    spread = sum(uniformity(view, t) for view in gather(z).chunk(2)) / 2
    first, second = z.chunk(2)
    return alignment(first, second, alpha) + uniformity_weight * spread


def alignment(first: Tensor, second: Tensor, alpha: float) -> Tensor:
    """Compute the mean distance of two views, to the power of alpha (Wang & Isola 2020, section 4.1).

    Args:
        first: N x D, normalised.
        second: N x D, the same images' other views.
        alpha: above 0.

    Returns:
        A scalar.
    """
    return (first - second).norm(dim=1).pow(alpha).mean()


def uniformity(z: Tensor, t: float) -> Tensor:
    """Compute the logarithm of the mean Gaussian potential of two images (Wang & Isola 2020, section 4.1).

    Args:
        z: N x D, normalised, N above 1.
        t: the potential is exp(-t x squared distance).

    Returns:
        A scalar, at most 0.
    """
    z = z - z.mean(dim=0).detach()  # distances stay, and are exact also where all rows are alike
    squares = z.square().sum(dim=1)
    exponent = t * (2 * z @ z.mT - squares[:, None] - squares)
    itself = torch.eye(len(z), dtype=torch.bool, device=z.device)
    pairs = exponent.masked_fill(itself, -torch.inf).flatten()
    return pairs.logsumexp(dim=0) - math.log(len(z) * (len(z) - 1))


ALGORITHM = AlignUniform
