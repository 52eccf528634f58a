"""The protocol `cached`: features once and without augmentation, converged classifiers for all penalties."""

from typing import Any

import torch
from torch import Tensor

from feature_diversity.evaluation.logistic import fit_grid
from feature_diversity.evaluation.probes import error, judge

SPLITS = ("train", "validation", "test")


def cached(
    features: list[Tensor], labels: list[Tensor], classes: int, penalties: list[float]
) -> dict[str, Any]:
    """Fit converged classifiers for all penalties, and judge the one with the least validation error.

    Each feature is standardised by its mean and deviation over the training images. A tie in validation error
    goes to the larger penalty.

    Args:
        features: N x D, of train, validation and test.
        labels: int64, N, of the same.
        classes: how many.
        penalties: to choose from.

    Returns:
        The penalty chosen, all penalties, and what `judge` returns.
    """
    std, mean = torch.std_mean(features[0], dim=0)
    features = [(x - mean) / torch.where(std > 0, std, 1) for x in features]
    penalties = sorted(penalties, reverse=True)
    classifiers = fit_grid(features[0], labels[0], classes, penalties)
    scores = [[x @ weight + bias for x in features[1:]] for weight, bias in classifiers]
    errors = [error(validation, labels[1]) for validation, _ in scores]
    best = min(range(len(penalties)), key=lambda i: errors[i])
    return {
        "penalty": penalties[best],
        "penalties": penalties,
        **judge(scores[best][0], scores[best][1], labels[1:]),
    }
