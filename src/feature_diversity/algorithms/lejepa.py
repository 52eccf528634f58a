"""LeJEPA: crops agree, and projections are spread like an isotropic Gaussian (SIGReg).

Balestriero & LeCun 2025, arXiv 2511.08544.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from feature_diversity.algorithms import Algorithm, Batch
from feature_diversity.algorithms._crops import check_crops, crops
from feature_diversity.algorithms.vicreg import mlp
from feature_diversity.base.batches import check_batch_size
from feature_diversity.compute.ranks import gather, world_size

RECIPE = {  # views: the authors' README; optimiser: SimCLR's, as theirs is AdamW; the rest: their MINIMAL.md
    "batch_size": 512,
    "optimizer": "larc",
    "learning_rate": 0.3,
    "momentum": 0.9,
    "nesterov": False,
    "weight_decay": 1e-6,
    "decay_norm": True,
    "decay_bias": True,
    "schedule": "cosine",
    "warmup_epochs": 10,
    "warmup_start": 0.0,
    "end": 0.0003,  # a thousandth of the highest
    "milestones": [],
    "factor": 1.0,
    "rate_update": "step",
    "sigreg_weight": 0.05,  # lambda; lightly's default, which it takes from the authors' code
    "directions": 1024,  # drawn anew for every step
    "projector": [2048, 2048, 128],  # outputs of its layers
    "crop_sizes": [224, 98],
    "crops": [2, 6],  # of each size; those of the first have the centre
    "crop_scales": [[0.3, 1.0], [0.05, 0.3]],
    "flip_probability": 0.5,
    "colour_strength": 0.5,
    "blur_probability": 0.5,
    "blur_radius": [0.1, 2.0],
}

LEGAL = {  # values of these keys, see planning/recipe.py
    "sigreg_weight": "0 to 1",
    "directions": "above 0",
    "projector": "above 0",
    "crop_sizes": "above 0",
    "crop_scales": "[low, high] above 0 and at most 1",
    "flip_probability": "0 to 1",
    "blur_probability": "0 to 1",
    "blur_radius": "[low, high] above 0",
}

SMALL_IMAGES = {  # MINIMAL.md, but for optimiser and number of crops
    "batch_size": 256,
    "optimizer": "sgd",  # as SimCLR's here, with the next four
    "learning_rate": 0.1,
    "weight_decay": 1e-4,
    "warmup_epochs": 0,
    "end": 0.0,
    "sigreg_weight": 0.02,
    "directions": 256,
    "projector": [512, 512, 16],  # theirs is [2048, 2048, 16], which costs more than a small trunk
    "crop_sizes": [32],
    "crops": [2],  # theirs are 4: as many steps of half the cost
    "crop_scales": [[0.2, 1.0]],  # 8 % of 32 x 32 pixels show nothing
    "blur_probability": 0.0,  # as for SimCLR
}
VIEWS = {"crops": 1}  # of each training image, for the estimate of costs
KNOTS, HIGHEST = 17, 3.0  # of SIGReg's frequencies, from 0 on: MINIMAL.md


class LeJEPA(Algorithm):
    """The head is the projector, whose output is compared as it is, not normalised. Nothing is kept."""

    def __init__(self, recipe: dict, *, channels: int, images: int, classes: int):
        super().__init__()
        check_batch_size("lejepa", recipe["batch_size"], images, trained=False)  # to have a distribution
        check_crops("lejepa", recipe)
        self.recipe = recipe
        self.head = mlp(channels, recipe["projector"], bias=True)

    def views(self, batch: Batch, generator: torch.Generator) -> tuple[list[Tensor], Tensor]:
        """Crop each image, all crops of one size after the other, first crops first."""
        return crops(batch, generator, self.recipe), batch.rows

    def loss(self, features: list[Tensor], targets: Tensor, generator: torch.Generator) -> Tensor:
        """Compute both terms of the projections; the directions are drawn."""
        recipe = self.recipe
        z = self.head(torch.cat(features)).unflatten(0, (-1, len(targets)))
        directions = torch.randn(z.shape[2], recipe["directions"], generator=generator).to(z)
        return lejepa_loss(z, recipe["crops"][0], F.normalize(directions, dim=0), recipe["sigreg_weight"])


def lejepa_loss(z: Tensor, global_crops: int, directions: Tensor, sigreg_weight: float) -> Tensor:
    """Compute LeJEPA's loss (Balestriero & LeCun 2025, section 5; its weight is lambda).

    Args:
        z: V x N x D, of V crops of N images, global ones first.
        global_crops: how many of the crops have the mean that all are to lie at.
        directions: D x M, of `sigreg`.
        sigreg_weight: of SIGReg, 0 ... 1, beside 1 minus this for the squared distances.

    Returns:
        A scalar.
    """
    distances = (z - z[:global_crops].mean(dim=0)).square().mean()
    return sigreg_weight * sigreg(z, directions) + (1 - sigreg_weight) * distances


def sigreg(z: Tensor, directions: Tensor) -> Tensor:
    """Compute how far projections are from an isotropic Gaussian (Balestriero & LeCun 2025, section 4).

    In every direction, it is Epps and Pulley's statistic: the squared difference of the characteristic
    functions, weighted by the Gaussian's and integrated by the trapezoidal rule, times N.

    Args:
        z: V x N x D. On several ranks, the N are those of all ranks.
        directions: D x M, of norm 1, the same on all ranks.

    Returns:
        A scalar, the mean over directions and V.
    """
    t = torch.linspace(0, HIGHEST, KNOTS, dtype=z.dtype, device=z.device)
    gaussian = (-t.square() / 2).exp()
    angles = (z @ directions)[..., None] * t
    mine = torch.stack([angles.cos().mean(dim=1), angles.sin().mean(dim=1)])
    real, imaginary = gather(mine[None]).mean(dim=0)  # ranks have equally many rows
    difference = (real - gaussian).square() + imaginary.square()
    integral = 2 * torch.trapezoid(difference * gaussian, t)  # from -HIGHEST on: the integrand is even
    return integral.mean() * z.shape[1] * world_size()


ALGORITHM = LeJEPA
