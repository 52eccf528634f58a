"""RotNet: tell by how much an image was rotated (Gidaris et al. 2018, arXiv 1803.07728)."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from feature_diversity.algorithms import Algorithm, Batch
from feature_diversity.compute.draws import randint
from feature_diversity.data.augment import random_resized_crop, rotate

RECIPE = {  # VISSL, pretrain/rotnet/rotnet_8gpu_resnet
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
    "crop_scale": [0.08, 1.0],
    "flip_probability": 0.5,
}

LEGAL = {  # values of these keys, see planning/recipe.py
    "crop_scale": "[low, high] above 0 and at most 1",
    "flip_probability": "0 to 1",
}

SMALL_IMAGES = {
    "batch_size": 128,  # more steps from few images
    "schedule": "cosine",  # in tens of epochs, a rate a tenth as high after a quarter learns too little
    "rate_update": "step",  # as a cosine over few epochs needs
    "crop_scale": [0.2, 1.0],  # 8 % of 32 x 32 pixels show nothing
}
VIEWS = {"image": 1}  # of each training image, for the estimate of costs


class RotNet(Algorithm):
    """The head is a linear classifier of the four rotations; the layer `head` is its four scores."""

    def __init__(self, recipe: dict, *, channels: int, images: int, classes: int):
        super().__init__()
        self.recipe = recipe
        self.head = nn.Linear(channels, 4)

    def views(self, batch: Batch, generator: torch.Generator) -> tuple[list[Tensor], Tensor]:
        """Rotate each image at random, then crop it; the targets are the quarter turns, 0 ... 3."""
        turns = randint(0, 4, len(batch.images), generator)
        x = random_resized_crop(
            rotate(batch.images, turns),
            generator,
            size=batch.size,
            scale=self.recipe["crop_scale"],
            flip_probability=self.recipe["flip_probability"],
        )
        return [x], turns.to(x.device, non_blocking=True)

    def loss(self, features: list[Tensor], targets: Tensor, generator: torch.Generator) -> Tensor:
        """Compute the cross-entropy of the four scores."""
        return F.cross_entropy(self.head(features[0]), targets)


ALGORITHM = RotNet
