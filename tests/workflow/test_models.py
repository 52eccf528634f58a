"""A study of ten networks of others goes to its report, killed once on its way and resumed."""

import re
import signal
import subprocess
import time

import numpy as np
import pandas as pd
import pytest
import timm
import torch
import yaml
from safetensors.torch import save_file
from support.checkout import Checkout

from feature_diversity.base.run import Network
from feature_diversity.networks import model
from feature_diversity.networks.resnet import resnet

pytestmark = pytest.mark.workflow
SEEDS = [1, 2, 3, 4, 5]
STUDY = {
    "description": "networks of others",
    "engine": "model",
    "seeds": "together",  # ten processes that import torch take half a minute
    "dataset": {
        "name": "digits",
        "image_size": 32,
        "train": 128,
        "test": 100,
        "validation": 50,
        "held_out": 30,
    },
    "linear_evaluation": {"penalties": [0.1]},
    "energy": {"vectors": ["flatten", "gap"]},
    "models": [
        {"source": "file", "name": "ours", "weights": "weights/ours{seed}.safetensors", "epochs": 7},
        {"source": "timm", "name": "test_vit2", "preprocessing": "own", "tokens": "cls"},
    ],
}


def perturbed(network: torch.nn.Module, seed: int) -> dict[str, torch.Tensor]:
    """The state of a network, its running statistics drawn: as after a training, none is 0 or 1."""
    torch.manual_seed(seed)
    for name, buffer in network.named_buffers():
        if name.endswith(("running_mean", "running_var")):
            buffer.uniform_(0.5, 1.5)
    return network.state_dict()


@pytest.fixture(scope="module")
def checkout(tmp_path_factory) -> Checkout:
    """A checkout with the study and the weights of five networks of this package."""
    checkout = Checkout.make(tmp_path_factory.mktemp("checkout"))
    (checkout.folder / "weights").mkdir()
    for seed in SEEDS:
        torch.manual_seed(seed)
        trunk = resnet(14, 1 / 16)
        perturbed(trunk, seed)
        facts = {"network": Network("simclr", 14, 1 / 16, "batchnorm", seed=seed).facts, "head": None}
        model.write(checkout.folder / f"weights/ours{seed}.safetensors", trunk, None, facts)
    study = yaml.safe_load(yaml.safe_dump(STUDY))
    for grid in study["models"]:
        grid["seed"] = SEEDS
    (checkout.folder / "workflow/studies/ten.yaml").write_text(yaml.safe_dump(study))
    return checkout
