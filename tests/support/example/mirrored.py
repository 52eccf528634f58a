"""An example of an algorithm of one's own: tell whether an image was mirrored.

To add an algorithm, put such a file into src/feature_diversity/algorithms. Its name is the
algorithm's name in studies; nothing else has to be changed. The file must hold RECIPE,
SMALL_IMAGES and VIEWS (plain literals; LEGAL may be left out), a subclass of Algorithm, and ALGORITHM.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from feature_diversity.algorithms import Algorithm, Batch
from feature_diversity.compute.draws import rand
from feature_diversity.data.augment import mirror

RECIPE = {
    # what the training loop reads, see algorithms/__init__.py
    "batch_size": 64,
    "optimizer": "sgd",
    "learning_rate": 0.1,
    "momentum": 0.9,
    "nesterov": False,
    "weight_decay": 1e-4,
    "decay_norm": False,
    "decay_bias": True,
    "schedule": "cosine",
    "warmup_epochs": 0,
    "warmup_start": 0.0,
    "end": 0.0,
    "milestones": [],
    "factor": 1.0,
    "rate_update": "step",
    # what the class below reads: any names; a study can change every value
    "mirror_probability": 0.5,
}

LEGAL = {  # see planning/recipe.py; a key that is not here may be any number from 0 on
    "mirror_probability": "0 to 1",
}

SMALL_IMAGES = {
    "batch_size": 16,  # what changes for 32 x 32 pixels, and why; may be empty
}

VIEWS = {"image": 1}  # what the trunk sees of each training image in an epoch; see cost.views


class Mirrored(Algorithm):
    """The head is a linear classifier of "as it is" and "mirrored"."""

    def __init__(self, recipe: dict, *, channels: int, images: int, classes: int):
        super().__init__()
        self.recipe = recipe
        self.head = nn.Linear(channels, 2)
        self.register_buffer("steps", torch.zeros((), dtype=torch.int64))  # state: saved and resumed

    def views(self, batch: Batch, generator: torch.Generator) -> tuple[list[Tensor], Tensor]:
        """Every random number comes from `generator`, so that a resumed training draws the same."""
        mirrored = rand(len(batch.images), generator) < self.recipe["mirror_probability"]
        return [mirror(batch.images, mirrored)], mirrored.long().to(batch.images.device)

    def loss(self, features: list[Tensor], targets: Tensor, generator: torch.Generator) -> Tensor:
        """`features` are the trunk's, of what `views` returned, in the same order."""
        self.steps += 1
        return F.cross_entropy(self.head(features[0]), targets)


ALGORITHM = Mirrored
