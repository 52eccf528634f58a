"""The diversity of a network's layers, as a table."""

import math
import warnings
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn

from feature_diversity.base.errors import InputError
from feature_diversity.base.timing import bar
from feature_diversity.measures.companions.table import COMPANIONS, FEATURES
from feature_diversity.measures.of_layers import (
    EXACT_IMAGES,
    companions_of,
    energies_of,
    random_rows,
)
from feature_diversity.measures.readings import READINGS
from feature_diversity.measures.spectra import Features
from feature_diversity.networks.others.cautions import cautions
from feature_diversity.networks.others.images import batches_of
from feature_diversity.networks.others.jackknife import standard_errors
from feature_diversity.networks.others.layers import choose
from feature_diversity.networks.others.random_state import kept_random_state
from feature_diversity.networks.others.recording import recording
from feature_diversity.networks.others.tokens import TOKENS, as_maps

OFFERED = ("flatten", "gap", "vissl", "positions")  # `channels` has rows that are of no image
CONSTANT = 1e-6  # of the largest value: differences that a network's float32 rounding alone can make
COLUMNS = ["layer", "reading", "measure", "value", "standard_error", "n_images", "n_vectors", "n_dim"]


def measure(
    model: nn.Module,
    images: Any,
    layers: str | Sequence[str] = "auto",
    *,
    readings: Sequence[str] = ("flatten", "gap"),
    powers: Sequence[float] = (0, 1, 2),
    tokens: str = "mean",
    prefix_tokens: int | None = None,
    batch_size: int = 64,
    transform: Callable[[Any], Tensor] | None = None,
) -> pd.DataFrame:
    """Measure the diversity of a network's features at several layers.

    The network runs in eval mode without gradients; it and the random state are left as they were. Images
    pass through it a batch at a time; in memory stay the vectors of each reading. docs/measure.md explains
    the measures.

    Args:
        model: any network; images are moved to the device and dtype of its first weight.
        images: a tensor (N x ...), a DataLoader, a dataset, or a folder; floats, normalised as the model
            was trained. Of a tuple the first member counts.
        layers: names in `model.named_modules()`, or "auto": where each fifth of the depth ends, and the last.
        readings: any of "flatten", "gap", "vissl" (one vector an image) and "positions" (one a position).
        powers: the powers s of the energy, finite and >= 0.
        tokens: of layers that return N x T x C, "cls", "mean" or "patches".
        prefix_tokens: how many tokens that stand for no patch come first; None asks the model.
        batch_size: of images that do not come in batches.
        transform: of a folder's images, from a PIL image to a tensor.

    Returns:
        A row for each layer, reading and measure: `diversity` (minus energy_s1, where 1 is among the powers),
        `energy_s...`, the same `..._centred`, and the companion measures; value, standard error, numbers
        of images, vectors and values of a vector. More than 5,000 vectors are a random 5,000 of them.

    Raises:
        InputError: an unknown layer, reading or option; fewer than two images; a layer that is never called,
            returns no tensor, changes its shape, is constant or not finite. The message names layer and
            image.
    """
    _check(readings, powers, tokens, batch_size)
    names = choose(model, layers)
    batches = batches_of(images, batch_size, transform)
    collected, dtypes, count = _collect(model, names, batches, readings, tokens, prefix_tokens)
    if count < 2:
        raise InputError(f"images: {count} found, expected two or more")
    rows = []
    for name in names:
        rows += _rows_of_layer(name, collected.pop(name), count, powers)
    table = pd.DataFrame(rows, columns=COLUMNS)
    for caution in cautions(table, dtypes):
        warnings.warn(caution, stacklevel=2)
    return table


def _collect(
    model: nn.Module,
    names: list[str],
    batches: Iterable[Tensor],
    readings: Sequence[str],
    tokens: str,
    prefix_tokens: int | None,
) -> tuple[dict[str, dict[str, list[np.ndarray]]], dict[str, torch.dtype], int]:
    """Vectors of all batches, by layer and reading, what each layer returned, and the number of images."""
    collected: dict[str, dict[str, list[np.ndarray]]] = {
        name: {reading: [] for reading in readings} for name in names
    }
    shapes: dict[str, tuple[int, ...]] = {}
    dtypes: dict[str, torch.dtype] = {}
    count = 0
    with kept_random_state(), recording(model, names) as forward:
        for batch in bar(batches, desc="measure", unit=" batches"):
            for layer, output in forward(batch).items():
                dtypes[layer] = output.dtype
                output = output.to("cpu", torch.promote_types(output.dtype, torch.float32))
                maps = as_maps(model, layer, output, tokens, prefix_tokens).numpy()
                if maps.shape[1:] != shapes.setdefault(layer, maps.shape[1:]):
                    expected = f"{shapes[layer]} as in the batches before"
                    raise InputError(f"layer {layer} gives {maps.shape[1:]} an image, expected {expected}")
                _check_finite(maps, layer, count)
                for reading, parts in collected[layer].items():
                    parts.append(READINGS[reading](maps))
            count += len(batch)
    return collected, dtypes, count


def _check(readings: Sequence[str], powers: Sequence[float], tokens: str, batch_size: int) -> None:
    known = not isinstance(readings, str) and set(readings) <= set(OFFERED)
    if not known or not readings or len(set(readings)) < len(readings):
        raise InputError(f"readings is {readings!r}, expected a list of some of {', '.join(OFFERED)}")
    numbers = [isinstance(power, int | float) and 0 <= power < math.inf for power in powers]
    if not numbers or not all(numbers):
        raise InputError(f"powers is {powers!r}, expected one or more finite numbers >= 0")
    if tokens not in TOKENS:
        raise InputError(f"tokens is {tokens!r}, expected one of {', '.join(TOKENS)}")
    if batch_size < 1:
        raise InputError(f"batch_size is {batch_size}, expected 1 or more")


def _check_finite(maps: np.ndarray, layer: str, start: int) -> None:
    """Raise InputError that names the first image with a value that is not finite; `start`, the first's."""
    for row, values in enumerate(maps):
        finite = np.isfinite(values)
        if not finite.all():
            raise InputError(f"layer {layer}: image {start + row} is not finite: it has {values[~finite][0]}")


def _rows_of_layer(
    layer: str, collected: dict[str, list[np.ndarray]], count: int, powers: Sequence[float]
) -> list[dict[str, Any]]:
    rows = []
    done: dict[tuple[int, int], dict[str, tuple[float, float]]] = {}  # of one shape is one reading
    for reading in list(collected):
        x = np.concatenate(collected.pop(reading))
        if x.shape not in done:
            done[x.shape] = _measures(x, count, powers, f"layer {layer}, reading {reading}")
        vectors = min(len(x), EXACT_IMAGES)
        sizes = {"n_images": count, "n_vectors": vectors, "n_dim": x.shape[1]}
        for name, (value, error) in done[x.shape].items():
            what = {"layer": layer, "reading": reading, "measure": name}
            rows.append(what | {"value": value, "standard_error": error} | sizes)
    return rows


def _measures(
    x: np.ndarray, count: int, powers: Sequence[float], where: str
) -> dict[str, tuple[float, float]]:
    """Values and standard errors by measure.

    An image's own vector is one draw, so the energy's own jackknife holds; positions of one image leave it
    together.
    """
    resolution = CONSTANT * np.abs(x[0]).max()
    if all(np.abs(row - x[0]).max() <= resolution for row in x[1:]):
        raise InputError(f"{where}: the features are constant, expected vectors that differ between images")
    images = np.arange(len(x)) // (len(x) // count)
    if len(x) > EXACT_IMAGES:
        rows = random_rows(len(x), EXACT_IMAGES, seed=0)
        x, images = x[rows], images[rows]
        where += f" (a random {EXACT_IMAGES} of its vectors)"
    features = Features(x)
    energies = energies_of(features, list(powers), [False, True], where)
    if energies[0]["n_duplicates"]:
        warnings.warn(f"{where}: some vectors have one direction: their energy is infinite", stacklevel=4)
    values = _by_name(energies, "energy") | _companions(features)
    if len(x) == len(np.unique(images)):
        errors = standard_errors(features, images, lambda part: _companions(part))
        errors |= _by_name(energies, "energy_se")
    else:
        errors = standard_errors(features, images, lambda part: _all(part, powers, where))
    result = {name: (value, errors[name]) for name, value in values.items()}
    if "energy_s1" in result:
        energy, error = result["energy_s1"]
        result = {"diversity": (-energy, error)} | result
    return result


def _all(features: Features, powers: Sequence[float], where: str) -> dict[str, float]:
    energies = energies_of(features, list(powers), [False, True], where)
    return _by_name(energies, "energy") | _companions(features)


def _by_name(energies: list[dict[str, Any]], column: str) -> dict[str, float]:
    """One column of rows of energies, by the names of the measures: energy_s1, energy_s1_centred."""
    return {f"energy_s{row['s']:g}" + "_centred" * row["centred"]: row[column] for row in energies}


def _companions(features: Features) -> dict[str, float]:
    values = companions_of(features)
    return {name: value for name, value in values.items() if COMPANIONS[name].of == FEATURES}
