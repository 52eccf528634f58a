import pytest
import torch
import torch.nn.functional as F
from support.checks import GoldenNetwork, assert_near, tiny, tiny_batch
from support.golden_weights import golden_arrays, golden_json

from feature_diversity.data.augment import rotate


def test_rotations_are_vissls():
    golden = golden_arrays("pretext", "rotate")
    image = golden["image_hwc"].permute(2, 0, 1)
    rotated = rotate(image.expand(4, -1, -1, -1), torch.arange(4))
    for turns in range(4):
        assert torch.equal(rotated[turns].permute(1, 2, 0), golden[f"label{turns}_hwc"])


def test_the_loss_is_vissls():
    golden = golden_arrays("loss_cross_entropy", "rotnet_4")
    algorithm = tiny("rotnet", channels=4).double()
    algorithm.head = torch.nn.Identity()
    logits = golden["logits0"].requires_grad_()
    loss = algorithm.loss([logits], golden["target"], torch.Generator())
    assert_near(loss, golden_json("loss_cross_entropy.json")["rotnet_4"]["loss_f64"])
    assert_near(torch.autograd.grad(loss, logits)[0], golden["grad0_f64"])


def test_the_network_is_vissls():
    algorithm = tiny("rotnet", channels=2048)
    network = GoldenNetwork("rotnet", algorithm.head)
    (images,) = network.input(4)
    network.check(lambda x: [algorithm.head(x)], images)


def test_loss_and_gradients_of_the_network_are_vissls():
    algorithm = tiny("rotnet", channels=2048)
    network = GoldenNetwork("rotnet", algorithm.head)
    (images,) = network.input(4)
    loss = algorithm.loss([network.trunk(images)], network.outputs["train_target"], torch.Generator())
    network.check_gradients(loss)


def test_the_target_is_the_rotation():
    algorithm = tiny("rotnet", crop_scale=[1.0, 1.0], flip_probability=0.0)
    batch = tiny_batch()
    (x,), turns = algorithm.views(batch, torch.Generator().manual_seed(0))
    assert set(turns.tolist()) == {0, 1, 2, 3}
    # an aspect ratio other than 1 does not fit into a crop of the whole image
    for image, rotated, quarter in zip(batch.images, x, turns, strict=True):
        torch.testing.assert_close(rotated, image.rot90(int(quarter), dims=(1, 2)))


def test_the_loss_of_a_perfect_guess_is_small():
    algorithm = tiny("rotnet", channels=4)
    algorithm.head = torch.nn.Identity()
    targets = torch.tensor([0, 1, 2, 3])
    loss = algorithm.loss([20.0 * F.one_hot(targets).float()], targets, torch.Generator())
    assert float(loss) == pytest.approx(0, abs=1e-6)
