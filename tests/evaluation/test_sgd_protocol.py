import json

import numpy as np
import pytest
import torch
from support.paths import GOLDEN
from torch import nn

from feature_diversity.data import store
from feature_diversity.evaluation import linear as linear_eval
from feature_diversity.evaluation import probes
from feature_diversity.evaluation import sgd_protocol as vissl_linear
from feature_diversity.measures import readings
from feature_diversity.networks import model


@pytest.mark.parametrize("name", ["linear_eval_in1k", "linear_eval_cifar100"])
def test_the_learning_rates_are_vissls(name):
    golden = json.loads((GOLDEN / "lr_schedules.json").read_text())[name]
    epochs = golden["num_epochs"]
    for where, expected in zip(golden["where"], golden["lr"], strict=True):
        epoch = where * epochs
        if abs(epoch - round(epoch)) < 1e-9:  # set once an epoch
            ours = vissl_linear.rate(round(epoch), epochs, golden["global_batch"])
            assert ours == pytest.approx(expected, rel=1e-12)


def test_the_optimiser_is_vissls():
    golden = json.loads((GOLDEN / "lr_schedules.json").read_text())["linear_eval_in1k"]["optimizer"]
    classifier = vissl_linear.Classifier(torch.Size([3, 2, 2]), 5)
    optimizer = vissl_linear.optimizer_of(nn.ModuleDict({"trunk": classifier}))
    decays = {id(p): group["weight_decay"] for group in optimizer.param_groups for p in group["params"]}
    assert (
        decays[id(classifier.linear.weight)] == decays[id(classifier.linear.bias)] == golden["weight_decay"]
    )
    assert decays[id(classifier.channel_bn.weight)] == 0
    assert (optimizer.momentum, optimizer.nesterov) == (golden["momentum"], golden["nesterov"])


def test_two_steps_are_those_computed_by_hand():
    random = np.random.default_rng(0)
    maps, labels = random.normal(size=(6, 4, 2, 2)), random.integers(0, 3, 6)
    classifier = vissl_linear.Classifier(torch.Size([4, 2, 2]), 3).double()
    weight, bias = (parameter.detach().numpy().copy() for parameter in classifier.linear.parameters())
    classifiers = nn.ModuleDict({"res5": classifier})
    optimizer = vissl_linear.optimizer_of(classifiers)
    # BatchNorm with weight 1 and bias 0, whose own steps are checked below by their gradients' effect
    classifier.channel_bn.requires_grad_(False)
    x = (maps - maps.mean((0, 2, 3), keepdims=True)) / np.sqrt(maps.var((0, 2, 3), keepdims=True) + 1e-5)
    x = x.reshape(6, -1)
    velocity = [np.zeros_like(weight), np.zeros_like(bias)]
    for lr in (0.01, 0.001):
        vissl_linear.step(
            classifiers, optimizer, {"res5": torch.from_numpy(maps)}, torch.from_numpy(labels), lr
        )
        scores = x @ weight.T + bias
        p = np.exp(scores - scores.max(1, keepdims=True))
        p /= p.sum(1, keepdims=True)
        error = (p - np.eye(3)[labels]) / 6
        gradients = [error.T @ x + 5e-4 * weight, error.sum(0) + 5e-4 * bias]
        velocity = [0.9 * v + g for v, g in zip(velocity, gradients, strict=True)]
        weight -= lr * (gradients[0] + 0.9 * velocity[0])
        bias -= lr * (gradients[1] + 0.9 * velocity[1])
    np.testing.assert_allclose(classifier.linear.weight.detach().numpy(), weight, rtol=1e-10, atol=1e-13)
    np.testing.assert_allclose(classifier.linear.bias.detach().numpy(), bias, rtol=1e-10, atol=1e-13)


def test_classifiers_of_several_layers_learn_as_each_would_alone():
    random = torch.Generator().manual_seed(0)
    maps = {name: torch.randn(8, 3, 2, 2, generator=random) for name in ("res4", "res5")}
    labels = torch.arange(8) % 3

    def trained(layers):
        torch.manual_seed(0)
        classifiers = {name: vissl_linear.Classifier(torch.Size([3, 2, 2]), 3) for name in maps}
        classifiers = nn.ModuleDict({name: classifiers[name] for name in layers})
        optimizer = vissl_linear.optimizer_of(classifiers)
        for _ in range(3):
            vissl_linear.step(classifiers, optimizer, maps, labels, 0.1)
        return classifiers["res5"].linear.weight

    torch.testing.assert_close(trained(["res4", "res5"]), trained(["res5"]))


@pytest.mark.parametrize(
    "shape",
    [(64, 112, 112), (256, 56, 56), (512, 28, 28), (1024, 14, 14), (2048, 7, 7), (16, 40, 40), (4, 8, 8)],
)
def test_the_pooling_is_that_of_the_energys_reading(shape):
    maps = torch.randn(2, *shape, generator=torch.Generator().manual_seed(0))
    np.testing.assert_allclose(
        probes.pool(maps).flatten(1), readings.vissl(maps.numpy()), rtol=1e-4, atol=1e-5
    )


@pytest.mark.parametrize("augmentation", ["crop", "resize"])
def test_the_protocol_trains_on_every_layer_and_reports_each(digits, trained, augmentation):
    facts, splits = store.read(digits, "train", "validation", "test")
    options = {"protocol": "vissl", "layers": ["conv1", "res5"], "penalties": []}
    options |= {"epochs": 2, "batch_size": 32, "augmentation": augmentation}
    network = model.read(trained)
    before = {key: value.clone() for key, value in network.trunk.state_dict().items()}
    first, second = (linear_eval.evaluate(network, facts, splits, **options) for _ in range(2))
    assert first == second
    assert set(first["layers"]) == {"trunk", "conv1", "res5"}
    assert first["test_error"] == first["layers"]["trunk"]["test_error"]
    for key, value in network.trunk.state_dict().items():
        assert torch.equal(value, before[key])


def test_more_epochs_of_the_protocol_lower_the_error(digits, trained):
    facts, splits = store.read(digits, "train", "validation", "test")
    network = model.read(trained)
    errors = [
        linear_eval.evaluate(
            network, facts, splits, protocol="vissl", penalties=[], epochs=epochs, batch_size=16
        )["test_error"]
        for epochs in (1, 30)
    ]
    assert errors[1] < errors[0]


def test_each_layer_asked_for_has_a_converged_classifier_of_its_own(digits, trained):
    facts, splits = store.read(digits, "train", "validation", "test")
    network = model.read(trained)
    plain = linear_eval.evaluate(network, facts, splits, penalties=[0.1])
    result = linear_eval.evaluate(network, facts, splits, penalties=[0.1], layers=["res4", "conv1"])
    assert set(result["layers"]) == {"trunk", "res4", "conv1"}
    assert result["layers"]["trunk"] == plain["layers"]["trunk"]
    assert result["layers"]["conv1"]["test_error"] < 0.5  # chance is 0.9
