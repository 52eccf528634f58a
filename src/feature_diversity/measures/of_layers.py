"""Energies and companion measures of a run's layers, in all readings."""

import csv
import itertools
import math
from pathlib import Path
from typing import Any

import numpy as np

from feature_diversity.base.errors import InputError
from feature_diversity.base.files import atomic_write
from feature_diversity.base.paths import FURTHER, SECOND
from feature_diversity.measures.companions.table import COMPANIONS, FEATURES, HEAD, TWO_VIEWS
from feature_diversity.measures.energy import hyperspherical_energy
from feature_diversity.measures.readings import READINGS
from feature_diversity.measures.spectra import Features
from feature_diversity.measures.uniform_sphere import effective_dimension, excess_energy, excess_z

VECTORS = ("flatten", "gap", "vissl")  # the readings with one vector per image
MOST_ZERO = 0.01  # share of images without a direction that may be left out; with more nothing is measured
EXACT_IMAGES = 5000  # with more images a random subset of so many is used: time grows as their square
NEAR = 1.4  # times a number of images: all of them are then too few more to be another sample
PARTS = ("mean", "covariance", "rest", "mean_se", "covariance_se", "rest_se")
ENERGY_COLUMNS = [
    *("layer", "vector", "centred", "s", "energy", "diversity", "energy_se", "excess"),
    *("excess_z", *(f"excess_{part}" for part in PARTS), "effective_dimension", "mean_cosine"),
    *("n_images", "n_zero", "n_dim", "n_duplicates", "approximate", "energy_2"),
]
MEASURE_COLUMNS = ["layer", "vector", "measure_images", "diversity", *COMPANIONS]  # the latter with s = 1


def energies_and_measures(
    folder: Path,
    layers: list[str],
    powers: list[float],
    vectors: list[str],
    centred: list[bool],
    second: bool = False,
    further: bool = False,
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Energies and companion measures of features in files.

    An image whose features are all zero in some of the layers (dead units) has no direction there. It is left
    out of all layers, so that they are compared on the same images, and counted in `n_zero`. Where that is
    more than MOST_ZERO of the images, all measures are nan: those of the rest would be of other data.

    Args:
        folder: Holds `{layer}.npy`, floats, N x C x H x W or N x C with N >= 2, and perhaps
            `views_{layer}.npy`, 2 x N x C: two views of each image, for the measures of views.
        layers: Each once.
        powers: The powers s, finite and at least 0, each once.
        vectors: Any of `VECTORS`, each once.
        centred: Whether the mean over images is subtracted first: one of both, or both.
        second: Whether the column energy_2 is computed, from `second/{layer}.npy`, features of other images.
        further: Whether companion measures take more images as well, whose pooled features are in
            `further/{layer}.npy`, N x C, in an order drawn at random.

    Returns:
        The rows of energy.csv, one for each layer x vector x centred x power, and those of measures.csv, one
        for each layer x vector; with `further`, where a vector is a pooled one, also for each doubling of the
        number of images up to all, largest numbers first.

    Raises:
        InputError: A file that is missing or no such array, a row that is not finite or equals the mean,
            numbers of images that differ; the message names the file, and the row.
    """
    maps = {layer: _load_maps(folder / f"{layer}.npy") for layer in layers}
    n = len(maps[layers[0]])
    for layer in layers:
        if len(maps[layer]) != n:
            raise InputError(f"{folder / layer}.npy has {len(maps[layer])} images, {layers[0]}.npy has {n}")
    approximate = n > EXACT_IMAGES
    if approximate:
        rows = random_rows(n, EXACT_IMAGES, seed=0)
        maps = {layer: values[rows] for layer, values in maps.items()}
    zero = np.any([zero_rows(values) for values in maps.values()], axis=0)
    images = {"n_images": len(zero) - int(zero.sum()), "n_zero": int(zero.sum()), "approximate": approximate}
    if zero.mean() > MOST_ZERO:
        return unmeasured(maps, powers, vectors, centred, images)
    if zero.any():
        maps = {layer: values[~zero] for layer, values in maps.items()}
    others = _further(folder / FURTHER, maps) if further else {}
    energies, companions = {}, {}
    heads: dict[int, Features] = {}
    for layer in sorted(layers, key=lambda layer: layer != "head"):  # the others are compared with the head
        views = _views(folder / f"views_{layer}.npy", layer, n)
        done = {}  # readings of one length are one reading: there was nothing to pool
        for vector in vectors:
            x = READINGS[vector](maps[layer])
            where = f"{folder / layer}.npy: layer {layer}, vector {vector}"
            if approximate:
                where += f" (a random {EXACT_IMAGES} of its images)"
            if x.shape[1] not in done:
                features = Features(x)
                energy_rows = energies_of(features, powers, centred, where)
                if second:
                    add_second(energy_rows, folder / SECOND / f"{layer}.npy", vector, powers, centred)
                samples = {len(x): features} | _larger(x, others.get(layer), n)
                heads = samples if layer == "head" else heads
                measured = {
                    size: companions_of(part, heads.get(size), views) for size, part in samples.items()
                }
                for size, row in measured.items():
                    held_out = size == len(x)  # whose energies are known
                    diversity = in_headline(energy_rows) if held_out else headline_diversity(samples[size])
                    row |= {"measure_images": size, "diversity": diversity}
                done[x.shape[1]] = energy_rows, measured
            energy_rows, measured = done[x.shape[1]]
            name = {"layer": layer, "vector": vector}
            energies[layer, vector] = [name | row | images for row in energy_rows]
            companions[layer, vector] = {size: name | row for size, row in measured.items()}
    order = [(layer, vector) for layer in layers for vector in vectors]
    sizes = sorted({size for key in order for size in companions[key]}, reverse=True)
    rows_of_measures = [companions[key][size] for size in sizes for key in order if size in companions[key]]
    return [row for key in order for row in energies[key]], rows_of_measures


def _further(folder: Path, maps: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Pooled features of further images, without those that have no direction in some layer.

    Empty where these are more than MOST_ZERO. maps: of the held-out images, by layer. InputError for other
    numbers of values or images.
    """
    found = {layer: _load_maps(folder / f"{layer}.npy") for layer in maps}
    for layer, values in found.items():
        shape = len(next(iter(found.values()))), maps[layer].shape[1]
        if values.shape != shape:
            raise InputError(f"{folder / layer}.npy: expected {shape[0]} x {shape[1]}, got {values.shape}")
    zero = np.any([zero_rows(values) for values in found.values()], axis=0)
    return {layer: values[~zero] for layer, values in found.items()} if zero.mean() <= MOST_ZERO else {}


def _larger(x: np.ndarray, further: np.ndarray | None, n: int) -> dict[int, Features]:
    """Samples of 2 n, 4 n, ... vectors up to all, by their numbers; none where x is no pooled vector.

    x: of the n held-out images, without those that have no direction; further: of more.
    """
    if further is None or x.shape[1] != further.shape[1]:
        return {}
    everything = np.concatenate([x, further])[:EXACT_IMAGES]
    doubled = (n * 2**double for double in range(1, 64))
    sizes = [size for size in doubled if NEAR * size < len(everything)]
    return {size: Features(everything[:size]) for size in [*sizes, len(everything)]}


def zero_rows(maps: np.ndarray) -> np.ndarray:
    """Which images have no value but 0: N bools. Values far apart are looked at first, few images whole."""
    values = maps.reshape(len(maps), -1)
    zero = ~(values[:, :: max(1, values.shape[1] // 64)] != 0).any(axis=1)
    zero[zero] = ~(values[zero] != 0).any(axis=1)
    return zero


def unmeasured(
    maps: dict[str, np.ndarray],
    powers: list[float],
    vectors: list[str],
    centred: list[bool],
    images: dict[str, Any],
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """The rows of `energies_and_measures` where too many images have no direction: nan but for the counts."""
    energies, companions = [], []
    for layer, vector in itertools.product(maps, vectors):
        name = {"layer": layer, "vector": vector}
        counts = {"n_dim": READINGS[vector](maps[layer][:1]).shape[1], "n_duplicates": 0} | images
        energies += [
            dict.fromkeys(ENERGY_COLUMNS, math.nan) | name | {"centred": center, "s": s} | counts
            for center, s in itertools.product(centred, powers)
        ]
        companions.append(
            dict.fromkeys(MEASURE_COLUMNS, math.nan) | name | {"measure_images": images["n_images"]}
        )
    return energies, companions


def random_rows(n: int, size: int, seed: int) -> np.ndarray:
    """`size` of the numbers 0 ... n - 1, each set as likely as any other, ascending.

    The energy of such rows is an unbiased estimate of that of all n; its standard error is the jackknife's.
    """
    return np.sort(np.random.default_rng(seed).choice(n, size, replace=False))


def add_second(
    rows: list[dict[str, Any]], path: Path, vector: str, powers: list[float], centred: list[bool]
) -> None:
    """Add to the rows of a layer and vector the energies of the other images' features in `path`.

    Images without a direction are left out; with more than MOST_ZERO of them nothing is added.
    """
    maps = _load_maps(path)
    if len(maps) > EXACT_IMAGES:
        maps = maps[random_rows(len(maps), EXACT_IMAGES, seed=0)]
    zero = zero_rows(maps)
    if zero.mean() > MOST_ZERO:
        return
    features = Features(READINGS[vector](maps[~zero] if zero.any() else maps))
    others = energies_of(features, powers, centred, f"{path}: vector {vector}")
    for row, other in zip(rows, others, strict=True):
        row["energy_2"] = other["energy"]


def _load_maps(path: Path) -> np.ndarray:
    maps = _load(path)
    if maps.ndim not in (2, 4) or 0 in maps.shape or len(maps) < 2 or maps.dtype.kind != "f":
        expected = "floats, N x C x H x W or N x C with N >= 2"
        raise InputError(f"{path}: expected {expected}, got {maps.dtype} of shape {maps.shape}")
    return maps


def energies_of(
    features: Features, powers: list[float], centred: list[bool], where: str
) -> list[dict[str, Any]]:
    """Energies of one matrix: rows of energy.csv without layer and vector.

    Args:
        features: N >= 2 vectors.
        powers: The powers s.
        centred: Whether the mean is subtracted first: one of both, or both.
        where: What the vectors are, for messages.

    Raises:
        InputError: a row that is not finite or has no direction.
    """
    rows = []
    for center in centred:
        try:
            with np.errstate(invalid="ignore"):  # entries that are not finite are named by the energy
                gram = features.centred_gram if center else features.gram
                result = hyperspherical_energy(features.x, powers, center=center, gram=gram)
        except ValueError as error:
            raise InputError(f"{where}{', centred' if center else ''}: {error}") from None
        for s in powers:
            rows.append(
                {
                    "centred": center,
                    "s": s,
                    "energy": result.value[s],
                    "diversity": -result.value[s],
                    "energy_se": result.standard_error[s],
                    "excess": excess_energy(result.value[s], result.dim, s),
                    "excess_z": excess_z(result.value[s], result.dim, s, result.n),
                    **{f"excess_{part}": getattr(result.parts[s], part) for part in PARTS},
                    "effective_dimension": effective_dimension(result.value[s], s),
                    "mean_cosine": result.mean_cosine,
                    "n_dim": result.dim,
                    "n_duplicates": len(result.duplicates),
                    "energy_2": math.nan,
                }
            )
    return rows


def in_headline(rows: list[dict[str, Any]]) -> float:
    """The diversity with s = 1, not centred, among the rows of a reading; nan if it was not asked for."""
    return next((row["diversity"] for row in rows if row["s"] == 1 and not row["centred"]), math.nan)


def headline_diversity(features: Features) -> float:
    """Minus the energy with s = 1, not centred."""
    return -hyperspherical_energy(features.x, [1], gram=features.gram).value[1]


def companions_of(
    features: Features, head: Features | None = None, views: tuple[np.ndarray, np.ndarray] | None = None
) -> dict[str, float]:
    """Companion measures of one matrix, by name; nan those of what is not given, or of too few images."""
    given = {FEATURES: (features,), HEAD: (features, head), TWO_VIEWS: views or (None,)}
    with np.errstate(divide="ignore", invalid="ignore"):  # nan where all images are alike
        return {name: companion(*given[companion.of]) for name, companion in COMPANIONS.items()}


def _views(path: Path, layer: str, n: int) -> tuple[np.ndarray, np.ndarray] | None:
    """The two views of each of n images, where both have a direction; None without such a file.

    With more than MOST_ZERO of the images without one it is None, too.
    """
    if not path.exists():
        return None
    views = _load(path)
    if views.ndim != 3 or views.shape[:2] != (2, n):
        raise InputError(f"{path}: expected 2 x N x C with N = {n}, got {views.shape}")
    for view in views:
        for row in np.flatnonzero(~np.isfinite(view).all(axis=1))[:1]:
            raise InputError(f"{path}: layer {layer}: row {row} is not finite: it has no direction")
    zero = zero_rows(views[0]) | zero_rows(views[1])
    return (views[0][~zero], views[1][~zero]) if zero.mean() <= MOST_ZERO else None


def _load(path: Path) -> np.ndarray:
    try:
        values = np.load(path, mmap_mode="r")
    except FileNotFoundError:
        raise InputError(f"{path} does not exist; snakemake --forcerun extract makes features anew") from None
    except (ValueError, EOFError, OSError) as error:
        raise InputError(f"{path} cannot be read as a NumPy array: {error}") from None
    if not isinstance(values, np.ndarray):  # an archive of several
        raise InputError(f"{path} cannot be read as a NumPy array: it is an archive, as .npz")
    return values


def write_energies(path: Path, rows: list[dict[str, Any]], model: str = "") -> None:
    """Write the rows of energy.csv, and which model they are of; InputError where nothing may be written."""
    _write(path, ENERGY_COLUMNS, rows, model)


def write_measures(path: Path, rows: list[dict[str, Any]], model: str = "") -> None:
    """Write the rows of measures.csv, and which model they are of; InputError as `write_energies`."""
    _write(path, MEASURE_COLUMNS, rows, model)


def _write(path: Path, columns: list[str], rows: list[dict[str, Any]], model: str) -> None:
    with atomic_write(path) as part, part.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow([*columns, "model"])
        writer.writerows([*(_cell(row[column]) for column in columns), model] for row in rows)


def _cell(value: Any) -> str:
    """As text that reads back to the same value; empty where there is none."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return "" if math.isnan(value) else repr(float(value))
    return str(value)
