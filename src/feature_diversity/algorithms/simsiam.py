"""SimSiam: a view predicts the other, held fixed; nothing repels (Chen & He 2021, arXiv 2011.10566)."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from feature_diversity.algorithms import Algorithm, Batch
from feature_diversity.algorithms.vicreg import mlp, two_views

RECIPE = {  # Chen & He 2021, section 3 and appendix A; views are MoCo v2's
    "batch_size": 512,
    "optimizer": "sgd",
    "learning_rate": 0.05,  # also the predictor's, as in their table 1's baseline: its rate falls like all
    "momentum": 0.9,
    "nesterov": False,
    "weight_decay": 1e-4,
    "decay_norm": True,
    "decay_bias": True,
    "schedule": "cosine",
    "warmup_epochs": 0,
    "warmup_start": 0.0,
    "end": 0.0,
    "milestones": [],
    "factor": 1.0,
    "rate_update": "epoch",
    "projector": [2048, 2048, 2048],  # outputs of its layers
    "predictor_size": 512,  # of its hidden layer
    "crop_scale": [0.2, 1.0],
    "flip_probability": 0.5,
    "jitter": [0.4, 0.4, 0.4, 0.1],  # of brightness, contrast, saturation and hue
    "blur_probability": [0.5, 0.5],  # of first and second views, as the next
    "solarize_probability": [0.0, 0.0],
    "blur_radius": [0.1, 2.0],
}

LEGAL = {  # values of these keys, see planning/recipe.py
    "projector": "above 0",
    "predictor_size": "above 0",
    "crop_scale": "[low, high] above 0 and at most 1",
    "flip_probability": "0 to 1",
    "blur_probability": "0 to 1",
    "solarize_probability": "0 to 1",
    "blur_radius": "[low, high] above 0",
}

SMALL_IMAGES = {  # Chen & He 2021, appendix D (CIFAR-10), with what hundreds of steps need
    "batch_size": 256,  # more steps from few images; theirs is 512
    "learning_rate": 0.2,  # at their 0.03, the loss is still near 0 after 100 steps; solo-learn has 0.5
    "weight_decay": 1e-5,  # solo-learn, scripts/pretrain/cifar/simsiam.yaml
    "projector": [512, 512, 512],  # 2,048 cost several times what a small trunk does
    "predictor_size": 128,
    "rate_update": "step",  # as a cosine over few epochs needs
    "blur_probability": [0.0, 0.0],
}
VIEWS = {"image": 2}  # of each training image, for the estimate of costs


class SimSiam(Algorithm):
    """The head is the projector, which ends in a BatchNorm without scale and shift, as the authors' code.

    Attributes:
        predictor: maps a projection to what the other view's is expected to be; no layer is recorded of it.
    """

    def __init__(self, recipe: dict, *, channels: int, images: int, classes: int):
        super().__init__()
        self.recipe = recipe
        size = recipe["projector"][-1]
        last = nn.BatchNorm1d(size).requires_grad_(False)  # its scale stays 1 and its shift 0
        self.head = nn.Sequential(mlp(channels, recipe["projector"]), last)
        self.predictor = mlp(size, [recipe["predictor_size"], size], bias=True)

    def views(self, batch: Batch, generator: torch.Generator) -> tuple[list[Tensor], Tensor]:
        """Augment each image twice, first views first; the targets play no part."""
        return [two_views(batch, generator, self.recipe)], batch.rows

    def loss(self, features: list[Tensor], targets: Tensor, generator: torch.Generator) -> Tensor:
        """Compare each view's prediction with the other view's projection."""
        z = self.head(features[0])
        return negative_cosine(self.predictor(z), swap_views(z))


def negative_cosine(p: Tensor, z: Tensor) -> Tensor:
    """Compute SimSiam's loss (Chen & He 2021, eq. 2 and 4): the mean of -cos(p, stop-gradient(z)).

    Args:
        p: 2N x D, predictions made from both views of N images.
        z: 2N x D, the projections that they are to predict; no gradient reaches them.

    Returns:
        A scalar, -1 ... 1.
    """
    return -F.cosine_similarity(p, z.detach(), dim=1).mean()


def swap_views(z: Tensor) -> Tensor:
    """Put second views first: rows N ... 2N - 1, then 0 ... N - 1."""
    return z.roll(len(z) // 2, dims=0)


ALGORITHM = SimSiam
