"""How many images there are where they lie in folders, and whether they are enough, before any job."""

import importlib
import json
import os
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open

from feature_diversity.base.literals import literal
from feature_diversity.base.paths import SOURCES
from feature_diversity.data.sizes import split_sizes
from feature_diversity.planning.checks import check_batches
from feature_diversity.planning.study import Study


def count_images(study: Study, folder: Path, prepared: Path) -> int | None:
    """Count the images that a training of the study sees.

    Args:
        study: of any data set.
        folder: where data sets lie.
        prepared: the study's prepared file, which knows, once it is there.

    Returns:
        Their number; None where it is known only once the data set is loaded.

    Raises:
        InputError: folders that are no data set, or splits or batches that are too large for them.
    """
    images = _count(study, folder, prepared)
    if images is not None:
        check_batches(study, images)
    return images


HELD_OUT = "dataset: held_out"  # begins what is other about images that no training sees


def changed_since(study: Study, prepared: Path) -> list[str]:
    """What the study's block `dataset` says otherwise than when its prepared file was made; empty if nothing.

    prepared: the file; of one that is missing or does not say, nothing is known.
    """
    try:
        with safe_open(str(prepared), framework="np") as file:
            before: dict[str, Any] = json.loads(file.get_tensor("asked").tobytes())
    except (OSError, SafetensorError, KeyError, TypeError, ValueError):
        return []
    return [
        f"dataset: {key} is {before[key]}, expected {study.dataset[key]}"
        for key in sorted(before.keys() & study.dataset.keys())
        if before[key] != study.dataset[key]
    ]


def _count(study: Study, folder: Path, prepared: Path) -> int | None:
    dataset = study.dataset
    if literal(SOURCES / f"{dataset['name']}.py", "IMAGES", default=None) is not None:
        return study.train_images
    if prepared.exists() and not changed_since(study, prepared):
        try:
            with safe_open(str(prepared), framework="np") as file:
                return int(file.get_slice("train.labels").get_shape()[0])
        except (OSError, SafetensorError):
            return None  # its readers say what is wrong with it
    source = importlib.import_module(f"feature_diversity.data.sources.{dataset['name']}")
    lies_here = (folder / os.path.expanduser(dataset["path"])).is_dir()
    if not (hasattr(source, "count") and lies_here):  # data may lie where jobs run, and not here
        return study.train_images
    keys = ("test", "validation", "held_out", "held_out_2", "train")
    sizes = split_sizes(*source.count(folder, dataset["path"]), **{key: dataset[key] for key in keys})
    return sizes["train"]
