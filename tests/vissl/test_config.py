"""Runs as configurations of VISSL: the same as VISSL's own, where the recipe is VISSL's."""

import json
import math
from dataclasses import replace
from itertools import accumulate
from pathlib import Path

import pytest
from support.paths import GOLDEN as GOLDENS

from feature_diversity.base.errors import InputError
from feature_diversity.base.run import Network
from feature_diversity.planning.recipe import recipe
from feature_diversity.training.step import rate_at
from feature_diversity.vissl.config import check, configuration
from feature_diversity.vissl.methods import METHODS, Setting

GOLDEN = json.loads((GOLDENS / "transforms_and_heads.json").read_text())
IMAGENET = [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]
NETWORK = Network("simclr", 50, 1.0, "batchnorm", seed=3)
DEFAULTS = {  # of VISSL's transforms and heads, said here where its configurations leave them out
    "RandomResizedCrop": {"scale": [0.08, 1.0]},
    "RandomHorizontalFlip": {"p": 0.5},
    "ImgPilRandomPhotometric": {"p": 0.66},
    "mlp": {"use_bn": False, "use_relu": False},
}


def settings(algorithm: str, changes: dict | None = None, epochs: int = 100, **setting) -> dict:
    """The configuration of a ResNet-50 for ImageNet."""
    hyper_parameters = recipe(algorithm, changes=changes)
    given = {"channels": 2048, "size": 224, "classes": 1000, "mean": IMAGENET[0], "std": IMAGENET[1]}
    network = replace(NETWORK, algorithm=algorithm)
    return configuration(
        network, hyper_parameters, [epochs], Setting(**given | {"folder": Path("/folder")} | setting)
    )


def complete(part):
    """A transform or head with VISSL's defaults for what it leaves out."""
    if isinstance(part, dict) and part.get("name") in DEFAULTS:
        return DEFAULTS[part["name"]] | part
    if isinstance(part, list) and part and part[0] == "mlp":
        return ["mlp", DEFAULTS["mlp"] | part[1]]
    return [complete(item) for item in part] if isinstance(part, list) else part


@pytest.mark.parametrize("algorithm", METHODS)
def test_the_transforms_are_those_of_vissls_own_configuration(algorithm: str):
    train = settings(algorithm)["DATA"]["TRAIN"]
    transforms = complete(train["TRANSFORMS"])
    if algorithm == "jigsaw":
        assert transforms[-1].pop("perm_file") == "/folder/permutations.npy"
        GOLDEN[algorithm]["train"][-1].pop("perm_file", None)
    assert transforms == complete(GOLDEN[algorithm]["train"])
    assert train["COLLATE_FUNCTION"] == GOLDEN[algorithm]["collator"]


@pytest.mark.parametrize("algorithm", METHODS)
def test_the_head_is_that_of_vissls_own_configuration(algorithm: str):
    assert complete(settings(algorithm)["MODEL"]["HEAD"]["PARAMS"]) == complete(GOLDEN[algorithm]["head"])


@pytest.mark.parametrize("algorithm", METHODS)
def test_the_loss_is_that_of_vissls_own_configuration(algorithm: str):
    loss = settings(algorithm)["LOSS"]
    assert loss["name"] == GOLDEN[algorithm]["loss"]
    assert agrees(loss[loss["name"]], GOLDEN[algorithm]["loss_config"])


def agrees(ours: dict, theirs: dict) -> bool:
    """Whether every value of ours is VISSL's; VISSL has more, which it fills in itself."""
    return all(
        agrees(value, theirs[key]) if isinstance(value, dict) else value == theirs[key]
        for key, value in ours.items()
    )


@pytest.mark.parametrize(
    ("algorithm", "changes", "epochs"),
    [
        ("simclr", {}, 100),
        ("simclr", {}, 5),  # shorter than its warm-up
        ("simclr", {"schedule": "constant"}, 20),
        ("rotnet", {}, 105),
        ("rotnet", {"warmup_epochs": 40, "warmup_start": 0.02, "rate_update": "step"}, 105),
        ("pirl", {}, 800),
    ],
)
def test_the_schedule_is_the_recipes(algorithm: str, changes: dict, epochs: int):
    schedule = settings(algorithm, changes, epochs)["OPTIMIZER"]["param_schedulers"]["lr"]
    hyper_parameters = recipe(algorithm, changes=changes)
    assert sum(schedule["lengths"]) == pytest.approx(1)
    for epoch in range(epochs):
        rate = rate_at(hyper_parameters, epoch, 0, epochs, 10)
        assert composite(schedule, epoch / epochs) == pytest.approx(rate, rel=1e-9), epoch


def composite(schedule: dict, where: float) -> float:
    """What VISSL's `composite` gives at a share of the run: the first part that holds where + 1e-6."""
    ends = list(accumulate(schedule["lengths"]))
    place = next((i for i, end in enumerate(ends) if where + 1e-6 <= end), len(ends) - 1)
    part = schedule["schedulers"][place]
    if schedule["interval_scaling"][place] == "rescaled":
        where = (where - ends[place]) / schedule["lengths"][place] + 1
    if part["name"] == "linear":
        return part["start_value"] + (part["end_value"] - part["start_value"]) * where
    if part["name"] == "cosine":
        share = (1 + math.cos(math.pi * where)) / 2
        return part["end_value"] + (part["start_value"] - part["end_value"]) * share
    return part["value"]


def test_several_processes_share_the_batch_and_batchnorm():
    shared = settings("rotnet", processes=4, gpu=True)
    assert shared["DATA"]["TRAIN"]["BATCHSIZE_PER_REPLICA"] == 256 // 4
    assert shared["DISTRIBUTED"]["NUM_PROC_PER_NODE"] == 4
    assert shared["MODEL"]["SYNC_BN_CONFIG"]["CONVERT_BN_TO_SYNC_BN"]
    assert not settings("rotnet")["MODEL"]["SYNC_BN_CONFIG"]["CONVERT_BN_TO_SYNC_BN"]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"depth": 14}, "depth is 14, expected with engine 'vissl' one of 50, 101, 152, 200"),
        ({"width": 0.5}, "width is 0.5, expected with engine 'vissl' a whole number"),
        (
            {"algorithm": "mirrored"},
            "algorithm is 'mirrored', expected with engine 'vissl' one of deepcluster",
        ),
    ],
)
def test_networks_that_vissl_does_not_have_are_refused(changes: dict, message: str):
    with pytest.raises(InputError, match=message):
        check(replace(NETWORK, **changes), recipe("simclr"))


@pytest.mark.parametrize(
    ("algorithm", "changes", "message"),
    [
        ("jigsaw", {"patch_size": 85}, "patch_size is 85, expected less than puzzle_size // grid"),
        ("pirl", {"patch_size": 63}, "patch_size is 63, expected puzzle_size // grid - 21"),
    ],
)
def test_patches_that_vissl_cannot_cut_are_refused(algorithm: str, changes: dict, message: str):
    with pytest.raises(InputError, match=f"recipes: {algorithm}: {message}"):
        check(replace(NETWORK, algorithm=algorithm), recipe(algorithm, changes=changes))


@pytest.mark.parametrize("algorithm", METHODS)
def test_vissls_own_recipes_are_accepted(algorithm: str):
    check(replace(NETWORK, algorithm=algorithm), recipe(algorithm))
