import pytest
import torch
from support.checks import IMAGES, tiny, tiny_batch

from feature_diversity.algorithms.swav import sinkhorn, swav_loss
from feature_diversity.base.errors import InputError


def test_codes_are_shares_of_an_even_division():
    scores = torch.randn(12, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    codes = sinkhorn(scores, 0.5, 200)
    torch.testing.assert_close(codes.sum(dim=1), torch.ones(12, dtype=torch.float64))
    torch.testing.assert_close(codes.sum(dim=0), torch.full((4,), 3.0, dtype=torch.float64))


def test_images_at_the_prototypes_are_told_apart():
    scores = torch.eye(5).repeat(3, 1)
    torch.testing.assert_close(sinkhorn(scores, 0.05, 3), scores, rtol=0, atol=1e-6)
    assert float(swav_loss(torch.stack([scores, scores]), 0.01, 0.05, 3)) < 1e-6


def test_a_crop_predicts_others_codes_not_its_own():
    scores = torch.randn(3, 6, 4, generator=torch.Generator().manual_seed(0)).requires_grad_()
    [gradient] = torch.autograd.grad(swav_loss(scores[:2], 0.1, 0.05, 3), scores)
    assert not gradient[2].any()
    codes = sinkhorn(scores.detach()[1], 0.05, 3)
    expected = ((scores.detach()[0] / 0.1).softmax(dim=1) - codes) / 0.1 / 6 / 2
    torch.testing.assert_close(gradient[0], expected)


def test_prototypes_are_normalised_before_a_step():
    algorithm = tiny("swav")
    algorithm.prototypes.weight.data *= 3
    algorithm.views(tiny_batch(), torch.Generator().manual_seed(0))
    torch.testing.assert_close(algorithm.prototypes.weight.norm(dim=1), torch.ones(8))


def test_prototypes_are_frozen_at_first():
    algorithm = tiny("swav", freeze_prototypes_steps=1)
    gradients = []
    for _ in range(2):
        loss = algorithm.loss([torch.randn(32, 64)], torch.arange(16), torch.Generator())
        gradients.append(torch.autograd.grad(loss, algorithm.prototypes.weight)[0])
    assert not gradients[0].any()
    assert gradients[1].any()


def test_small_crops_predict_and_are_not_predicted():
    changes = {"crop_sizes": [32, 16], "crops": [2, 3], "crop_scales": [[0.5, 1.0], [0.1, 0.5]]}
    algorithm = tiny("swav", **changes)
    inputs, targets = algorithm.views(tiny_batch(), torch.Generator().manual_seed(0))
    assert [len(x) for x in inputs] == [32, 48]
    features = [torch.randn(len(x), 64) for x in inputs]
    assert float(algorithm.loss(features, targets, torch.Generator()).isfinite())


@pytest.mark.parametrize(
    "changes",
    [{"prototypes": IMAGES + 1}, {"crops": [1]}, {"crops": [2, 6]}],
)
def test_what_does_not_fit_is_refused(changes):
    with pytest.raises(InputError, match=r"recipes: swav: (prototypes|crops|crop_sizes)"):
        tiny("swav", **changes)
