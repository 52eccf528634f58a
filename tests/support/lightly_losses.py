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
    "mocov2": [[0.2], [0.07]],
    "swav": [[0.1, 0.05, 3], [1.0, 0.5, 1]],
    "dino": [[0.1, 0.04], [1.0, 0.5]],
    "lejepa": [[0.05], [0.9]],
}
OF_PREDICTIONS = ("simsiam", "byol", "mocov2", "dino")  # whose gradient is taken by p
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


def queue(size: int) -> Tensor:
    """Eleven keys of norm 1, as `others` are prototypes and directions."""
    return others(size, 11)


def others(size: int, count: int) -> Tensor:
    """Vectors of norm 1, count x size."""
    return torch.nn.functional.normalize(draws(20, count, size), dim=1)


def three_crops(z: Tensor) -> Tensor:
    """Both views' projections and a third crop's: 3 x images x features."""
    images, size = len(z) // 2, z.shape[1]
    return torch.cat([z, predictions(images, size)[:images]]).unflatten(0, (3, images))


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
    if algorithm == "swav":
        scores = torch.nn.functional.normalize(three_crops(z), dim=2) @ others(z.shape[1], 5).mT
        return swav(scores, *weights)
    if algorithm == "lejepa":
        return lejepa(three_crops(z), *weights)
    first, second = p.chunk(2)
    if algorithm == "mocov2":
        return (moco(first, views[1], *weights) + moco(second, views[0], *weights)) / 2
    if algorithm == "dino":
        return dino(z.shape[1], *weights).double()(list(views), [first, second])
    cosines = [NegativeCosineSimilarity()(first, views[1]), NegativeCosineSimilarity()(second, views[0])]
    return sum(cosines) / 2 if algorithm == "simsiam" else sum(2 + 2 * cosine for cosine in cosines)


def moco(queries: Tensor, keys: Tensor, temperature: float) -> Tensor:
    """Lightly's NTXentLoss with `queue` as its memory bank."""
    from lightly.loss import NTXentLoss

    loss = NTXentLoss(temperature, memory_bank_size=(11, keys.shape[1]))
    loss.memory_bank.bank = queue(keys.shape[1])
    return loss(queries, keys.detach())


def swav(scores: Tensor, temperature: float, epsilon: float, iterations: int) -> Tensor:
    """Lightly's SwaVLoss, the first two crops being of high resolution."""
    from lightly.loss import SwaVLoss

    loss = SwaVLoss(temperature, sinkhorn_iterations=iterations, sinkhorn_epsilon=epsilon)
    return loss(list(scores[:2]), list(scores[2:]))[0]


def dino(size: int, student_temperature: float, teacher_temperature: float) -> torch.nn.Module:
    """Lightly's DINOLoss with a row of draws as its centre."""
    from lightly.loss import DINOLoss

    loss = DINOLoss(size, teacher_temp=teacher_temperature, student_temp=student_temperature).double()
    loss.center = draws(30, 1, 1, size)
    return loss


def lejepa(crops: Tensor, sigreg_weight: float) -> Tensor:
    """Lightly's LeJEPALoss with fixed directions; the constants that it rounds to float32 are not rounded."""
    from lightly.loss import LeJEPALoss

    loss = LeJEPALoss(sigreg_weight)
    loss.sigreg._generate_unit_vectors = lambda *_: others(crops.shape[2], 7).mT
    loss.sigreg.phi = (-loss.sigreg.t.double().square() / 2).exp()
    step = 3.0 / 16
    loss.sigreg.weights = loss.sigreg.phi * torch.tensor([step, *[2 * step] * 15, step], dtype=torch.float64)
    return loss(global_proj=crops[:2], local_proj=crops[2:])


def golden() -> list[dict]:
    """All cases, with the loss and its gradient by z (by p, where z has none)."""
    found = []
    for algorithm, choices in CASES.items():
        for weights in choices:
            for images, size in SHAPES:
                for scale in SCALES:
                    z, p = projections(images, size, scale), predictions(images, size)
                    variable = p if algorithm in OF_PREDICTIONS else z
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


def sinkhorn() -> list[list[float]]:
    """The first rows of the codes of seven images after one to three iterations."""
    from lightly.loss.swav_loss import sinkhorn

    return [sinkhorn(draws(31, 7, 5), iterations, epsilon=0.5)[0].tolist() for iterations in (1, 2, 3)]


def centre() -> list[float]:
    """The centre of DINO after a loss."""
    loss = dino(5, 0.1, 0.04)
    views = projections(7, 5, 1.0).chunk(2)
    loss(list(views), list(views))
    return loss.center.flatten().tolist()


if __name__ == "__main__":
    numbers = {"made_by": "lightly 1.6.0, float64", "losses": golden(), "momentum": momentum()}
    numbers |= {"sinkhorn": sinkhorn(), "centre": centre()}
    (GOLDEN / FILE).write_text(json.dumps(numbers, indent=1) + "\n")
