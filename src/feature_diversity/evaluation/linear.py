"""Linear evaluation: how well a linear classifier on the frozen trunk tells the classes apart."""

from typing import Any

from feature_diversity.data import store
from feature_diversity.evaluation import sgd_protocol as vissl_linear
from feature_diversity.evaluation.cached_protocol import cached
from feature_diversity.evaluation.knn import knn_scores
from feature_diversity.evaluation.probes import error, features, judge
from feature_diversity.networks import model


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
