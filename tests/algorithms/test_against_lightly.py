"""Losses of the algorithms that are not VISSL's, and their gradients, are lightly's."""

import pytest
import torch
import torch.nn.functional as F
from support.golden_weights import golden_json
from support.lightly_losses import FILE, draws, others, predictions, projections, queue, three_crops

from feature_diversity.algorithms.align_uniform import align_uniform_loss
from feature_diversity.algorithms.barlow_twins import barlow_twins_loss
from feature_diversity.algorithms.byol import byol_loss
from feature_diversity.algorithms.dino import dino_loss
from feature_diversity.algorithms.lejepa import lejepa_loss
from feature_diversity.algorithms.mocov2 import moco_loss
from feature_diversity.algorithms.simsiam import negative_cosine, swap_views
from feature_diversity.algorithms.swav import sinkhorn, swav_loss
from feature_diversity.algorithms.vicreg import vicreg_loss

GOLDEN = golden_json(FILE)


def swav_of(z: torch.Tensor, *weights: float) -> torch.Tensor:
    """SwAV's loss, with prototypes."""
    return swav_loss(F.normalize(three_crops(z), dim=2) @ others(z.shape[1], 5).mT, *weights)


def lejepa_of(z: torch.Tensor, weight: float) -> torch.Tensor:
    """LeJEPA's loss, with directions."""
    return lejepa_loss(three_crops(z), 2, others(z.shape[1], 7).mT, weight)


def moco_of(p: torch.Tensor, z: torch.Tensor, temperature: float) -> torch.Tensor:
    """MoCo's loss, with a queue."""
    return moco_loss(p, F.normalize(z, dim=1), queue(z.shape[1]), temperature)


def dino_of(p: torch.Tensor, z: torch.Tensor, *temperatures: float) -> torch.Tensor:
    """DINO's loss, with a centre."""
    return dino_loss(p, z, draws(30, z.shape[1]), *temperatures)


OF_PROJECTIONS = {
    "vicreg": vicreg_loss,
    "barlow_twins": barlow_twins_loss,
    "align_uniform": align_uniform_loss,
    "swav": swav_of,
    "lejepa": lejepa_of,
}
OF_PREDICTIONS = {"simsiam": negative_cosine, "byol": byol_loss, "mocov2": moco_of, "dino": dino_of}


def cases(algorithms: dict) -> pytest.MarkDecorator:
    """Those of the golden file that are of these algorithms."""
    chosen = [case for case in GOLDEN["losses"] if case["algorithm"] in algorithms]
    assert {case["algorithm"] for case in chosen} == set(algorithms)
    names = [f"{case['algorithm']}-{case['images']}x{case['size']}-{case['scale']}" for case in chosen]
    return pytest.mark.parametrize("case", chosen, ids=names)


def check(loss: torch.Tensor, variable: torch.Tensor, case: dict) -> None:
    """Compare a loss in float64 and its gradient with a case."""
    [gradient] = torch.autograd.grad(loss, variable)
    assert float(loss.detach()) == pytest.approx(case["loss"], rel=1e-9)
    assert float(gradient.norm()) == pytest.approx(case["gradient_norm"], rel=1e-9)
    assert gradient[0].tolist() == pytest.approx(case["gradient_first_row"], abs=1e-9 * case["gradient_norm"])


@cases(OF_PROJECTIONS)
def test_a_loss_of_projections_and_its_gradient_are_lightlys(case):
    z = projections(case["images"], case["size"], case["scale"]).requires_grad_()
    check(OF_PROJECTIONS[case["algorithm"]](z, *case["weights"]), z, case)


@cases(OF_PREDICTIONS)
def test_a_loss_of_predictions_and_its_gradient_are_lightlys(case):
    z = projections(case["images"], case["size"], case["scale"])
    p = predictions(case["images"], case["size"]).requires_grad_()
    check(OF_PREDICTIONS[case["algorithm"]](p, swap_views(z), *case["weights"]), p, case)


@pytest.mark.parametrize("loss", [negative_cosine, byol_loss])
def test_what_is_predicted_gets_no_gradient(loss):
    p, z = (x.requires_grad_() for x in (predictions(4, 3), projections(4, 3, 1.0)))
    assert torch.autograd.grad(loss(p, z), z, allow_unused=True) == (None,)


def test_codes_are_lightlys():
    for iterations, expected in enumerate(GOLDEN["sinkhorn"], start=1):
        codes = sinkhorn(draws(31, 7, 5), 0.5, iterations)
        assert codes[0].tolist() == pytest.approx(expected, rel=1e-9)
