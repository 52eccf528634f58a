"""Weights and inputs that any machine can draw again, as they were drawn for the golden files.

VISSL filled its networks in the same way, so that its outputs can be stored without its weights.
"""

import json

import numpy as np
import torch
from support.paths import GOLDEN
from torch import Tensor, nn


def golden_json(name: str) -> dict | list:
    """The content of tests/golden/`name`."""
    return json.loads((GOLDEN / name).read_text())


def golden_arrays(name: str, case: str) -> dict[str, Tensor]:
    """Arrays of one case of tests/golden/`name`.npz; floating ones as float64."""
    with np.load(GOLDEN / f"{name}.npz") as file:
        arrays = {
            key.removeprefix(f"{case}/"): torch.from_numpy(file[key])
            for key in file.files
            if key.startswith(f"{case}/")
        }
    return {key: x.double() if x.is_floating_point() else x for key, x in arrays.items()}


def golden_state(module: nn.Module, seed: int) -> dict[str, Tensor]:
    """A state dict for `module`, float32, drawn from `seed` in the order of its sorted keys.

    Counters (`num_batches_tracked`) are 0. The module is not changed; it may be on the meta device.
    """
    random = np.random.RandomState(seed)
    state = {}
    for key, tensor in sorted(module.state_dict().items()):
        if key.endswith("num_batches_tracked"):
            state[key] = torch.zeros((), dtype=torch.int64)
        else:
            x = random.standard_normal(size=tuple(tensor.shape))
            state[key] = torch.from_numpy(_scaled(key, x).astype(np.float32))
    return state


def golden_input(seed: int, shape: tuple[int, ...]) -> Tensor:
    """A float32 input of `shape` drawn from `seed`."""
    return torch.from_numpy(np.random.RandomState(seed).standard_normal(size=tuple(shape)).astype(np.float32))


def _scaled(key: str, x: np.ndarray) -> np.ndarray:
    if key.endswith("running_mean"):
        return 0.1 * x
    if key.endswith("running_var"):
        return 1 + 0.1 * np.abs(x)
    if x.ndim == 4:
        return x * np.sqrt(2 / np.prod(x.shape[1:]))
    if x.ndim == 2:
        return x * np.sqrt(1 / x.shape[1])
    if key.endswith("weight"):
        return 1 + 0.1 * x
    return 0.1 * x
