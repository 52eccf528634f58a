"""Losses by lightly 1.6.0, in float64, of drawn projections: what tests/golden/lightly_losses.json holds.

To write that file anew, in an environment with lightly: `PYTHONPATH=tests python -m support.lightly_losses`.
"""

import json

import numpy as np
import torch
from support.paths import GOLDEN
from torch import Tensor

FILE = "lightly_losses.json"
CASES = {  # algorithm -> the weights of its loss, in the order in which ours takes them
    "vicreg": [[25.0, 25.0, 1.0], [1.0, 3.0, 10.0]],
    "barlow_twins": [[0.005], [0.5]],
    "align_uniform": [[2.0, 2.0, 1.0], [1.0, 3.0, 0.5]],
    "simsiam": [[]],
    "byol": [[]],
}
SHAPES = [(2, 3), (7, 5), (16, 40)]  # images, features
SCALES = [0.1, 3.0]


def draws(seed: int, *shape: int) -> Tensor:
    """Numbers from a Gaussian, float64."""
    return torch.from_numpy(np.random.RandomState(seed).standard_normal(shape))


def projections(images: int, size: int, scale: float, seed: int = 0) -> Tensor:
    """Both views' projections, first views first: second views are like the first, features correlate."""
    first = draws(seed, images, size) @ draws(seed + 1, size, size)
    second = first + 0.5 * draws(seed + 2, images, size)
    return scale * torch.cat([first, second]) + 0.1


def predictions(images: int, size: int) -> Tensor:
    """What a predictor makes of them."""
    return projections(images, size, 1.0, seed=10)


def theirs(algorithm: str, z: Tensor, weights: list[float], p: Tensor) -> Tensor:
    """Lightly's loss of projections z and, where there are any, predictions p."""
    from lightly.loss import BarlowTwinsLoss, NegativeCosineSimilarity, VICRegLoss
    from lightly.loss.hypersphere_loss import HypersphereLoss

    views = z.chunk(2)
    if algorithm == "vicreg":
        invariance, variance, covariance = weights
        return VICRegLoss(invariance, 2 * variance, covariance)(*views)  # it halves the variance term
    if algorithm == "barlow_twins":
        return BarlowTwinsLoss(*weights)(*views)
    if algorithm == "align_uniform":
        alpha, t, uniformity_weight = weights
        return HypersphereLoss(t=t, lam=uniformity_weight, alpha=alpha)(*views)
    first, second = p.chunk(2)
    cosines = [NegativeCosineSimilarity()(first, views[1]), NegativeCosineSimilarity()(second, views[0])]
    return sum(cosines) / 2 if algorithm == "simsiam" else sum(2 + 2 * cosine for cosine in cosines)


def golden() -> list[dict]:
    """All cases, with the loss and its gradient by z (by p, where z has none)."""
    found = []
    for algorithm, choices in CASES.items():
        for weights in choices:
            for images, size in SHAPES:
                for scale in SCALES:
                    z, p = projections(images, size, scale), predictions(images, size)
                    variable = p if algorithm in ("simsiam", "byol") else z
                    variable.requires_grad_()
                    loss = theirs(algorithm, z, weights, p)
                    [gradient] = torch.autograd.grad(loss, variable)
                    found.append(
                        {"algorithm": algorithm, "weights": weights, "images": images, "size": size}
                        | {
                            "scale": scale,
                            "loss": float(loss.detach()),
                            "gradient_norm": float(gradient.norm()),
                        }
                        | {"gradient_first_row": gradient[0].tolist()}
                    )
    return found


def momentum() -> list[list[float]]:
    """Five numbers after each of three updates by `update_momentum`, moving to others by a tenth."""
    from lightly.models.utils import update_momentum

    online, average = torch.nn.Linear(5, 1, bias=False), torch.nn.Linear(5, 1, bias=False)
    average.weight.data = draws(21, 1, 5)
    found = []
    for step in range(3):
        online.weight.data = draws(22 + step, 1, 5)
        update_momentum(online, average, m=0.9)
        found.append(average.weight.flatten().tolist())
    return found


if __name__ == "__main__":
    numbers = {"made_by": "lightly 1.6.0, float64", "losses": golden(), "momentum": momentum()}
    (GOLDEN / FILE).write_text(json.dumps(numbers, indent=1) + "\n")
