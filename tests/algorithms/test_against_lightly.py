"""Losses of the algorithms that are not VISSL's, and their gradients, are lightly's."""

import pytest
import torch
from support.golden_weights import golden_json
from support.lightly_losses import FILE, predictions, projections

from feature_diversity.algorithms.align_uniform import align_uniform_loss
from feature_diversity.algorithms.barlow_twins import barlow_twins_loss
from feature_diversity.algorithms.byol import byol_loss
from feature_diversity.algorithms.simsiam import negative_cosine, swap_views
from feature_diversity.algorithms.vicreg import vicreg_loss

GOLDEN = golden_json(FILE)
OF_PROJECTIONS = {
    "vicreg": vicreg_loss,
    "barlow_twins": barlow_twins_loss,
    "align_uniform": align_uniform_loss,
}
OF_PREDICTIONS = {"simsiam": negative_cosine, "byol": byol_loss}


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
    check(OF_PREDICTIONS[case["algorithm"]](p, swap_views(z)), p, case)


@pytest.mark.parametrize("loss", OF_PREDICTIONS.values())
def test_what_is_predicted_gets_no_gradient(loss):
    p, z = (x.requires_grad_() for x in (predictions(4, 3), projections(4, 3, 1.0)))
    assert torch.autograd.grad(loss(p, z), z, allow_unused=True) == (None,)
