"""Linear evaluation: how well a linear classifier on the frozen trunk tells the classes apart."""

from typing import Any

import torch
from torch import Tensor

from feature_diversity.data import store
from feature_diversity.evaluation import sgd_protocol as vissl_linear
from feature_diversity.evaluation.knn import knn_scores
from feature_diversity.evaluation.logistic import fit_grid
from feature_diversity.evaluation.probes import error, features, judge
from feature_diversity.networks import model

SPLITS = ("train", "validation", "test")


def evaluate(
    network: model.Model,
    facts: store.Facts,
    splits: list[store.Split],
    *,
    protocol: str = "cached",
    layers: list[str] | None = None,
    penalties: list[float],
    **training: Any,
) -> dict[str, Any]:
    """Judge the trunk and perhaps other layers by linear classifiers; validation chooses, test reports.

    Also by weighted k nearest neighbours, on the trunk's features.

    Args:
        network: whose trunk is frozen.
        facts: of the data set.
        splits: train, validation, test.
        protocol: "cached", features once without augmentation and converged classifiers for all penalties, or
            "vissl", classifiers trained by SGD on augmented images.
        layers: beside the trunk.
        penalties: of the protocol cached.
        **training: options of `sgd_protocol.train`, of the protocol vissl.

    Returns:
        The contents of linear.json.
    """
    layers = ["trunk", *[layer for layer in layers or [] if layer != "trunk"]]
    labels = [split.labels.to(model.device()) for split in splits]
    trunk = [features(network, split, facts) for split in splits]
    if protocol == "vissl":
        classifiers = vissl_linear.train(network, splits[0], facts, layers, **training)
        validation, test = (vissl_linear.scores(classifiers, network, split, facts) for split in splits[1:])
        found = {layer: judge(validation[layer], test[layer], labels[1:]) for layer in layers}
    else:
        found = {}
        for layer in layers:
            x = trunk if layer == "trunk" else [features(network, split, facts, layer) for split in splits]
            found[layer] = cached(x, labels, len(facts.class_names), penalties)
    neighbours = [knn_scores(trunk[0], labels[0], x, len(facts.class_names)) for x in trunk[1:]]
    return {
        "protocol": protocol,
        "layer": "trunk",
        "penalty": None,
        **found["trunk"],
        "layers": found,
        "knn_val_error": error(neighbours[0], labels[1]),
        "knn_test_error": error(neighbours[1], labels[2]),
        "n_train": len(labels[0]),
        "n_val": len(labels[1]),
        "n_test": len(labels[2]),
    }


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
