"""Which layers of a network are measured, by their names in `named_modules()`."""

from collections.abc import Iterator, Sequence
from difflib import get_close_matches

from torch import nn

from feature_diversity.base.errors import InputError

SHARES = 5  # of the depth, at the end of each of which `auto` takes a layer
STACKS = (nn.Sequential, nn.ModuleList)
SAME = (
    nn.Dropout,
    nn.Dropout1d,
    nn.Dropout2d,
    nn.Dropout3d,
    nn.Identity,
)  # return what they get, in eval mode


def choose(model: nn.Module, layers: str | Sequence[str]) -> list[str]:
    """The names of the layers to measure.

    Args:
        model: any network.
        layers: "auto" (see `automatic`), one name, or several.

    Raises:
        InputError: a name that is not in `model.named_modules()` (the message names the nearest), one that
            stands twice, or none at all.
    """
    if isinstance(layers, str) and layers == "auto":
        return automatic(model)
    chosen = [layers] if isinstance(layers, str) else list(layers)
    if not chosen:
        raise InputError("layers is empty, expected 'auto' or names from model.named_modules()")
    names = [name for name, _ in model.named_modules() if name]
    for layer in chosen:
        if layer not in names:
            nearest = get_close_matches(str(layer), names, n=3, cutoff=0) or ["none: it has no layers"]
            raise InputError(f"layer {layer!r} does not exist in the model; nearest: {', '.join(nearest)}")
        if chosen.count(layer) > 1:
            raise InputError(f"layers names {layer} twice, expected each once")
    return chosen


def automatic(model: nn.Module) -> list[str]:
    """The blocks at which each fifth of the depth ends, and the last layer: six names, or all of fewer.

    Raises:
        InputError: a network without layers.
    """
    if not (found := [*blocks(model)]):
        raise InputError("the model has no layers with names, expected a network of several modules")
    return [*dict.fromkeys(fifths(model)), found[-1]]


def fifths(model: nn.Module) -> list[str]:
    """The block at which each fifth of the depth ends: five names, of less than five blocks some twice.

    Depth is counted in `blocks`, the last left out: it is most often a classifier. None if there is no other.
    """
    inner = [*blocks(model)][:-1]
    return [inner[-(-len(inner) * share // SHARES) - 1] for share in range(1, SHARES + 1) if inner]


def blocks(model: nn.Module, prefix: str = "") -> Iterator[str]:
    """Names of what a network is a sequence of, in its order: residual blocks, encoder layers, convolutions.

    Those are the children of the network, and in the place of a stack of layers its members. Dropout and
    identities are left out.
    """
    for name, child in model.named_children():
        if isinstance(child, STACKS) or _holds_a_stack_of_blocks(child):
            yield from blocks(child, f"{prefix}{name}.")
        elif not isinstance(child, SAME):
            yield f"{prefix}{name}"


def _holds_a_stack_of_blocks(module: nn.Module) -> bool:
    """Whether a child is a stack of modules with modules of their own, as in an encoder, not in a block."""
    stacks = (child for child in module.children() if isinstance(child, STACKS))
    return any(any(True for _ in member.children()) for stack in stacks for member in stack)
