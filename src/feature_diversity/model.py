"""A trained network as a file: `model.safetensors` with the trunk, the head, and where they come from."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import nn

from feature_diversity.algorithms import build
from feature_diversity.files import InputError, atomic_write
from feature_diversity.resnet import ResNet, resnet


@dataclass(frozen=True)
class Model:
    """trunk: images to features. head: features, N x C, to the algorithm's output. facts: the metadata."""

    trunk: ResNet
    head: nn.Module
    facts: dict[str, Any]


def device() -> torch.device:
    """Where networks run: the GPU if there is one, else the CPU."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def write(path: str | Path, trunk: nn.Module, head: nn.Module, facts: dict[str, Any]) -> None:
    """Write trunk and head, keys as torchvision's under `trunk.` and `head.`, and the facts as metadata."""
    tensors = {f"trunk.{key}": value for key, value in trunk.state_dict().items()}
    tensors |= {f"head.{key}": value for key, value in head.state_dict().items()}
    tensors = {key: value.detach().cpu().contiguous() for key, value in tensors.items()}
    with atomic_write(path) as temporary:
        # one entry: safetensors writes several in an order that changes from process to process
        save_file(tensors, temporary, metadata={"facts": json.dumps(facts, sort_keys=True)})


def read(path: str | Path) -> Model:
    """Read a network in eval mode onto `device()`; InputError if the file is missing, damaged or foreign."""
    try:
        with safe_open(str(path), framework="pt") as file:
            facts = json.loads(file.metadata()["facts"])
            tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
        run = facts["run"]
        trunk = resnet(run["depth"], run["width"], run["norm"])
        algorithm = build(
            run["algorithm"], facts["recipe"], trunk.out_channels, facts["train_images"], facts["classes"]
        )
        for part, module in (("trunk.", trunk), ("head.", algorithm.head)):
            module.load_state_dict(
                {key.removeprefix(part): value for key, value in tensors.items() if key.startswith(part)}
            )
    except (OSError, SafetensorError, KeyError, TypeError, ValueError, ImportError, RuntimeError) as error:
        raise InputError(f"{path} is not a model of this package: {error}") from None
    return Model(trunk.eval().to(device()), algorithm.head.eval().to(device()), facts)
