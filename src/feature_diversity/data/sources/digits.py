"""The digits that scikit-learn brings along."""

from pathlib import Path

import numpy as np
from sklearn.datasets import load_digits

from feature_diversity.data.sources import Source

IMAGES = (1797, 0)  # in its training set and in its test set


def load(folder: Path) -> Source:
    """Load 1,797 handwritten digits, 8 x 8 pixels, from scikit-learn (Alpaydin & Kaynak 1998)."""
    bunch = load_digits()
    images = np.rint(bunch.images * (255 / 16)).astype(np.uint8)[:, None]
    return Source(
        images, bunch.target.astype(np.int64), np.zeros(len(images), bool), [str(i) for i in range(10)]
    )
