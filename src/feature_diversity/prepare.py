"""The stage `data`: take a data set from its source, divide it, and write the prepared file."""

import argparse
import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import save_file
from torch import Tensor

from feature_diversity.data import sources
from feature_diversity.data.image_files import CROP_SHARE
from feature_diversity.data.splits import divide
from feature_diversity.data.store import SPLITS, Facts, join_names, resize
from feature_diversity.files import atomic_write
from feature_diversity.progress import announce_ready

IMAGENET_MEAN = [0.485, 0.456, 0.406]  # VISSL's, for all images in files
IMAGENET_STD = [0.229, 0.224, 0.225]


def main(argv: list[str]) -> None:
    """Command line of the stage; see --help."""
    parser = argparse.ArgumentParser(prog="feature_diversity data", description=__doc__)
    parser.add_argument(
        "--folder", type=Path, required=True, help="where data sets are looked for and downloaded to"
    )
    parser.add_argument(
        "--dataset", type=json.loads, required=True, help="a study's block `dataset`, as JSON"
    )
    parser.add_argument("--output", type=Path, required=True, help="the prepared file (safetensors)")
    arguments = parser.parse_args(argv)
    announce_ready()
    options = dict(arguments.dataset)
    name, size = options.pop("name"), options.pop("image_size")
    stored_size = options.pop("stored_size", 0)

    source = sources.load(name, arguments.folder, options.pop("path", ""))
    rows = divide(source.labels, source.is_test, **options)
    if isinstance(source.images, list):
        facts = Facts(
            name,
            IMAGENET_MEAN,
            IMAGENET_STD,
            size,
            stored_size or round(size / CROP_SHARE),
            source.class_names,
        )
        parts = {split: named_images(source, rows[split]) for split in SPLITS}
    else:
        stored_size = stored_size or size
        images = resize(torch.from_numpy(source.images), stored_size)
        facts = Facts(name, *mean_and_std(images[rows["train"]]), size, stored_size, source.class_names)
        parts = {split: {"images": images[rows[split]]} for split in SPLITS}
    write(arguments.output, facts, parts, source.labels, rows)
    print(
        f"{name}: " + ", ".join(f"{len(rows[split]):,} {split}" for split in SPLITS),
        f"images of {size} x {size}",
    )


def mean_and_std(images: Tensor) -> tuple[list[float], list[float]]:
    """Mean and standard deviation of each channel of uint8 images, as shares of 255."""
    std, mean = torch.std_mean(images.to(torch.float64) / 255, dim=(0, 2, 3))
    return mean.tolist(), std.tolist()


def named_images(source: sources.Source, rows: np.ndarray) -> dict[str, Tensor]:
    """Where the images of those rows lie, as the prepared file has it."""
    parts = {"paths": join_names([source.images[row] for row in rows])}
    if source.spans is not None:
        parts["spans"] = torch.from_numpy(source.spans[rows])
    return parts


def write(
    path: Path,
    facts: Facts,
    parts: dict[str, dict[str, Tensor]],
    labels: np.ndarray,
    rows: dict[str, np.ndarray],
) -> None:
    """Write the prepared file. labels: of the whole data set. parts, rows: of each split."""
    tensors: dict[str, Any] = {}
    for split in SPLITS:
        tensors |= {f"{split}.{key}": value for key, value in parts[split].items()}
        tensors[f"{split}.labels"] = torch.from_numpy(labels[rows[split]])
        tensors[f"{split}.rows"] = torch.from_numpy(rows[split])
    with atomic_write(path) as temporary:
        save_file(tensors, temporary, metadata={"facts": json.dumps(asdict(facts))})
