"""DINO: a view predicts the classes a teacher sees in the other; centring keeps classes in use.

Caron et al. 2021, arXiv 2104.14294, on ResNets.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from feature_diversity.algorithms import Algorithm, Batch
from feature_diversity.algorithms._momentum import MomentumNetwork, share_left
from feature_diversity.algorithms.simsiam import swap_views
from feature_diversity.algorithms.vicreg import mlp, two_views
from feature_diversity.compute.ranks import total, world_size

RECIPE = {  # the authors' README for ResNet-50, without multi-crop; what it does not say: main_dino.py
    "batch_size": 512,
    "optimizer": "sgd",
    "learning_rate": 0.03,
    "momentum": 0.9,
    "nesterov": False,
    "weight_decay": 1e-4,
    "decay_norm": False,
    "decay_bias": False,
    "schedule": "cosine",
    "warmup_epochs": 10,
    "warmup_start": 0.0,
    "end": 5e-7,  # 1e-6 for the batch of 512
    "milestones": [],
    "factor": 1.0,
    "rate_update": "step",
    "student_temperature": 0.1,
    "teacher_temperature": 0.04,
    "centre_momentum": 0.9,
    "teacher_momentum": 0.996,  # at the beginning
    "teacher_momentum_epochs": 100,  # in which it rises to 1
    "freeze_prototypes_epochs": 1,
    "projector": [2048, 2048, 256],  # outputs of its layers
    "prototypes": 65536,  # classes
    "crop_scale": [0.14, 1.0],
    "flip_probability": 0.5,
    "jitter": [0.4, 0.4, 0.2, 0.1],  # of brightness, contrast, saturation and hue
    "blur_probability": [1.0, 0.1],  # of first and second views, as the next
    "solarize_probability": [0.0, 0.2],
    "blur_radius": [0.1, 2.0],
}

LEGAL = {  # values of these keys, see planning/recipe.py
    "student_temperature": "above 0",
    "teacher_temperature": "above 0",
    "centre_momentum": "0 to 1",
    "teacher_momentum": "0 to 1",
    "teacher_momentum_epochs": "above 0",
    "projector": "above 0",
    "prototypes": "above 0",
    "crop_scale": "[low, high] above 0 and at most 1",
    "flip_probability": "0 to 1",
    "blur_probability": "0 to 1",
    "solarize_probability": "0 to 1",
    "blur_radius": "[low, high] above 0",
}

SMALL_IMAGES = {  # solo-learn, scripts/pretrain/cifar/dino.yaml, but for optimiser and momentum
    "batch_size": 256,
    "learning_rate": 0.1,  # as SimCLR's here
    "warmup_epochs": 0,
    "end": 0.0,
    "teacher_momentum": 0.99,  # hundreds of steps, not hundreds of thousands
    "teacher_momentum_epochs": 1000,
    "freeze_prototypes_epochs": 0,  # likewise
    # An untrained network sees all images alike: at 0.04 and with 512 classes, all but uniform
    "teacher_temperature": 0.02,
    # theirs are [2048, 2048, 256] and 4,096, which cost more than a small trunk
    "projector": [512, 512, 128],
    "prototypes": 64,
    "crop_scale": [0.2, 1.0],  # as SimCLR's here: 8 % of 32 x 32 pixels show nothing
    "blur_probability": [0.0, 0.0],
}
VIEWS = {"image": 2}  # of each training image, for the estimate of costs
MOMENTUM = True  # a second network sees every view, too


class DINO(Algorithm):
    """The head is the projector without the last layer, whose outputs are classes.

    Attributes:
        prototypes: the last layer.
        teacher: the momentum network, with a last layer of its own.
        centre: what the teacher's outputs are on average, K.
        steps: number of those done.
    """

    def __init__(self, recipe: dict, *, channels: int, images: int, classes: int):
        super().__init__()
        self.recipe = recipe
        self.epoch = images // recipe["batch_size"]  # its steps
        self.head = gelu_mlp(channels, recipe["projector"])
        self.prototypes = Prototypes(recipe["projector"][-1], recipe["prototypes"], bias=False)
        self.teacher = MomentumNetwork(nn.Sequential(self.head, self.prototypes))
        self.register_buffer("centre", torch.zeros(recipe["prototypes"]))
        self.register_buffer("steps", torch.zeros((), dtype=torch.int64))

    def begin(self, trunk: nn.Module) -> None:
        """Let the teacher follow the trunk, too."""
        self.teacher.follow(trunk)

    def views(self, batch: Batch, generator: torch.Generator) -> tuple[list[Tensor], Tensor]:
        """Augment each image twice, first views first; the teacher takes up the step before."""
        last_step = self.recipe["teacher_momentum_epochs"] * self.epoch
        self.teacher.update(share_left(self.recipe["teacher_momentum"], self.steps, last_step))
        return [two_views(batch, generator, self.recipe)], batch.rows

    def loss(self, features: list[Tensor], targets: Tensor, generator: torch.Generator) -> Tensor:
        """Compare each view's classes with the teacher's of the other view; then move the centre."""
        recipe, outputs = self.recipe, self.teacher.projections()
        frozen = self.steps < recipe["freeze_prototypes_epochs"] * self.epoch
        prototypes = torch.where(frozen, self.prototypes.weight.detach(), self.prototypes.weight)
        loss = dino_loss(
            cosines(self.head(features[0]), prototypes),
            swap_views(outputs),
            self.centre,
            recipe["student_temperature"],
            recipe["teacher_temperature"],
        )
        mean = total(outputs.mean(dim=0)) / world_size()
        self.centre = torch.lerp(mean, self.centre, recipe["centre_momentum"])
        self.steps += 1
        return loss


class Prototypes(nn.Linear):
    """The authors' last layer: weight normalisation with norms of 1, after a normalisation of what enters."""

    def forward(self, z: Tensor) -> Tensor:
        """Compare projections of any norm, N x D, with the prototypes: N x K."""
        return cosines(z, self.weight)


def cosines(x: Tensor, y: Tensor) -> Tensor:
    """Compute the cosines of the rows of x, N x D, with those of y, K x D: N x K."""
    return F.normalize(x, dim=1) @ F.normalize(y, dim=1).mT


def gelu_mlp(inputs: int, sizes: list[int]) -> nn.Sequential:
    """Stack linear layers, BatchNorm and GELU between them, with the authors' initial weights.

    Where the trunk has BatchNorm, the projector has it, too (Caron et al. 2021, section 3.2).
    """
    head = mlp(inputs, sizes, bias=True, activation=nn.GELU)
    for layer in head:
        if isinstance(layer, nn.Linear):
            nn.init.trunc_normal_(layer.weight, std=0.02)
    nn.init.zeros_(head[-1].bias)
    return head


def dino_loss(
    student: Tensor, teacher: Tensor, centre: Tensor, student_temperature: float, teacher_temperature: float
) -> Tensor:
    """Compute DINO's loss (Caron et al. 2021, eq. 3, algorithm 1): a cross-entropy, averaged over views.

    Args:
        student: 2N x K, outputs of both views of N images.
        teacher: 2N x K, those of the other views; no gradient reaches them.
        centre: K, subtracted from the teacher's.
        student_temperature: divides the student's outputs.
        teacher_temperature: divides the teacher's.

    Returns:
        A scalar.
    """
    p = ((teacher - centre) / teacher_temperature).softmax(dim=1).detach()
    return F.cross_entropy(student / student_temperature, p)


ALGORITHM = DINO
