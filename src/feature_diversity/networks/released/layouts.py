"""Released checkpoints of ResNets: every key layout they come in, read into this package's names.

| layout | trunk at | head at |
| --- | --- | --- |
| VISSL training | classy_state_dict / base_model / model / trunk, `_feature_blocks.*` | heads beside it |
| VISSL linear evaluation | the same place, `base_model._feature_blocks.*` | heads beside it |
| converted to VISSL | model_state_dict, `_feature_blocks.*` | none |
| torchvision | top level | `fc.*` |
| SwAV repository | top level, `module.` before each key | `projection_head.*` |

Which one a file has is seen from its keys, never from its name.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from feature_diversity.base.errors import InputError
from feature_diversity.networks.depths import BLOCKS
from feature_diversity.networks.model import build_head, check_finite
from feature_diversity.networks.resnet import ResNet, resnet

SHOWN = 20  # keys named in a message
COUNTER = "num_batches_tracked"  # of BatchNorm: not used here, and not written before PyTorch 0.4.1

# Heads' keys, whatever the layout: the module's place, its place in the module, the parameter
CHAIN = re.compile(
    r"(?:(?P<branch>\d+)\.(?=\d))?(?:(?P<module>\d+)\.)?(?:clf|projection_head|fc)\."
    r"(?:(?P<place>\d+)\.)?(?P<parameter>\w+)"
)
UNUSED = re.compile(r"(^|\.)(prototypes|channel_bn|clf\.clf)")  # no part of what an image becomes: left out


@dataclass(frozen=True)
class Checkpoint:
    """A released network.

    Attributes:
        layout: a row of the table above.
        depth: of the trunk, as its keys and shapes tell; likewise width and norm.
        width: of the trunk.
        norm: of the trunk.
        trunk: state for `resnet(depth, width, norm)`.
        head: state for `build_head(head_layers)`.
        head_layers: None if the file has no pretext head.
        unused: keys of the heads that were left out.
    """

    layout: str
    depth: int
    width: float
    norm: str
    trunk: dict[str, Tensor]
    head: dict[str, Tensor]
    head_layers: list[list] | None
    unused: list[str]


def load_released(path: str | Path) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """Read the state of the trunk, with torchvision's keys, and of the head, keys as in `nn.Sequential`.

    Raises:
        InputError: as `read_checkpoint`.
    """
    checkpoint = read_checkpoint(path)
    return checkpoint.trunk, checkpoint.head


def read_checkpoint(path: str | Path) -> Checkpoint:
    """Read a checkpoint of any layout; nothing in the file is ever executed.

    Raises:
        InputError: a file that is damaged, holds anything but tensors and plain values, or has another
            layout; missing, surplus and misshapen keys, which are listed.
    """
    content = read_tensors(Path(path))
    try:
        layout, trunk, heads = _sniff(content)
        _check_tensors(trunk | heads)
        depth, width, norm = _trunk_shape(trunk)
        trunk = _checked_trunk(trunk, depth, width, norm)
        layers, head, unused = _head(heads)
        check_finite(trunk | head, "its weights")
        if layers and layers[0][1] != 2048 * width:
            raise InputError(f"the head takes {layers[0][1]} values, the trunk gives {2048 * width:g}")
    except InputError as error:
        raise InputError(f"{path}: {error}") from None
    return Checkpoint(layout, depth, width, norm, trunk, head, layers, unused)


def networks(checkpoint: Checkpoint) -> tuple[ResNet, nn.Module | None]:
    """Make trunk and head with the checkpoint's tensors; the head is None if it has none."""
    trunk = resnet(checkpoint.depth, checkpoint.width, checkpoint.norm)
    trunk.load_state_dict(checkpoint.trunk)
    head = checkpoint.head_layers and build_head(checkpoint.head_layers)
    if head is not None:
        head.load_state_dict(checkpoint.head)
    return trunk, head


def read_tensors(path: Path) -> Any:
    """Read what torch.save wrote, onto the CPU; nothing in the file is ever executed.

    Raises:
        InputError: a file that is missing, damaged, or holds anything but tensors and plain values.
    """
    if not path.is_file():
        raise InputError(f"{path} does not exist")
    with open(path, "rb") as file:
        start = file.read(512)
    if start.lstrip()[:1] == b"<":
        raise InputError(f"{path} is a web page, not a checkpoint: {start.decode(errors='replace')[:60]!r}")
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # a damaged pickle can end in nearly any error
        reason = str(error).strip() or type(error).__name__
        if found := re.search(r"GLOBAL (\S+)", reason):
            raise InputError(
                f"{path} holds more than tensors and plain values: it asks for {found[1]}. Such a file is "
                "refused, and nothing of it was executed"
            ) from None
        if "weights_only" in reason:  # PyTorch's message advises to execute what is in the file
            reason = "it holds what is neither a tensor nor a plain value, or ends early"
        raise InputError(f"{path} is damaged or not a checkpoint: {reason.splitlines()[0][:200]}") from None


def _sniff(content: Any) -> tuple[str, dict[str, Tensor], dict[str, Tensor]]:
    """Layout, the trunk's tensors by torchvision's keys, and the heads' as they are."""
    if not isinstance(content, Mapping):
        raise InputError(f"expected a dictionary of tensors, found {type(content).__name__}")
    if "classy_state_dict" in content:
        try:
            model = content["classy_state_dict"]["base_model"]["model"]
            trunk, heads = dict(model["trunk"]), dict(model.get("heads", {}))
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise InputError(f"classy_state_dict / base_model / model is not VISSL's: {error!r}") from None
        evaluated = any(key.startswith("base_model.") for key in trunk)
        prefix = "base_model._feature_blocks." if evaluated else "_feature_blocks."
        return "VISSL linear evaluation" if evaluated else "VISSL training", _stripped(trunk, prefix), heads
    if isinstance(content.get("model_state_dict"), Mapping):
        return "converted to VISSL", _stripped(content["model_state_dict"], "_feature_blocks."), {}
    keys = [str(key).removeprefix("module.") for key in content]
    if "conv1.weight" not in keys:
        raise InputError(
            "no known layout: expected a key classy_state_dict, model_state_dict or conv1.weight, found "
            f"{_listed(sorted(map(str, content)))}"
        )
    tensors = dict(zip(keys, content.values(), strict=True))
    heads = {key: tensors.pop(key) for key in keys if key.startswith(("fc.", "projection_head.", "proto"))}
    wrapped = all(str(key).startswith("module.") for key in content)
    return "SwAV repository" if wrapped else "torchvision", tensors, heads


def _check_tensors(values: Mapping[str, Any]) -> None:
    """InputError listing what is no tensor of real numbers in memory: sparse, without storage, complex."""
    if plain := [key for key, value in values.items() if not isinstance(value, Tensor)]:
        raise InputError(f"no tensors: {_listed(plain)}")
    odd = [
        f"{key} ({value.layout}, {value.dtype}, {value.device.type})"
        for key, value in values.items()
        if value.layout != torch.strided
        or value.device.type != "cpu"
        or not (value.is_floating_point() or key.endswith(COUNTER))
    ]
    if odd:
        raise InputError(f"no dense tensors of floating-point numbers: {_listed(odd)}")


def _stripped(tensors: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    if foreign := [key for key in tensors if not key.startswith(prefix)]:
        raise InputError(f"surplus keys, not under {prefix}: {_listed(foreign)}")
    return {key.removeprefix(prefix): value for key, value in tensors.items()}


def _trunk_shape(trunk: Mapping[str, Tensor]) -> tuple[int, float, str]:
    """Depth, width and norm of a trunk, from its keys and the shape of its stem."""
    if "conv1.weight" not in trunk:
        raise InputError(f"missing keys: conv1.weight; found {_listed(sorted(trunk))}")
    places = [re.match(r"layer(\d)\.(\d+)\.", key) for key in trunk]
    found = {(int(place[1]), int(place[2])) for place in places if place}
    blocks = tuple(sum(stage == number for stage, _ in found) for number in (1, 2, 3, 4))
    depths = [depth for depth, known in BLOCKS.items() if known == blocks]
    if not depths:
        known = ", ".join(f"{'-'.join(map(str, blocks))} ({depth})" for depth, blocks in BLOCKS.items())
        raise InputError(f"has {'-'.join(map(str, blocks))} blocks in its stages, expected one of {known}")
    norm = "batchnorm" if any(key.endswith("running_mean") for key in trunk) else "layernorm"
    width = len(trunk["conv1.weight"]) / 64
    return depths[0], int(width) if width.is_integer() else width, norm


def _checked_trunk(trunk: Mapping[str, Tensor], depth: int, width: float, norm: str) -> dict[str, Tensor]:
    """The trunk's tensors in the order of `resnet`; InputError listing what does not fit."""
    with torch.device("meta"):
        expected = resnet(depth, width, norm).state_dict()
    counters = {key: torch.zeros((), dtype=torch.int64) for key in expected if key.endswith(COUNTER)}
    trunk = counters | dict(trunk)
    problems = []
    if missing := [key for key in expected if key not in trunk]:
        problems.append(f"missing keys: {_listed(missing)}")
    if surplus := [key for key in trunk if key not in expected]:
        problems.append(f"surplus keys: {_listed(surplus)}")
    misshapen = [
        f"{key} {list(trunk[key].shape)} instead of {list(value.shape)}"
        for key, value in expected.items()
        if key in trunk and trunk[key].shape != value.shape
    ]
    if misshapen:
        problems.append(f"misshapen: {_listed(misshapen)}")
    if problems:
        raise InputError(f"no ResNet-{depth} of width {width:g} with {norm}: {'; '.join(problems)}")
    return {key: trunk[key] for key in expected}


def _head(tensors: Mapping[str, Tensor]) -> tuple[list[list] | None, dict[str, Tensor], list[str]]:
    """Layers and state of what turns an image's features into the layer `head`, and the keys left out.

    Only layers with weights leave keys. Between two linear layers there is a ReLU in every head of VISSL's
    and SwAV's through which an image passes. A linear layer that takes k times what the layer before gives
    is a puzzle's: the image stands in each of its k slots, as in `algorithms.jigsaw.PuzzleHead`. Of PIRL's
    two branches the image's is the last.
    """
    unused = [key for key in tensors if UNUSED.search(key)]
    matches = {key: CHAIN.fullmatch(key) for key in tensors if key not in unused}
    if foreign := [key for key, match in matches.items() if not match]:
        raise InputError(f"surplus keys in the heads: {_listed(foreign)}")
    image = max((match["branch"] or "" for match in matches.values()), default="")
    groups: dict[tuple[int, int], dict[str, Tensor]] = {}
    for key, match in matches.items():
        if (match["branch"] or "") == image:
            place = int(match["module"] or 0), int(match["place"] or 0)
            groups.setdefault(place, {})[match["parameter"]] = tensors[key]
        else:
            unused.append(key)
    layers: list[list] = []
    state: dict[str, Tensor] = {}
    outputs = None
    for _, group in sorted(groups.items()):
        layers += _layers_before(group, outputs)
        layer = _layer(group)
        outputs = layer[-2] if layer[0] == "linear" else layer[-1]
        state |= {f"{len(layers)}.{parameter}": value for parameter, value in group.items()}
        layers.append(layer)
    return layers or None, state, unused


def _layers_before(group: Mapping[str, Tensor], outputs: int | None) -> list[list]:
    """The layers without weights that stand between a layer with `outputs` values and the next."""
    weight = group.get("weight")
    if outputs is None or weight is None or weight.ndim != 2:
        return []
    times, rest = divmod(weight.shape[1], outputs)
    if rest or not times:
        raise InputError(f"misshapen head: a layer for {weight.shape[1]} values follows one of {outputs}")
    return [["relu"]] + ([["repeat", times]] if times > 1 else [])


def _layer(group: Mapping[str, Tensor]) -> list:
    """The description of a layer with weights, as `model.build_head` takes it."""
    weight = group.get("weight")
    parameters = set(group) - {COUNTER}
    if weight is not None and weight.ndim == 2 and parameters <= {"weight", "bias"}:
        return ["linear", weight.shape[1], weight.shape[0], "bias" in group]
    if (
        weight is not None
        and weight.ndim == 1
        and parameters == {"weight", "bias", "running_mean", "running_var"}
    ):
        return ["batchnorm", len(weight)]
    raise InputError(f"the head has a layer of neither linear nor BatchNorm parameters: {sorted(group)}")


def _listed(names: list[str]) -> str:
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return ", ".join(names[:SHOWN]) + more
