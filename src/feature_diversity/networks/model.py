"""A trained network as a file: `model.safetensors` with the trunk, the head, and where they come from."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor, nn

from feature_diversity.algorithms import build
from feature_diversity.base.errors import InputError
from feature_diversity.base.files import atomic_write
from feature_diversity.base.run import Network
from feature_diversity.networks.resnet import ResNet, fold_norms, resnet


@dataclass(frozen=True)
class Model:
    """trunk: images to features. head: features, N x C, to the algorithm's output; None if there is none.

    facts: the metadata.
    """

    trunk: ResNet
    head: nn.Module | None
    facts: dict[str, Any]


def device() -> torch.device:
    """Where networks run: the GPU if there is one, else the CPU."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def write(path: str | Path, trunk: nn.Module, head: nn.Module | None, facts: dict[str, Any]) -> None:
    """Write trunk and head, keys as torchvision's under `trunk.` and `head.`, and the facts as metadata.

    Among these is `weights`, the weights' digest, which readers compare with what they read.

    facts: `network`, and for `read` to rebuild the head either its `head` (as `build_head` takes it; None
    where there is none) or, for a network trained here, `recipe`, `train_images` and `classes`.
    Raises InputError, and writes nothing, for weights that are not finite.
    """
    tensors = {f"trunk.{key}": value for key, value in trunk.state_dict().items()}
    if head is not None:
        tensors |= {f"head.{key}": value for key, value in head.state_dict().items()}
    tensors = {key: value.detach().cpu().contiguous() for key, value in tensors.items()}
    check_finite(tensors, path)
    facts = facts | {"weights": digest_of(tensors)}
    with atomic_write(path) as temporary:
        # one entry: safetensors writes several in an order that changes from process to process
        temporary.write_bytes(save(tensors, metadata={"facts": json.dumps(facts, sort_keys=True)}))


def read(path: str | Path) -> Model:
    """Read a network in eval mode onto `device()`.

    Raises InputError if the file is missing, damaged or foreign, or has weights that are not finite or not
    those that were written.
    """
    try:
        with safe_open(str(path), framework="pt") as file:
            facts = json.loads(file.metadata()["facts"])
            tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
        check_weights(tensors, facts, path)
        network = Network(**facts["network"])
        trunk = resnet(network.depth, network.width, network.norm)
        head = _head(facts, trunk.out_channels)
        parts = nn.ModuleDict({"trunk": trunk} if head is None else {"trunk": trunk, "head": head})
        parts.load_state_dict(tensors)
    except (OSError, SafetensorError, KeyError, TypeError, ValueError, ImportError, RuntimeError) as error:
        raise InputError(f"{path} is not a model of this package: {error}") from None
    parts.eval().to(device())
    return Model(trunk, head, facts)


def digest_of(tensors: Mapping[str, Tensor]) -> str:
    """SHA-256 of tensors by their names, types, shapes and bytes; 16 hexadecimal digits."""
    digest = hashlib.sha256()
    for key, value in sorted(tensors.items()):
        digest.update(f"{key} {value.dtype} {tuple(value.shape)} ".encode())
        digest.update(value.contiguous().reshape(-1).view(torch.uint8).numpy())
    return digest.hexdigest()[:16]


def check_weights(tensors: Mapping[str, Tensor], facts: dict[str, Any], where: str | Path) -> None:
    """InputError for weights that are not finite, or not those that were written with the facts."""
    check_finite(tensors, where)
    if (found := digest_of(tensors)) != facts["weights"]:
        raise InputError(
            f"{where}: the weights have digest {found}, expected {facts['weights']}: they were changed"
        )


def check_finite(tensors: Mapping[str, Tensor], where: str | Path) -> None:
    """InputError naming the first tensor with numbers that are not finite."""
    for key, value in tensors.items():
        if not torch.isfinite(value).all():
            count = int((~torch.isfinite(value)).sum())
            raise InputError(
                f"{where}: {count:,} of {value.numel():,} numbers of {key} are not finite, expected all; a "
                "training that ends so has diverged: a lower learning_rate may help"
            )


def read_for_features(path: str | Path) -> Model:
    """As `read`, with a trunk that gives the same features, but for rounding, in half the time on the CPU."""
    network = read(path)
    fold_norms(network.trunk)
    network.trunk.to(memory_format=torch.channels_last)
    return network


def _head(facts: dict[str, Any], channels: int) -> nn.Module | None:
    if "head" in facts:
        return facts["head"] and build_head(facts["head"])
    name = facts["network"]["algorithm"]
    return build(name, facts["recipe"], channels, facts["train_images"], facts["classes"]).head


def build_head(layers: list[list]) -> nn.Sequential:
    """The head of a released network, its layers one after another.

    layers: ["linear", inputs, outputs, has a bias], ["batchnorm", values], ["relu"], or ["repeat", k],
    which puts k copies of a row side by side. Raises KeyError for another layer.
    """
    kinds = {
        "linear": lambda inputs, outputs, bias: nn.Linear(inputs, outputs, bias=bias),
        "batchnorm": nn.BatchNorm1d,
        "relu": nn.ReLU,
        "repeat": Repeat,
    }
    return nn.Sequential(*(kinds[kind](*arguments) for kind, *arguments in layers))


class Repeat(nn.Module):
    """k copies of each row side by side: N x D to N x kD."""

    def __init__(self, k: int):
        super().__init__()
        self.k = k

    def forward(self, x: Tensor) -> Tensor:
        """Map N x C to N x kC."""
        return x.repeat(1, self.k)
