"""VICReg: views agree, every feature varies, no two vary together (Bardes et al. 2022, arXiv 2105.04906)."""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from feature_diversity.algorithms import Algorithm, Batch
from feature_diversity.base.batches import check_batch_size
from feature_diversity.compute.draws import rand
from feature_diversity.compute.ranks import gather
from feature_diversity.data.augment import (
    colour_jitter,
    gaussian_blur,
    random_grey,
    random_resized_crop,
    solarize,
)

RECIPE = {  # Bardes et al. 2022, section 4.2 and appendix C.1; what they do not say: the main_vicreg.py
    "batch_size": 2048,
    "optimizer": "larc",  # for their LARS, which leaves biases and norms without a rate of their own
    "learning_rate": 0.2,
    "momentum": 0.9,
    "nesterov": False,
    "weight_decay": 1e-6,
    "decay_norm": False,
    "decay_bias": False,
    "schedule": "cosine",
    "warmup_epochs": 10,
    "warmup_start": 0.0,
    "end": 0.0002,  # a thousandth of the highest
    "milestones": [],
    "factor": 1.0,
    "rate_update": "step",
    "invariance_weight": 25.0,  # lambda
    "variance_weight": 25.0,  # mu
    "covariance_weight": 1.0,  # nu
    "projector": [8192, 8192, 8192],  # outputs of its layers; the paper's expander
    "crop_scale": [0.08, 1.0],
    "flip_probability": 0.5,
    "jitter": [0.4, 0.4, 0.2, 0.1],  # of brightness, contrast, saturation and hue
    "blur_probability": [0.5, 0.5],  # of first and second views, as the next
    "solarize_probability": [0.1, 0.1],
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

SMALL_IMAGES = {  # solo-learn, scripts/pretrain/cifar/vicreg.yaml, but for the optimiser
    "batch_size": 256,
    "optimizer": "sgd",  # as SimCLR's here
    "learning_rate": 0.02,
    "weight_decay": 1e-4,
    "warmup_epochs": 0,
    "end": 0.0,
    "projector": [512, 512, 512],  # 2,048 cost several times what a small trunk does
    "crop_scale": [0.2, 1.0],
    "blur_probability": [0.0, 0.0],
}
VIEWS = {"image": 2}  # of each training image, for the estimate of costs


class VICReg(Algorithm):
    """The head is the projector, whose output is compared as it is, not normalised."""

    def __init__(self, recipe: dict, *, channels: int, images: int, classes: int):
        super().__init__()
        check_batch_size("vicreg", recipe["batch_size"], images, trained=False)  # one image has no variance
        self.recipe = recipe
        self.head = mlp(channels, recipe["projector"])

    def views(self, batch: Batch, generator: torch.Generator) -> tuple[list[Tensor], Tensor]:
        """Augment each image twice, first views first; the targets play no part."""
        return [two_views(batch, generator, self.recipe)], batch.rows

    def loss(self, features: list[Tensor], targets: Tensor, generator: torch.Generator) -> Tensor:
        """Compute the three terms of the projections."""
        weights = (self.recipe[f"{term}_weight"] for term in ("invariance", "variance", "covariance"))
        return vicreg_loss(self.head(features[0]), *weights)


def vicreg_loss(z: Tensor, invariance: float, variance: float, covariance: float) -> Tensor:
    """Compute VICReg's loss (Bardes et al. 2022, eq. 6; the authors' code halves its variance term).

    Args:
        z: 2N x D, N above 1; row i and row i + N are two views of one image. On several ranks, variances and
            covariances are those of all ranks' rows.
        invariance: weight of the mean squared difference of two views.
        variance: weight of what standard deviations lack to 1, averaged over features, summed over views.
        covariance: weight of the squared covariances of two features, summed, over D, summed over views.

    Returns:
        A scalar.
    """
    loss = invariance * F.mse_loss(*z.chunk(2))
    for view in gather(z).chunk(2):
        deviation = (view.var(dim=0) + 1e-4).sqrt()
        centred = view - view.mean(dim=0)
        together = centred.mT @ centred / (len(view) - 1)
        loss = loss + variance * F.relu(1 - deviation).mean()
        loss = loss + covariance * squares_off_diagonal(together) / len(together)
    return loss


def squares_off_diagonal(matrix: Tensor) -> Tensor:
    """Sum the squares of a square matrix's elements, its diagonal left out."""
    return (matrix - matrix.diagonal().diag()).square().sum()


def mlp(
    inputs: int, sizes: list[int], *, bias: bool = False, activation: Callable[..., nn.Module] = nn.ReLU
) -> nn.Sequential:
    """Stack linear layers of these outputs, BatchNorm and ReLU between them; `bias` is the last one's."""
    layers: list[nn.Module] = []
    for outputs in sizes[:-1]:
        layers += [nn.Linear(inputs, outputs, bias=False), nn.BatchNorm1d(outputs), activation()]
        inputs = outputs
    return nn.Sequential(*layers, nn.Linear(inputs, sizes[-1], bias=bias))


def two_views(batch: Batch, generator: torch.Generator, recipe: dict) -> Tensor:
    """Augment each image twice, as BYOL does (Grill et al. 2020, appendix B): 2B x C x H x W, 0 ... 1.

    Args:
        batch: of training images.
        generator: of the draws.
        recipe: its crop_scale, flip_probability, jitter, blur_radius and, of first and second views,
            blur_probability and solarize_probability.
    """
    scale, flip = recipe["crop_scale"], recipe["flip_probability"]
    x = torch.cat([batch.images, batch.images])
    x = random_resized_crop(x, generator, size=batch.size, scale=scale, flip_probability=flip)
    reach = dict(zip(("brightness", "contrast", "saturation", "hue"), recipe["jitter"], strict=True))
    x = colour_jitter(x, generator, **reach, probability=0.8)
    x = random_grey(x, generator, probability=0.2)
    views = []
    for number, view in enumerate(x.chunk(2)):
        blur, invert = (recipe[f"{name}_probability"][number] for name in ("blur", "solarize"))
        view = gaussian_blur(view, generator, probability=blur, radius=recipe["blur_radius"])
        threshold = torch.where(rand(len(view), generator) < invert, 0.5, torch.inf)
        views.append(solarize(view, threshold.to(view.device, non_blocking=True)))
    return torch.cat(views)


ALGORITHM = VICReg
