import copy
import math

import pytest
import torch
from support.checks import assert_near, last_state, tiny, tiny_batch, train
from support.golden_weights import golden_json
from support.lightly_losses import FILE, draws
from torch import nn

from feature_diversity.algorithms._momentum import MomentumNetwork
from feature_diversity.base.errors import InputError
from feature_diversity.networks.resnet import resnet


def begun(**changes):
    """The algorithm beside a trunk of 64 channels, and the trunk."""
    trunk = resnet(14, 1 / 32)
    algorithm = tiny("byol", channels=trunk.out_channels, **changes)
    algorithm.begin(trunk)
    return algorithm, trunk


def step(algorithm, trunk):
    """One pass of a batch; the loss."""
    inputs, targets = algorithm.views(tiny_batch(), torch.Generator().manual_seed(0))
    return algorithm.loss([trunk(x) for x in inputs], targets, torch.Generator())


def test_the_moving_average_is_lightlys():
    online = nn.Linear(5, 1, bias=False)
    online.weight.data = draws(21, 1, 5)
    average = MomentumNetwork(online)
    for number, expected in enumerate(golden_json(FILE)["momentum"]):
        online.weight.data = draws(22 + number, 1, 5)
        average.update(torch.tensor(0.1, dtype=torch.float64))
        assert_near(average.head.weight.flatten(), torch.tensor(expected, dtype=torch.float64), 1e-9)


def test_target_begins_as_the_network_and_sees_what_it_sees():
    algorithm, trunk = begun()
    inputs, _ = algorithm.views(tiny_batch(), torch.Generator().manual_seed(0))
    expected = algorithm.head(torch.cat([trunk(x) for x in inputs]))
    torch.testing.assert_close(algorithm.target.projections(), expected)  # kernels differ without gradients


def test_it_looks_on_only_while_a_step_is_under_way():
    algorithm, trunk = begun()
    step(algorithm, trunk)
    before = copy.deepcopy(algorithm.target.state_dict())
    trunk(torch.rand(4, 3, 32, 32))
    assert all(torch.equal(before[key], value) for key, value in algorithm.target.state_dict().items())


def test_no_gradient_reaches_the_target():
    algorithm, trunk = begun()
    step(algorithm, trunk).backward()
    assert all(parameter.grad is None for parameter in algorithm.target.parameters())
    assert all(parameter.grad is not None for parameter in algorithm.predictor.parameters())
    assert all(parameter.grad is not None for parameter in trunk.parameters())


@pytest.mark.parametrize(("done", "share"), [(0, 0.01), (20, 0.005), (40, 0.0), (60, 0.0)])
def test_the_decay_rises_to_1_as_half_a_cosine(done, share, monkeypatch):
    algorithm, _ = begun(target_decay=0.99, target_decay_epochs=10)  # of 4 steps
    algorithm.steps += done
    shares = []
    monkeypatch.setattr(algorithm.target, "update", lambda share: shares.append(float(share)))
    algorithm.views(tiny_batch(), torch.Generator())
    assert shares[0] == pytest.approx(share, abs=1e-8)
    assert math.isclose(share, 0.01 * (math.cos(math.pi * min(done / 40, 1)) + 1) / 2, abs_tol=1e-12)


def test_the_target_is_state_and_moves(tmp_path):
    train("byol", tmp_path, epochs=2)
    state = last_state(tmp_path)
    assert int(state["algorithm"]["steps"]) == 2 * 4
    key = "conv1.weight"
    assert state["trunk"][key].shape == state["algorithm"][f"target.trunk.{key}"].shape
    assert not torch.equal(state["trunk"][key], state["algorithm"][f"target.trunk.{key}"])


def test_a_decay_of_0_makes_the_target_the_network_of_the_step_before(tmp_path):
    algorithm, trunk = begun(target_decay=0.0)
    step(algorithm, trunk)
    with torch.no_grad():
        for parameter in trunk.parameters():
            parameter.add_(0.1)
    algorithm.views(tiny_batch(), torch.Generator())
    for mine, theirs in zip(algorithm.target.trunk.parameters(), trunk.parameters(), strict=True):
        torch.testing.assert_close(mine, theirs, rtol=0, atol=1e-2)


@pytest.mark.parametrize("decay", [-0.1, 1.1])
def test_a_decay_outside_0_to_1_is_refused(decay):
    with pytest.raises(InputError, match=r"byol: target_decay is .*, expected 0 to 1"):
        tiny("byol", target_decay=decay)
