import math

import pytest
import torch
from support.checks import assert_near, last_state, tiny, tiny_batch, train
from support.golden_weights import golden_json
from support.lightly_losses import FILE, draws, projections

from feature_diversity.algorithms.dino import dino_loss
from feature_diversity.base.errors import InputError
from feature_diversity.networks.resnet import resnet


def begun(**changes):
    """The algorithm beside a trunk of 64 channels, and the trunk."""
    trunk = resnet(14, 1 / 32)
    algorithm = tiny("dino", channels=trunk.out_channels, **changes)
    algorithm.begin(trunk)
    return algorithm, trunk


def step(algorithm, trunk):
    """One pass of a batch; the loss."""
    inputs, targets = algorithm.views(tiny_batch(), torch.Generator().manual_seed(0))
    return algorithm.loss([trunk(x) for x in inputs], targets, torch.Generator())


def test_the_centre_moves_as_lightlys(monkeypatch):
    algorithm = tiny("dino", prototypes=5).double()
    algorithm.centre = draws(30, 5)
    monkeypatch.setattr(algorithm.teacher, "projections", lambda: projections(7, 5, 1.0))
    algorithm.loss([torch.randn(14, 64, dtype=torch.float64)], torch.arange(7), torch.Generator())
    assert_near(algorithm.centre, torch.tensor(golden_json(FILE)["centre"], dtype=torch.float64), 1e-9)


def test_outputs_are_cosines_with_the_prototypes():
    algorithm, trunk = begun()
    inputs, _ = algorithm.views(tiny_batch(), torch.Generator().manual_seed(0))
    trunk(torch.cat(inputs))
    assert float(algorithm.teacher.projections().abs().max()) <= 1 + 1e-6


def test_the_teacher_and_its_prototypes_have_no_gradient_and_follow():
    algorithm, trunk = begun(teacher_momentum=0.0)
    step(algorithm, trunk).backward()
    assert all(parameter.grad is None for parameter in algorithm.teacher.parameters())
    with torch.no_grad():
        algorithm.prototypes.weight.add_(0.1)
    algorithm.views(tiny_batch(), torch.Generator())
    torch.testing.assert_close(algorithm.teacher.head[1].weight, algorithm.prototypes.weight)


def test_prototypes_are_frozen_for_an_epoch():
    algorithm, trunk = begun(freeze_prototypes_epochs=1)  # of 4 steps
    weight = algorithm.prototypes.weight
    learnt = [bool(torch.autograd.grad(step(algorithm, trunk), weight)[0].any()) for _ in range(5)]
    assert learnt == [False] * 4 + [True]


def test_a_collapse_to_one_class_costs_what_a_guess_does():
    outputs = torch.zeros(8, 10)
    outputs[:, 3] = 5.0
    loss = dino_loss(torch.zeros(8, 10), outputs, outputs.mean(dim=0), 0.1, 0.04)
    assert float(loss) == pytest.approx(math.log(10))


def test_centre_and_teacher_are_state(tmp_path):
    train("dino", tmp_path, epochs=2)
    state = last_state(tmp_path)["algorithm"]
    assert int(state["steps"]) == 2 * 4
    assert state["centre"].shape == (20,)
    assert state["centre"].any()
    assert not torch.equal(state["prototypes.weight"], state["teacher.head.1.weight"])


@pytest.mark.parametrize("key", ["teacher_momentum", "centre_momentum"])
def test_a_momentum_outside_0_to_1_is_refused(key):
    with pytest.raises(InputError, match=rf"dino: {key} is 1\.1, expected 0 to 1"):
        tiny("dino", **{key: 1.1})
