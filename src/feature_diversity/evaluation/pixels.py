"""How well a linear classifier on the images themselves does: what a network's features have to beat."""

from dataclasses import replace
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from feature_diversity.data import store
from feature_diversity.data.image_files import ImageFiles
from feature_diversity.data.loader import evaluation_batches
from feature_diversity.data.splits import stratified_draw
from feature_diversity.evaluation.cached_protocol import cached

BATCH = 256  # images read at a time; results do not depend on it
# The cost has a bound, whatever the data set; Fashion-MNIST and CIFAR are within it as they stand.
SIDE = 32  # pixels: larger images are averaged down to it, 3,072 values at most
MOST_IMAGES = 60_000  # for training: 3 GB in four copies
MOST_SCORES = 20_000_000  # training images x classes: 20 images a class of ImageNet
SEED = 0  # of the draw where there are more


def pixel_errors(
    facts: store.Facts, splits: list[store.Split], penalties: list[float], device: torch.device
) -> dict[str, Any]:
    """Judge a linear classifier on raw pixels as those on features are judged, and one that knows nothing.

    Args:
        facts: of the data set.
        splits: train, validation, test.
        penalties: L2 penalties to choose from by validation error.
        device: where to compute.

    Returns:
        The contents of pixels.json: what `cached` returns; `n_train`, `n_val` and `n_test`, how many images;
        `values`, numbers an image; `chance_error`, of naming the training images' most frequent class.
    """
    classes = len(facts.class_names)
    train = _drawn(splits[0], min(MOST_IMAGES, MOST_SCORES // classes))
    parts = [part.to(device) for part in (train, *splits[1:])]
    x = [values(part, facts.image_size) for part in parts]
    labels = [part.labels for part in parts]
    most_frequent = torch.bincount(splits[0].labels, minlength=classes).argmax()
    return {
        **cached(x, labels, classes, penalties),
        "chance_error": (splits[2].labels != most_frequent).double().mean().item(),
        "n_train": len(labels[0]),
        "n_val": len(labels[1]),
        "n_test": len(labels[2]),
        "values": x[0].shape[1],
    }


def values(split: store.Split, size: int) -> Tensor:
    """The pixels of each image as the network sees it, unless larger than SIDE: float32, N x values, 0 ... 1.

    A larger image is reduced by means over areas (`adaptive_avg_pool2d`).

    Args:
        split: the images.
        size: side in pixels of what the network takes.
    """
    side = min(size, SIDE)
    batches = evaluation_batches(split, size, BATCH)
    return torch.cat(
        [F.adaptive_avg_pool2d(store.to_unit(images), side).flatten(1) for images, _, _ in batches]
    )


def _drawn(split: store.Split, most: int) -> store.Split:
    """The split, or so many of its images, each class in its share."""
    if len(split.labels) <= most:
        return split
    rows = stratified_draw(split.labels.numpy(), most, np.random.default_rng(SEED))
    images: Tensor | ImageFiles
    if isinstance(split.images, Tensor):
        images = split.images[rows]
    else:
        files, digests = split.images, split.images.digests
        whole = np.array([[row, 0, -1] for row in range(len(files))])  # a path an image, from end to end
        spans = whole if files.spans is None else files.spans
        images = replace(files, spans=spans[rows], digests=None if digests is None else digests[rows])
    return store.Split(images, split.labels[rows])
