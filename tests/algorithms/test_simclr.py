import pytest
import torch
from support.checks import GoldenNetwork, assert_near, tiny, tiny_batch
from support.golden_weights import golden_arrays, golden_json

from feature_diversity.algorithms import build
from feature_diversity.algorithms.simclr import info_nce
from feature_diversity.base.errors import InputError
from feature_diversity.planning.recipe import recipe

CASES = golden_json("loss_simclr.json")


@pytest.mark.parametrize("case", CASES)
def test_the_loss_and_its_gradient_are_vissls(case):
    golden = golden_arrays("loss_simclr", case)
    z = golden["embedding"].requires_grad_()
    loss = info_nce(z, CASES[case]["temperature"])
    assert_near(loss, CASES[case]["loss_f64"])
    assert_near(torch.autograd.grad(loss, z)[0], golden["grad_f64"])


@pytest.mark.parametrize("case", ["simclr", "simclr_ln"])
def test_the_network_is_vissls(case):
    algorithm = tiny("simclr", channels=2048)
    network = GoldenNetwork(case, algorithm.head)
    (images,) = network.input(8)
    network.check(lambda x: [algorithm.head(x)], images)


@pytest.mark.parametrize("case", ["simclr", "simclr_ln"])
def test_loss_and_gradients_of_the_network_are_vissls(case):
    algorithm = tiny("simclr", channels=2048)
    network = GoldenNetwork(case, algorithm.head)
    (images,) = network.input(8)
    network.check_gradients(algorithm.loss([network.trunk(images)], torch.arange(4), torch.Generator()))


def test_views_are_ordered_as_vissl_collates_them():
    golden = golden_arrays("pretext", "collate_simclr")
    algorithm = tiny("simclr", crop_scale=[1.0, 1.0], flip_probability=0.0, colour_strength=0.0)
    images = torch.arange(3.0).view(3, 1, 1, 1).expand(-1, 1, 32, 32) / 10
    batch = tiny_batch()
    (x,), _ = algorithm.views(type(batch)(images, batch.labels[:3], batch.rows[:3], 32), torch.Generator())
    image_numbers = (golden["data"] // 100).long()  # VISSL's collator was given 100 x image + view
    torch.testing.assert_close(x.mean(dim=(1, 2, 3)), image_numbers / 10)


def test_an_odd_number_of_views_is_refused():
    with pytest.raises(ValueError, match="two views"):
        info_nce(torch.randn(3, 4), 0.1)


def test_one_image_is_not_enough():
    with pytest.raises(InputError, match="batch_size"):
        build("simclr", recipe("simclr", changes={"batch_size": 1}), 64, 100, 10)
