"""The error of a linear classifier on the frozen trunk, on another data set than the network's own."""

import math
from dataclasses import replace
from typing import Any

from feature_diversity.data import store
from feature_diversity.evaluation.cached_protocol import cached
from feature_diversity.evaluation.probes import features
from feature_diversity.networks import model


def transfer_error(
    network: model.Model,
    facts: store.Facts,
    other: store.Facts,
    splits: list[store.Split],
    penalties: list[float],
) -> dict[str, Any]:
    """Judge the trunk by a linear classifier on other images (Kornblith et al. 2019, arXiv 1805.08974).

    They reach the network as its own images do, with the mean and deviation of these.

    Args:
        network: Whose trunk is frozen.
        facts: Of the data set that it was trained on.
        other: Of the other one.
        splits: Train, validation and test of the other one.
        penalties: Of the classifier; validation chooses.

    Returns:
        error: On the test images, a share, 0 ... 1. se: Its standard error over test images. penalty: The one
        chosen.

    Raises:
        InputError: Features that are not finite.
    """
    seen = replace(other, mean=facts.mean, std=facts.std)
    x = [features(network, split, seen) for split in splits]
    labels = [split.labels.to(model.device()) for split in splits]
    judged = cached(x, labels, len(other.class_names), penalties)
    error = judged["test_error"]
    se = math.sqrt(error * (1 - error) / len(labels[2]))
    return {"error": error, "se": se, "penalty": judged["penalty"]}
