"""Preparing a data set: taken from its source, divided, and written as one file."""

import csv
import hashlib
import json
import math
import os
import sys
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import save_file
from torch import Tensor

from feature_diversity.base.errors import InputError
from feature_diversity.base.files import atomic_write
from feature_diversity.data import sources, store
from feature_diversity.data.image_files import CROP_SHARE, ImageFiles
from feature_diversity.data.inspection import inspect, shrunk
from feature_diversity.data.splits import copies, divide
from feature_diversity.data.store import SPLITS, Facts

IMAGENET_MEAN = [0.485, 0.456, 0.406]  # VISSL's, for all images in files
IMAGENET_STD = [0.229, 0.224, 0.225]
NAMED = 5  # of the images that something is wrong with


def prepare(
    folder: Path,
    output: Path,
    *,
    name: str,
    image_size: int,
    path: str = "",
    stored_size: int = 0,
    cache: bool = False,
    duplicates: str = "refuse",
    held_out_list: Path | None = None,
    threads: int = 1,
    **sizes: int,
) -> dict[str, int]:
    """Take a data set from its source, divide it, and write the prepared file that `store.read` reads.

    Args:
        folder: Where data sets are looked for and downloaded to.
        output: The prepared file (safetensors).
        name: One of the files in `data/sources`.
        image_size: Side in pixels of what the network takes.
        path: Folder of the images below `folder`, for sources that need one.
        stored_size: Side in pixels of what training begins with. 0: image_size, or, for images in files, what
            VISSL's crop takes.
        cache: Whether training images in files are kept, made smaller, beside the output.
        duplicates: "refuse" or "drop" training images that are also test or validation images.
        held_out_list: Where to list the held-out images (csv), if anywhere.
        threads: For decoding images in files.
        sizes: Of the splits, and the seed that they are drawn with, as `divide` takes them.

    Returns:
        Split -> number of its images.

    Raises:
        InputError: A data set that is not there or is damaged, splits that it does not allow, copies of test
            images, a cache of images that are kept in memory.
    """
    asked = {"name": name, "image_size": image_size, "path": path, "stored_size": stored_size}
    asked |= {"cache": cache, "duplicates": duplicates, **sizes}
    source = sources.load(name, folder, path)
    in_files = isinstance(source.images, list)
    if cache and not in_files:
        raise InputError(f"dataset.cache is true, expected false: the images of {name} are kept in memory")
    stored_size = stored_size or (round(image_size / CROP_SHARE) if in_files else image_size)
    images = source.images
    if in_files:
        images = ImageFiles(folder, source.images, source.spans, image_size, stored_size)
        stamps = stamps_of(images)  # before they are looked at: a file that changes then is noticed, too
    contents, corrupt = inspect(images, threads)
    rows = divide(source.labels, source.is_test, candidates=without(corrupt, source.is_test), **sizes)
    rows = without_copies(rows, copies(rows, contents), name, images, drop=duplicates == "drop")

    if in_files:
        mean, std = IMAGENET_MEAN, IMAGENET_STD
        parts = {split: where_they_lie(source, rows[split], stamps, contents) for split in SPLITS}
        kept = b"".join(contents[rows["train"]])
        if cache:
            spans = write_cache(folder, output, parts["train"], image_size, stored_size, threads)
            parts["train"] = {"cached": spans}
            with open(store.cache_path(output), "rb") as file:
                kept = hashlib.file_digest(file, "blake2b").digest()
    else:
        pixels = store.resize(torch.from_numpy(images), stored_size)
        mean, std = mean_and_std(pixels[rows["train"]])
        parts = {split: {"images": pixels[rows[split]]} for split in SPLITS}
        kept = parts["train"]["images"].numpy()
    digest = digest_of(kept, source.labels[rows["train"]])
    facts = Facts(name, mean, std, image_size, stored_size, source.class_names, digest)
    write(output, facts, parts, source.labels, rows, asked)
    if held_out_list:
        write_held_out(held_out_list, source, images, rows)
    return {split: len(rows[split]) for split in SPLITS}


def without(corrupt: dict[int, str], is_test: np.ndarray) -> np.ndarray:
    """Rows of the images that can be decoded; the others are counted and named on standard error.

    Raises InputError if a published test image is among them, since the error would be another data set's.
    """
    for reason in list(corrupt.values())[:NAMED]:
        print(f"left out: {reason}", file=sys.stderr)
    if corrupt:
        print(f"{len(corrupt)} corrupt images left out", file=sys.stderr)
    for row, reason in corrupt.items():
        if is_test[row]:
            raise InputError(f"a test image is corrupt: {reason}")
    return np.setdiff1d(np.arange(len(is_test)), list(corrupt))


def without_copies(
    rows: dict[str, np.ndarray], found: dict[str, np.ndarray], name: str, images: Any, *, drop: bool
) -> dict[str, np.ndarray]:
    """The splits without images that are also in one that must not be seen, if these are to be dropped.

    found: what `copies` found. Raises InputError naming the images unless `drop`.
    """
    for split, pairs in found.items():
        if not len(pairs):
            continue
        shown = [f"{name_of(images, a)} and {name_of(images, b)}" for a, b in pairs[:NAMED]]
        message = (
            f"{name}: {len(pairs)} {split} images are also test or validation images: {'; '.join(shown)}"
        )
        if not drop:
            raise InputError(f"{message}. Set dataset.duplicates: drop to leave the {split} images out")
        print(f"left out: {message}", file=sys.stderr)
        rows = rows | {split: np.setdiff1d(rows[split], pairs[:, 0])}
    return rows


def name_of(images: np.ndarray | ImageFiles, row: int) -> str:
    """What to call an image."""
    return images.name(row) if isinstance(images, ImageFiles) else f"image {row}"


def mean_and_std(images: Tensor) -> tuple[list[float], list[float]]:
    """Mean and standard deviation of each channel of uint8 images, as shares of 255.

    They are of exact sums, so that no bit of them hangs on the number of threads.
    """
    means, deviations = [], []
    for channel in images.unbind(1):
        counts = torch.bincount(channel.flatten(), minlength=256).tolist()
        n = sum(counts)
        total = sum(value * count for value, count in enumerate(counts))
        squares = sum(value**2 * count for value, count in enumerate(counts))
        means.append(total / n / 255)
        deviations.append(math.sqrt((n * squares - total**2) / (n * (n - 1))) / 255)
    return means, deviations


def digest_of(kept: bytes | np.ndarray, labels: np.ndarray) -> str:
    """Digest of images, or of their digests, and labels: 32 hexadecimal digits."""
    digest = hashlib.blake2b(kept, digest_size=16)
    digest.update(labels.astype("<i8"))
    return digest.hexdigest()


def stamps_of(images: ImageFiles) -> np.ndarray:
    """Size in bytes and time (ns) of each file, int64, P x 2; -1 of one that cannot be read."""
    stamps = np.full((len(images.paths), 2), -1)
    for number, path in enumerate(images.paths):
        with suppress(OSError):
            status = os.stat(images.folder / path)
            stamps[number] = status.st_size, status.st_mtime_ns
    return stamps


def where_they_lie(
    source: sources.Source, rows: np.ndarray, stamps: np.ndarray, contents: np.ndarray
) -> dict[str, Tensor]:
    """Where the images of those rows lie and what they were then, as the prepared file has it.

    stamps: of all files. contents: digests of all images.
    """
    digests = np.frombuffer(b"".join(contents[rows]), np.uint8).reshape(-1, 16).copy()
    if source.spans is None:
        where = {"paths": store.join_names([source.images[row] for row in rows])}
        stamps = stamps[rows]
    else:
        where = {"paths": store.join_names(source.images), "spans": torch.from_numpy(source.spans[rows])}
    return where | {"stamps": torch.tensor(stamps), "digests": torch.from_numpy(digests)}


def write_cache(
    folder: Path, output: Path, train: dict[str, Tensor], size: int, stored_size: int, threads: int
) -> Tensor:
    """Write the training images, made smaller, one after the other beside the output: int64, N x 3 spans."""
    spans = train["spans"].numpy() if "spans" in train else None
    images = ImageFiles(folder, store.split_names(train["paths"]), spans, size, stored_size)
    lengths = []
    with atomic_write(store.cache_path(output)) as path, open(path, "wb") as file:
        for content in shrunk(images, threads):
            lengths.append(file.write(content))
    lengths = torch.tensor(lengths)
    return torch.stack([torch.zeros_like(lengths), lengths.cumsum(0) - lengths, lengths], dim=1)


def write(
    path: Path,
    facts: Facts,
    parts: dict[str, dict[str, Tensor]],
    labels: np.ndarray,
    rows: dict[str, np.ndarray],
    asked: dict[str, Any],
) -> None:
    """Write the prepared file. labels: of the whole data set. parts, rows: of each split. asked: for what."""
    tensors: dict[str, Any] = {}
    for split in SPLITS:
        tensors |= {f"{split}.{key}": value for key, value in parts[split].items()}
        tensors[f"{split}.labels"] = torch.from_numpy(labels[rows[split]])
        tensors[f"{split}.rows"] = torch.tensor(rows[split])  # a copy: two splits may be one
    with atomic_write(path) as temporary:
        # several entries of the metadata would come in another order each time, and so other bytes
        text = json.dumps(asked, sort_keys=True).encode()
        tensors["asked"] = torch.frombuffer(bytearray(text), dtype=torch.uint8)
        save_file(tensors, temporary, metadata={"facts": json.dumps(asdict(facts))})


def write_held_out(
    path: Path, source: sources.Source, images: np.ndarray | ImageFiles, rows: dict[str, np.ndarray]
) -> None:
    """List the images whose features the energy is computed from: draw, row, class, and the file's name."""
    with (
        atomic_write(path) as temporary,
        open(temporary, "w", encoding="utf-8", errors="backslashreplace", newline="") as file,
    ):
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["draw", "row", "label", "class", "image"])
        for draw, split in enumerate(("held_out", "held_out_2"), start=1):
            for row in rows[split]:
                label = source.labels[row]
                writer.writerow([draw, row, label, source.class_names[label], name_of(images, row)])
