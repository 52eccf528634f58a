"""What layers of a network return, batch by batch. The network is left as it was, whatever happens."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from feature_diversity.base.errors import InputError

Forward = Callable[[Tensor], dict[str, Tensor]]


@contextmanager
def recording(model: nn.Module, layers: list[str]) -> Iterator[Forward]:
    """Record layers with forward hooks, in eval mode and without gradients.

    Every module gets its own mode back and loses the hooks, also after an error. PyTorch's fused encoder
    layers, which would leave inner layers uncalled, are switched off meanwhile.

    Args:
        model: any network that takes a batch of images.
        layers: names in `model.named_modules()`.

    Yields:
        A function from a batch on any device (B x ...) to what each layer returned, {layer: B x ...}: copies,
        on the network's device, of its last call where it was called several times.

    Raises:
        InputError: from that function: a network that fails, a layer that it does not call, that returns no
            tensor of floats, or not one row an image.
    """
    modes = {module: module.training for module in model.modules()}
    fused = torch.backends.mha.get_fastpath_enabled()
    modules = dict(model.named_modules())
    outputs: dict[str, Tensor] = {}
    handles = []
    try:
        for layer in layers:
            handles.append(modules[layer].register_forward_hook(_keep(outputs, layer)))
        torch.backends.mha.set_fastpath_enabled(False)
        model.eval()
        yield lambda images: _forward(model, images, layers, outputs)
    finally:
        for handle in handles:
            handle.remove()
        torch.backends.mha.set_fastpath_enabled(fused)
        for module, training in modes.items():
            if type(module).train is not nn.Module.train:  # it does more: LoRA is merged
                module.train(training)
        for module, training in modes.items():
            module.training = training


def _keep(outputs: dict[str, Tensor], layer: str) -> Callable[[nn.Module, tuple, object], None]:
    """A hook that keeps a copy of the layer's output, which a later layer may overwrite."""

    def hook(module: nn.Module, inputs: tuple, output: object) -> None:
        if not isinstance(output, Tensor):
            kind = type(output).__name__
            raise InputError(f"layer {layer} returns a {kind}, expected one tensor: name a layer inside it")
        if not output.is_floating_point():
            raise InputError(f"layer {layer} returns {output.dtype}, expected floats")
        outputs[layer] = output.detach().clone()

    return hook


@torch.no_grad()
def _forward(
    model: nn.Module, images: Tensor, layers: list[str], outputs: dict[str, Tensor]
) -> dict[str, Tensor]:
    outputs.clear()
    weight = next((weight for weight in model.parameters() if weight.is_floating_point()), images)
    if weight.device.type == "meta":
        raise InputError("the model is on the device meta, expected weights on a real device")
    batch = images.to(weight.device, weight.dtype)
    try:
        model(batch)
    except InputError:
        raise
    except Exception as error:  # whatever a network of others may raise
        what = f"{str(batch.dtype).removeprefix('torch.')} images of shape {tuple(batch.shape)}"
        raise InputError(f"the model fails on {what} on {batch.device}: {error}") from error
    for layer in layers:
        if layer not in outputs:
            raise InputError(f"layer {layer} is never called by the model, expected one that it calls")
        shape = tuple(outputs[layer].shape)
        if not shape or shape[0] != len(images):
            raise InputError(
                f"layer {layer} returns shape {shape} for {len(images)} images, expected a row for each"
            )
    return {layer: outputs[layer] for layer in layers}


def shapes(model: nn.Module, images: Tensor) -> dict[str, str]:
    """What every layer returns for an image, in words, in the order of `named_modules()`.

    Args:
        model: any network; it is left as it was.
        images: two or more, B x ...

    Returns:
        By name: "256 x 56 x 56"; "tuple", "dict" and so on for what is no tensor, "never called".

    Raises:
        InputError: a network that fails on the images.
    """
    found = {name: "never called" for name, _ in model.named_modules() if name}
    handles = []
    try:
        for name, module in model.named_modules():
            if name:
                handles.append(module.register_forward_hook(_note_shape(found, name)))
        with recording(model, []) as forward:
            forward(images)
    finally:
        for handle in handles:
            handle.remove()
    return found


def _note_shape(found: dict[str, str], layer: str) -> Callable[[nn.Module, tuple, object], None]:
    def hook(module: nn.Module, inputs: tuple, output: object) -> None:
        if isinstance(output, Tensor):
            found[layer] = " x ".join(map(str, output.shape[1:])) or "one value"
        else:
            found[layer] = type(output).__name__

    return hook
