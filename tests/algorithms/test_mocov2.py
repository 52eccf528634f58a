import math

import pytest
import torch
import torch.nn.functional as F
from support.checks import last_state, tiny, tiny_batch, train

from feature_diversity.base.errors import InputError
from feature_diversity.networks.resnet import resnet


def begun(**changes):
    """The algorithm beside a trunk of 64 channels, and the trunk."""
    trunk = resnet(14, 1 / 32)
    algorithm = tiny("mocov2", channels=trunk.out_channels, **changes)
    algorithm.begin(trunk)
    return algorithm, trunk


def step(algorithm, trunk, seed=0):
    """One pass of a batch; the loss."""
    inputs, targets = algorithm.views(tiny_batch(), torch.Generator().manual_seed(seed))
    return algorithm.loss([trunk(x) for x in inputs], targets, torch.Generator())


@pytest.mark.parametrize("queue_size", [20, 32, 50])  # fewer than a step's 32 keys, as many, more
def test_the_newest_keys_come_first_and_the_oldest_go(queue_size):
    algorithm, trunk = begun(queue_size=queue_size)
    before = algorithm.queue
    inputs, targets = algorithm.views(tiny_batch(), torch.Generator().manual_seed(0))
    features = [trunk(x) for x in inputs]
    keys = F.normalize(algorithm.key_network.head(algorithm.key_network.seen[0]), dim=1)
    algorithm.loss(features, targets, torch.Generator())
    torch.testing.assert_close(algorithm.queue, torch.cat([keys, before])[:queue_size])


def test_keys_and_queue_have_no_gradient():
    algorithm, trunk = begun()
    step(algorithm, trunk).backward()
    assert not algorithm.queue.requires_grad
    assert all(parameter.grad is None for parameter in algorithm.key_network.parameters())
    assert all(parameter.grad is not None for parameter in trunk.parameters())


def test_an_image_in_a_queue_of_strangers_has_the_loss_of_a_guess_at_first():
    algorithm, trunk = begun(queue_size=4000, temperature=100.0)
    assert float(step(algorithm, trunk).detach()) == pytest.approx(math.log(4001), rel=1e-2)


def test_the_queue_is_state(tmp_path):
    train("mocov2", tmp_path, epochs=2)
    queue = last_state(tmp_path)["algorithm"]["queue"]
    assert queue.shape == (50, 128)
    torch.testing.assert_close(queue.norm(dim=1), torch.ones(50))


@pytest.mark.parametrize(("key", "value"), [("key_momentum", 1.5), ("queue_size", 0), ("temperature", 0.0)])
def test_what_makes_no_sense_is_refused(key, value):
    with pytest.raises(InputError, match=f"mocov2: {key} is {value}, expected"):
        tiny("mocov2", **{key: value})
