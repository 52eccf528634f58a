"""Where images come from, one file for each data set. Adding one means adding a file; its name is the file's.

A file holds `load(folder)`, which returns a `Source`: the images as they were published. Resizing and
dividing them is done by the stage `data`. `folder` is where the user keeps data sets. A data set that
may lie anywhere has `load(folder, path)`, `path` being the study's `dataset.path`. One of a fixed size says
so in `IMAGES`, (training images, test images), so that studies are checked before it is loaded; one whose
images stay in files says `IN_FILES = True`, so that no memory is asked for them.
"""

import importlib
import inspect
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from feature_diversity.base.errors import InputError


@dataclass(frozen=True)
class Source:
    """A data set as it was published.

    Attributes:
        images: uint8, N x C x H x W, C = 1 (grey) or 3, or names of files below the data folder.
        labels: int64, N, from 0.
        is_test: bool, N; all False where the data set comes without a test set.
        class_names: in the order of the labels.
        spans: where images lie in those files, int64, N x 3 as in `ImageFiles`; None where each file is one.
    """

    images: np.ndarray | list[str]
    labels: np.ndarray
    is_test: np.ndarray
    class_names: list[str]
    spans: np.ndarray | None = None


def load(name: str, folder: Path, path: str = "") -> Source:
    """Load the data set of that name.

    Args:
        name: of a file in this folder.
        folder: where the user keeps data sets.
        path: where it lies in `folder`, for data sets that may lie anywhere; empty for its usual place.

    Raises:
        InputError: it cannot be had or is damaged, has a label that is no class, or has no `path`.
    """
    module = importlib.import_module(f"feature_diversity.data.sources.{name}")
    if path and "path" not in inspect.signature(module.load).parameters:
        raise InputError(
            f"dataset.path is {path!r}, expected none: {name} has a place of its own in {folder}"
        )
    source = module.load(folder, path) if path else module.load(folder)
    out = np.flatnonzero((source.labels < 0) | (source.labels >= len(source.class_names)))
    if len(out):
        raise InputError(
            f"{name}: the label of image {out[0]} is {source.labels[out[0]]}, expected 0 to "
            f"{len(source.class_names) - 1}, its {len(source.class_names)} classes ({len(out)} such images)"
        )
    return source
