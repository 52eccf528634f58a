"""Networks by name or from files: for the commands `layers` and `measure`, and for studies of models."""

import importlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from feature_diversity.base.errors import InputError
from feature_diversity.networks import model
from feature_diversity.networks.released import layouts

SHOWN = 5  # keys named in a message
EXPECTED = "torchvision:NAME, timm:NAME or transformers:NAME"


def network(source: str, architecture: str | None = None) -> nn.Module:
    """Make a network in eval mode on `device()`, with the weights of a file or random ones.

    Args:
        source: a file: this package's model.safetensors (its trunk); a ResNet in any layout that
            `layouts.read_checkpoint` knows (its trunk); the state of the `architecture` that is given. Or
            "torchvision:NAME", "timm:NAME" or "transformers:NAME", a network with random weights, seed 0.
        architecture: one of these, the network whose state is in the file.

    Raises:
        InputError: a file that is missing, damaged or would execute code; an unknown layout or architecture;
            a state that is another network's.
    """
    if source.startswith(tuple(f"{maker}:" for maker in MAKERS)):
        found = made(source)
    elif architecture is not None:
        found = made(architecture)
        load(found, Path(source))
    else:
        found = of_file(source)[0]
    return found.eval().to(model.device())


def of_file(path: str) -> tuple[nn.Module, dict[str, Any]]:
    """The trunk in a file that says what it is, this package's or a ResNet in a layout of others.

    Also its `depth`, `width` and `norm`, as `resnet` takes them. Raises InputError as `network`.
    """
    if path.endswith(".safetensors"):
        found = model.read(path)
        return found.trunk, {axis: found.facts["network"][axis] for axis in ("depth", "width", "norm")}
    checkpoint = layouts.read_checkpoint(path)
    shape = {"depth": checkpoint.depth, "width": checkpoint.width, "norm": checkpoint.norm}
    return layouts.networks(checkpoint)[0], shape


def made(architecture: str, *, seed: int = 0, pretrained: bool = False) -> nn.Module:
    """Make a network by its name.

    Args:
        architecture: "torchvision:NAME", "timm:NAME", or "transformers:NAME", which may be a folder.
        seed: of random weights, which are the same each time.
        pretrained: whether it gets the weights that the package offers, downloaded if they are not there.
            Otherwise nothing is downloaded, but for the configuration of a name that transformers knows.

    Returns:
        A network from images to features or scores; of transformers, to the last hidden state.

    Raises:
        InputError: no such network or weights, or a package that is not installed.
    """
    package, _, name = architecture.partition(":")
    if package not in MAKERS or not name:
        raise InputError(f"{architecture} is no architecture, expected {EXPECTED}")
    try:
        importlib.import_module(package)
    except ImportError:
        raise InputError(
            f"{architecture} needs {package}, which is not installed: pip install {package}"
        ) from None
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        try:
            return MAKERS[package](name, pretrained)
        except Exception as error:  # whatever they raise for a name they do not know, or a broken connection
            what = "weights of" if pretrained else "network"
            raise InputError(f"{package} has no {what} {name}: {error}") from None


def _torchvision(name: str, pretrained: bool) -> nn.Module:
    from torchvision.models import get_model

    return get_model(name, weights="DEFAULT" if pretrained else None)


def _timm(name: str, pretrained: bool) -> nn.Module:
    import timm

    return timm.create_model(name, pretrained=pretrained)


def _transformers(name: str, pretrained: bool) -> nn.Module:
    from transformers import AutoConfig, AutoModel

    network = (
        AutoModel.from_pretrained(name)
        if pretrained
        else AutoModel.from_config(AutoConfig.from_pretrained(name))
    )
    # the network's output is a dictionary; what a hook returns takes its place
    network.register_forward_hook(lambda module, images, output: output.last_hidden_state)
    return network


MAKERS: dict[str, Callable[[str, bool], nn.Module]] = {
    "torchvision": _torchvision,
    "timm": _timm,
    "transformers": _transformers,
}


def own_preprocessing(architecture: str, network: nn.Module) -> dict[str, Any]:
    """How a network by name was trained to see images: `size`, pixels; `mean` and `std` of each channel.

    Raises:
        InputError: its package does not say.
    """
    package, _, name = architecture.partition(":")
    try:
        if package == "torchvision":
            from torchvision.models import get_model_weights

            given = get_model_weights(name).DEFAULT.transforms()
            size, mean, std = given.crop_size[0], given.mean, given.std
        elif package == "timm":
            from timm.data import resolve_model_data_config

            config = resolve_model_data_config(network)
            size, mean, std = config["input_size"][-1], config["mean"], config["std"]
        else:
            from transformers import AutoImageProcessor

            given = AutoImageProcessor.from_pretrained(name)
            sides = getattr(given, "crop_size", None) or given.size
            size = sides.get("height") or sides["shortest_edge"]
            mean, std = given.image_mean, given.image_std
    except Exception as error:  # whatever they raise where nothing is known
        raise InputError(
            f"{package} does not say how {name} sees images ({error}), expected preprocessing: study"
        ) from None
    return {"size": int(size), "mean": list(mean), "std": list(std)}


def load(network: nn.Module, path: Path) -> None:
    """Give a network the state in a file; a dictionary with one inside it, as trainers write, is opened.

    Raises:
        InputError: a file that is missing, damaged or would execute code, or another network's state.
    """
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
