"""A network of others as a study's stages take one: its layers under names that all its models share."""

import hashlib
import json
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from safetensors import SafetensorError, safe_open
from torch import Tensor, nn

from feature_diversity.base.errors import InputError
from feature_diversity.base.layers import FIFTHS
from feature_diversity.data import store
from feature_diversity.networks import model
from feature_diversity.networks.others.layers import blocks, choose, fifths
from feature_diversity.networks.others.recording import recording
from feature_diversity.networks.others.sources import load, made, of_file, own_preprocessing
from feature_diversity.networks.others.tokens import as_maps
from feature_diversity.networks.resnet import resnet

TRUNK = "trunk"  # what the network itself returns: what a classifier would be given


class Imported(nn.Module):
    """A network of others in the place of this package's trunk.

    network: without its classifier. layers: recorded name -> name in `network.named_modules()`. tokens,
    prefix_tokens: as `tokens.as_maps` takes them. own: `size`, `mean` and `std` of the images that it takes;
    None for images as the study has them. data: how these are normalised.
    """

    def __init__(self, network: nn.Module, said: dict[str, Any], data: store.Facts):
        super().__init__()
        self.network = network
        self.layers = said["layers"] | {TRUNK: ""}
        self.tokens, self.prefix_tokens = said["tokens"], said["prefix_tokens"]
        self.own, self.data = said["own"], data

    def forward_layers(self, x: Tensor, layers: list[str]) -> dict[str, Tensor]:
        """Compute the outputs of layers in one forward.

        Args:
            x: N x 3 x S x S, normalised by the study's data set.
            layers: recorded names.

        Returns:
            By name, float32, N x C x H x W or N x C; of the trunk, N x C.

        Raises:
            InputError: as `recording` and `as_maps`.
        """
        names = {layer: self.layers[layer] for layer in layers}
        with recording(self.network, [*dict.fromkeys(names.values())]) as forward:
            outputs = forward(self.prepared(x))
        return {layer: self._maps(layer, outputs[name].float()) for layer, name in names.items()}

    def _maps(self, layer: str, output: Tensor) -> Tensor:
        maps = as_maps(self.network, layer, output, self.tokens, self.prefix_tokens)
        return maps.flatten(2).mean(2) if layer == TRUNK and maps.ndim == 4 else maps

    def prepared(self, x: Tensor) -> Tensor:
        """Make the study's images what the network was trained to see: another size, mean and deviation."""
        if self.own is None:
            return x
        values = (self.data.std, self.data.mean, self.own["mean"], self.own["std"])
        theirs_std, theirs_mean, mean, std = (
            torch.tensor(value, device=x.device).view(-1, 1, 1) for value in values
        )
        x, size = x * theirs_std + theirs_mean, (self.own["size"], self.own["size"])
        if x.shape[2:] != size:
            x = F.interpolate(x, size, mode="bilinear", align_corners=False, antialias=True)
        return (x - mean) / std


def take(said: dict[str, Any], seed: int, data: store.Facts) -> tuple[Imported, dict[str, Any]]:
    """Take a network as a study describes it.

    Args:
        said: `source`, `name`, `weights`, `layers`, `tokens`, `prefix_tokens` and `preprocessing`, as
            docs/studies.md explains them.
        seed: of random weights.
        data: of the study's data set, whose mean and deviation normalise the images.

    Returns:
        The network, and what a file must say for `read_for_features` to make it again.

    Raises:
        InputError: no such network, weights or layer.
    """
    package, name, weights = said["source"], said["name"], said["weights"]
    if package == "file":
        network, architecture = of_file(weights)
    else:
        architecture = f"{package}:{name}"
        network = made(architecture, seed=seed, pretrained=weights == "pretrained")
        if weights not in ("random", "pretrained"):
            load(network, Path(weights))
    layers = said["layers"]
    if layers == "auto":
        layers = dict(zip(FIFTHS, fifths(network), strict=False))
        if not layers:
            raise InputError(
                f"{name} has no blocks whose depth could be shared out, expected names of layers"
            )
    choose(network, [*dict.fromkeys(layers.values())])
    facts = {
        "architecture": architecture,
        "weights": weights if weights in ("random", "pretrained") else sha256_of(Path(weights)),
        "layers": layers,
        "tokens": said["tokens"],
        "prefix_tokens": said["prefix_tokens"],
        "own": own_preprocessing(architecture, network) if said["preprocessing"] == "own" else None,
    }
    take_classifier_off(network, package)
    return Imported(network.eval().to(model.device()), facts, data), facts


def read_for_features(path: Path, data: store.Facts) -> model.Model:
    """Read the network of any run, one of others or this package's own, in eval mode onto the device.

    data: of the study's data set. Raises InputError for a file that is missing, damaged or foreign.
    """
    try:
        with safe_open(str(path), framework="pt") as file:
            facts = json.loads(file.metadata()["facts"])
            if facts.get("engine") != "model":
                return model.read_for_features(path)
            tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
        model.check_weights(tensors, facts, path)
        said = facts["imported"]
        architecture = said["architecture"]
        if isinstance(architecture, str):
            network = made(architecture)
            take_classifier_off(network, architecture.partition(":")[0])
        else:
            network = resnet(**architecture)
        network.load_state_dict({key.removeprefix("trunk."): value for key, value in tensors.items()})
    except (OSError, SafetensorError, KeyError, TypeError, ValueError, RuntimeError) as error:
        raise InputError(f"{path} is not a model of this package: {error}") from None
    return model.Model(Imported(network.eval().to(model.device()), said, data), None, facts)


def take_classifier_off(network: nn.Module, package: str) -> None:
    """Let a network return what its classifier was given; one without a classifier stays as it is."""
    if package == "timm":
        network.reset_classifier(0)
    elif package == "torchvision":
        linear = [name for name, module in network.named_modules() if isinstance(module, nn.Linear)]
        if linear and linear[-1].startswith([*blocks(network)][-1]):
            network.set_submodule(linear[-1], nn.Identity())


def sha256_of(path: Path) -> str:
    """SHA-256 of a file, as hexadecimal digits."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
