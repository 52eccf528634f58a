"""Networks by name or from files: what the commands `layers` and `measure` are given."""

import importlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from feature_diversity.base.errors import InputError
from feature_diversity.networks import model
from feature_diversity.networks.released import layouts

MAKERS = {"torchvision": ("torchvision.models", "get_model"), "timm": ("timm", "create_model")}
SHOWN = 5  # keys named in a message


def network(source: str, architecture: str | None = None) -> nn.Module:
    """Make a network in eval mode on `device()`, with the weights of a file or random ones.

    Args:
        source: a file: this package's model.safetensors (its trunk); a ResNet in any layout that
            `layouts.read_checkpoint` knows (its trunk); the state of the `architecture` that is given. Or
            "torchvision:NAME" or "timm:NAME", a network with random weights, seed 0.
        architecture: "torchvision:NAME" or "timm:NAME", the network whose state is in the file.

    Raises:
        InputError: a file that is missing, damaged or would execute code; an unknown layout or architecture;
            a state that is another network's.
    """
    if source.startswith(tuple(f"{maker}:" for maker in MAKERS)):
        made = _made(source)
    elif architecture is not None:
        made = _made(architecture)
        _load(made, Path(source))
    elif source.endswith(".safetensors"):
        made = model.read(source).trunk
    else:
        made = layouts.networks(layouts.read_checkpoint(source))[0]
    return made.eval().to(model.device())


def _made(name: str) -> nn.Module:
    """A network with random weights, the same each time; nothing is downloaded."""
    maker, _, architecture = name.partition(":")
    if maker not in MAKERS or not architecture:
        raise InputError(f"{name} is no architecture, expected torchvision:NAME or timm:NAME")
    module, function = MAKERS[maker]
    try:
        make = getattr(importlib.import_module(module), function)
    except ImportError:
        raise InputError(f"{name} needs {maker}, which is not installed: pip install {maker}") from None
    with torch.random.fork_rng():
        torch.manual_seed(0)
        try:
            return make(architecture)
        except (ValueError, RuntimeError) as error:  # what both raise for a name that they do not know
            raise InputError(f"{maker} has no network {architecture}: {error}") from None


def _load(network: nn.Module, path: Path) -> None:
    """Give a network the state in a file; a dictionary with one inside it, as trainers write, is opened."""
    state = _read(path)
    for key in ("state_dict", "model", "model_state_dict"):
        if isinstance(state.get(key), Mapping):
            state = state[key]
            break
    state = {str(key).removeprefix("module."): value for key, value in state.items()}
    expected = network.state_dict()
    problems = {
        "missing": [key for key in expected if key not in state],
        "surplus": [key for key in state if key not in expected],
        "misshapen": [
            key for key, value in expected.items() if key in state and not _fits(state[key], value)
        ],
    }
    if any(problems.values()):
        told = [f"{len(keys)} {what} ({', '.join(keys[:SHOWN])})" for what, keys in problems.items() if keys]
        raise InputError(f"{path} is no state of this architecture: {'; '.join(told)}")
    model.check_finite(state, path)
    network.load_state_dict(state)


def _fits(found: object, expected: Tensor) -> bool:
    """Whether a value is a dense tensor, on the CPU, of real numbers and of that shape."""
    return (
        isinstance(found, Tensor)
        and found.layout == torch.strided
        and found.device.type == "cpu"
        and not found.is_complex()
        and found.is_floating_point() == expected.is_floating_point()
        and found.shape == expected.shape
    )


def _read(path: Path) -> dict[str, Any]:
    if path.suffix != ".safetensors":
        content = layouts.read_tensors(path)
        if not isinstance(content, Mapping):
            raise InputError(f"{path}: expected a dictionary of tensors, found {type(content).__name__}")
        return dict(content)
    try:
        return dict(load_file(path))
    except (OSError, SafetensorError) as error:
        raise InputError(f"{path} cannot be read: {error}") from None
