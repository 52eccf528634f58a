"""Barlow Twins: a feature correlates with itself in the other view, and with no other feature.

Zbontar et al. 2021, arXiv 2103.03230.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from feature_diversity.algorithms import Algorithm, Batch
from feature_diversity.algorithms.vicreg import mlp, squares_off_diagonal, two_views
from feature_diversity.base.batches import check_batch_size
from feature_diversity.compute.ranks import gather

RECIPE = {  # Zbontar et al. 2021, section 2.2; what it does not say: the authors' main.py
    "batch_size": 2048,
    "optimizer": "larc",  # for their LARS, where biases and norms have a rate of their own, 0.0048
    "learning_rate": 0.2,
    "momentum": 0.9,
    "nesterov": False,
    "weight_decay": 1.5e-6,
    "decay_norm": False,
    "decay_bias": False,
    "schedule": "cosine",
    "warmup_epochs": 10,
    "warmup_start": 0.0,
    "end": 0.0002,  # a thousandth of the highest
    "milestones": [],
    "factor": 1.0,
    "rate_update": "step",
    "redundancy_weight": 0.005,  # lambda
    "projector": [8192, 8192, 8192],  # outputs of its layers
    "crop_scale": [0.08, 1.0],
    "flip_probability": 0.5,
    "jitter": [0.4, 0.4, 0.2, 0.1],  # of brightness, contrast, saturation and hue
    "blur_probability": [1.0, 0.1],  # of first and second views, as the next
    "solarize_probability": [0.0, 0.2],
    "blur_radius": [0.1, 2.0],
}

LEGAL = {  # values of these keys, see planning/recipe.py
    "projector": "above 0",
    "crop_scale": "[low, high] above 0 and at most 1",
    "flip_probability": "0 to 1",
    "blur_probability": "0 to 1",
    "solarize_probability": "0 to 1",
    "blur_radius": "[low, high] above 0",
}

SMALL_IMAGES = {  # solo-learn, scripts/pretrain/cifar/barlow.yaml, but for the optimiser
    "batch_size": 256,
    "optimizer": "sgd",  # as SimCLR's here
    # The loss is a sum over features, not a mean: at 0.02, the first steps wreck the trunk
    "learning_rate": 0.0005,
    "weight_decay": 1e-4,
    "warmup_epochs": 0,
    "end": 0.0,
    "projector": [512, 512, 512],  # 2,048 cost several times what a small trunk does
    "crop_scale": [0.2, 1.0],  # as SimCLR's here: 8 % of 32 x 32 pixels show nothing
    "blur_probability": [0.0, 0.0],
}
VIEWS = {"image": 2}  # of each training image, for the estimate of costs


class BarlowTwins(Algorithm):
    """The head is the projector; the loss standardises each of its outputs over the batch."""

    def __init__(self, recipe: dict, *, channels: int, images: int, classes: int):
        super().__init__()
        check_batch_size("barlow_twins", recipe["batch_size"], images, trained=False)  # to be correlated
        self.recipe = recipe
        self.head = mlp(channels, recipe["projector"])

    def views(self, batch: Batch, generator: torch.Generator) -> tuple[list[Tensor], Tensor]:
        """Augment each image twice, first views first; the targets play no part."""
        return [two_views(batch, generator, self.recipe)], batch.rows

    def loss(self, features: list[Tensor], targets: Tensor, generator: torch.Generator) -> Tensor:
        """Compare the projections' cross-correlation with the identity."""
        return barlow_twins_loss(self.head(features[0]), self.recipe["redundancy_weight"])


def barlow_twins_loss(z: Tensor, redundancy: float) -> Tensor:
    """Compute Barlow Twins' loss (Zbontar et al. 2021, eq. 1).

    Args:
        z: 2N x D, N above 1; row i and row i + N are two views of one image. On several ranks, correlations
            are those of all ranks' rows.
        redundancy: weight of the squared correlations of different features.

    Returns:
        A scalar.
    """
    first, second = (F.batch_norm(view, None, None, training=True) for view in gather(z).chunk(2))
    correlation = first.mT @ second / len(first)
    return (correlation.diagonal() - 1).square().sum() + redundancy * squares_off_diagonal(correlation)


ALGORITHM = BarlowTwins
