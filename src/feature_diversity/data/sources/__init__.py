"""Where images come from, one file for each data set. Adding one means adding a file; its name is the file's.

A file holds `load(folder)`, which returns a `Source`: the images as they were published. Enlarging
and dividing them is done by the stage `data`. `folder` is where the user keeps data sets.
"""

import importlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np


@dataclass(frozen=True)
class Source:
    """A data set as it was published.

    images: uint8, N x C x H x W, C = 1 (grey) or 3. labels: int64, N, from 0.
    is_test: bool, N; all False where the data set comes without a test set.
    """

    images: np.ndarray
    labels: np.ndarray
    is_test: np.ndarray
    class_names: list[str]


def load(name: str, folder: Path) -> Source:
    """The data set of that name; InputError if it cannot be had or is damaged."""
    return importlib.import_module(f"feature_diversity.data.sources.{name}").load(folder)
