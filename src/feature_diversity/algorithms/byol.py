"""BYOL: a view predicts what a moving average of the network makes of the other (Grill et al. 2020).

arXiv 2006.07733. Nothing repels.
"""

import torch
from torch import Tensor, nn

from feature_diversity.algorithms import Algorithm, Batch
from feature_diversity.algorithms._momentum import MomentumNetwork, share_left
from feature_diversity.algorithms.simsiam import negative_cosine, swap_views
from feature_diversity.algorithms.vicreg import mlp, two_views

RECIPE = {  # Grill et al. 2020, section 3.3 and appendices B, J
    "batch_size": 4096,
    "optimizer": "larc",  # for their LARS, which leaves biases and norms without a rate of their own
    "learning_rate": 0.2,
    "momentum": 0.9,
    "nesterov": False,
    "weight_decay": 1.5e-6,
    "decay_norm": False,
    "decay_bias": False,
    "schedule": "cosine",
    "warmup_epochs": 10,
    "warmup_start": 0.0,
    "end": 0.0,
    "milestones": [],
    "factor": 1.0,
    "rate_update": "step",
    "target_decay": 0.996,  # tau at the beginning
    "target_decay_epochs": 1000,  # in which tau rises to 1
    "projector": [4096, 256],  # outputs of its layers
    "predictor_size": 4096,  # of its hidden layer
    "crop_scale": [0.08, 1.0],
    "flip_probability": 0.5,
    "jitter": [0.4, 0.4, 0.2, 0.1],  # of brightness, contrast, saturation and hue
    "blur_probability": [1.0, 0.1],  # of first and second views, as the next
    "solarize_probability": [0.0, 0.2],
    "blur_radius": [0.1, 2.0],
}

LEGAL = {  # values of these keys, see planning/recipe.py
    "target_decay": "0 to 1",
    "target_decay_epochs": "above 0",
    "projector": "above 0",
    "predictor_size": "above 0",
    "crop_scale": "[low, high] above 0 and at most 1",
    "flip_probability": "0 to 1",
    "blur_probability": "0 to 1",
    "solarize_probability": "0 to 1",
    "blur_radius": "[low, high] above 0",
}

SMALL_IMAGES = {  # solo-learn, scripts/pretrain/cifar/byol.yaml, but for the optimiser
    "batch_size": 256,
    "optimizer": "sgd",  # as SimCLR's here
    "learning_rate": 0.1,
    "weight_decay": 1e-4,
    "warmup_epochs": 0,
    "target_decay": 0.99,
    "projector": [1024, 128],  # 4,096 cost several times what a small trunk does
    "predictor_size": 512,
    "crop_scale": [0.2, 1.0],  # as SimCLR's here: 8 % of 32 x 32 pixels show nothing
    "blur_probability": [0.0, 0.0],
}
VIEWS = {"image": 2}  # of each training image, for the estimate of costs
MOMENTUM = True  # a second network sees every view, too


class BYOL(Algorithm):
    """The head is the online network's projector.

    Attributes:
        predictor: maps a projection to what the target's is expected to be; no layer is recorded of it.
        target: the target network.
        steps: number of those done.
    """

    def __init__(self, recipe: dict, *, channels: int, images: int, classes: int):
        super().__init__()
        self.recipe = recipe
        self.last_step = recipe["target_decay_epochs"] * (images // recipe["batch_size"])
        size = recipe["projector"][-1]
        self.head = mlp(channels, recipe["projector"], bias=True)
        self.predictor = mlp(size, [recipe["predictor_size"], size], bias=True)
        self.target = MomentumNetwork(self.head)
        self.register_buffer("steps", torch.zeros((), dtype=torch.int64))

    def begin(self, trunk: nn.Module) -> None:
        """Let the target follow the trunk, too."""
        self.target.follow(trunk)

    def views(self, batch: Batch, generator: torch.Generator) -> tuple[list[Tensor], Tensor]:
        """Augment each image twice, first views first; the target takes up the step before."""
        self.target.update(share_left(self.recipe["target_decay"], self.steps, self.last_step))
        return [two_views(batch, generator, self.recipe)], batch.rows

    def loss(self, features: list[Tensor], targets: Tensor, generator: torch.Generator) -> Tensor:
        """Compare each view's prediction with the target's projection of the other view."""
        self.steps += 1
        return byol_loss(self.predictor(self.head(features[0])), swap_views(self.target.projections()))


def byol_loss(p: Tensor, z: Tensor) -> Tensor:
    """Compute BYOL's loss (Grill et al. 2020, eq. 2): of both views, the squared distance on the sphere.

    Args:
        p: 2N x D, predictions made from both views of N images.
        z: 2N x D, the target's projections of the other views; no gradient reaches them.

    Returns:
        A scalar, 0 ... 8, the mean over images.
    """
    return 4 + 4 * negative_cosine(p, z)


ALGORITHM = BYOL
