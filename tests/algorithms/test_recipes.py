"""RECIPE of every algorithm is VISSL's."""

import ast

import pytest
import torch
from support.golden_weights import golden_json
from torch import nn

from feature_diversity.algorithms import build
from feature_diversity.base.paths import PACKAGE
from feature_diversity.networks.resnet import resnet
from feature_diversity.planning.recipe import algorithms, legal, recipe
from feature_diversity.training.optim import parameter_groups
from feature_diversity.training.step import rate_at

SCHEDULES = golden_json("lr_schedules.json")
GROUPS = golden_json("param_groups.json")
OURS = [
    case
    for case in SCHEDULES
    if case.split("_")[0] in ("simclr", "deepclusterv2", "jigsaw", "rotnet", "npid", "pirl", "supervised")
    and "1node" not in case  # another recipe, without warm-up
]


LITERALS = {"RECIPE", "LEGAL", "SMALL_IMAGES", "VIEWS"}


@pytest.mark.parametrize("name", algorithms())
def test_the_legal_values_are_those_of_keys_of_the_recipe(name):
    assert set(legal(name)) <= set(recipe(name))


def test_a_recipe_reaches_a_training_as_its_parameter_alone():
    """No code reads the literals of an algorithm's file, so they need not be part of its digest."""
    for path in PACKAGE.rglob("*.py"):
        read = {
            getattr(node, "attr", getattr(node, "id", ""))
            for node in ast.walk(ast.parse(path.read_text()))
            if isinstance(node, ast.Name | ast.Attribute) and isinstance(node.ctx, ast.Load)
        }
        assert not read & LITERALS or path.name == "recipe.py", path


@pytest.mark.parametrize("case", OURS)
def test_learning_rates_and_optimisers_are_vissls(case):
    golden = SCHEDULES[case]
    values = recipe(case.split("_")[0])
    assert values["batch_size"] == golden["global_batch"]
    assert values["rate_update"] == golden["update_interval"]
    epochs, steps = golden["num_epochs"], 1000
    for where, rate in zip(golden["where"], golden["lr"], strict=True):
        epoch = int(where * epochs + 1e-6)
        step = (where * epochs - epoch) * steps
        if values["rate_update"] == "epoch" and abs(step) > 1e-6:
            continue  # such a recipe asks for the rate at the start of an epoch alone
        assert rate_at(values, epoch, step, epochs, steps) == pytest.approx(rate, rel=1e-6)
    theirs = golden["optimizer"]
    assert values["optimizer"] == ("larc" if theirs["use_larc"] else "sgd")
    for ours, name in {
        "momentum": "momentum",
        "nesterov": "nesterov",
        "weight_decay": "weight_decay",
        "decay_norm": "regularize_bn",
        "decay_bias": "regularize_bias",
    }.items():
        assert values[ours] == theirs[name]


@pytest.mark.parametrize("case", GROUPS)
def test_weight_decay_reaches_the_parameters_it_reaches_in_vissl(case):
    name, norm = case.split("_")
    values = recipe(name)
    with torch.device("meta"):
        network = nn.ModuleList(
            [resnet(50, 1, norm.lower()), build(name, values, 2048, images=40_000, classes=1000)]
        )
    groups = parameter_groups(
        network, values["weight_decay"], decay_norm=values["decay_norm"], decay_bias=values["decay_bias"]
    )
    counts = {group["weight_decay"]: len(group["params"]) for group in groups}
    golden = GROUPS[case]
    assert counts.pop(golden["weight_decay"]) == golden["n_decayed"]
    assert counts.pop(0.0, 0) == golden["n_not_decayed"]
