"""The stage `linear_eval`: how well a linear classifier on the frozen trunk tells the classes apart."""

import argparse
import json
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from feature_diversity import model
from feature_diversity.data import store
from feature_diversity.data.loader import evaluation_batches
from feature_diversity.files import atomic_write
from feature_diversity.logistic import fit_path
from feature_diversity.progress import announce_ready

BATCH = 256  # images through the trunk at a time; results do not depend on it


def main(argv: list[str]) -> None:
    """Command line of the stage; see --help."""
    parser = argparse.ArgumentParser(prog="feature_diversity linear_eval", description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="prepared data set")
    parser.add_argument(
        "--models", type=Path, nargs="+", required=True, help="model.safetensors of one or more runs"
    )
    parser.add_argument(
        "--options", type=json.loads, required=True, help="a study's block `linear_evaluation` (JSON)"
    )
    parser.add_argument("--outputs", type=Path, nargs="+", required=True, help="linear.json for each model")
    parser.add_argument("--threads", type=int, default=1)
    arguments = parser.parse_args(argv)
    torch.set_num_threads(arguments.threads)

    facts, splits = store.read(arguments.data, "train", "validation", "test")
    announce_ready()
    for path, output in zip(arguments.models, arguments.outputs, strict=True):
        result = evaluate(model.read(path), facts, splits, arguments.options["penalties"])
        with atomic_write(output) as temporary:
            temporary.write_text(json.dumps(result, indent=2) + "\n")
        print(
            f"{path.parent.name}: test error {result['test_error']:.4f}, "
            f"validation error {result['val_error']:.4f}"
        )


def evaluate(
    network: model.Model, facts: store.Facts, splits: list[store.Split], penalties: list[float]
) -> dict[str, Any]:
    """Linear evaluation with cached features: every penalty is tried, validation chooses, test reports.

    splits: train, validation, test. Features are the pooled trunk's, each standardised by its mean
    and deviation over the training images. A tie in validation error goes to the larger penalty.
    """
    features = [trunk_features(network, split, facts) for split in splits]
    std, mean = torch.std_mean(features[0], dim=0)
    features = [(x - mean) / torch.where(std > 0, std, 1) for x in features]
    labels = [split.labels.to(model.device()) for split in splits]
    penalties = sorted(penalties, reverse=True)
    classifiers = fit_path(features[0], labels[0], len(facts.class_names), penalties)
    scores = [[x @ weight + bias for x in features[1:]] for weight, bias in classifiers]
    errors = [error(validation, labels[1]) for validation, _ in scores]
    best = min(range(len(penalties)), key=lambda i: errors[i])
    validation, test = scores[best]
    return {
        "protocol": "cached",
        "layer": "trunk",
        "penalty": penalties[best],
        "penalties": penalties,
        "val_error": errors[best],
        "val_top1": top_accuracy(validation, labels[1], 1),
        "val_top5": top_accuracy(validation, labels[1], 5),
        "test_error": error(test, labels[2]),
        "test_top1": top_accuracy(test, labels[2], 1),
        "test_top5": top_accuracy(test, labels[2], 5),
        "n_train": len(labels[0]),
        "n_val": len(labels[1]),
        "n_test": len(labels[2]),
    }


@torch.no_grad()
def trunk_features(network: model.Model, split: store.Split, facts: store.Facts) -> Tensor:
    """Pooled features, float32, N x channels, of all images, in eval mode and without augmentation."""
    batches = evaluation_batches(split.to(model.device()), facts.image_size, BATCH)
    return torch.cat(
        [network.trunk(store.normalise(store.to_unit(images), facts)) for images, _, _ in batches]
    )


def top_accuracy(scores: Tensor, labels: Tensor, k: int) -> float:
    """Share of rows whose label is among the k highest scores (N x classes)."""
    k = min(k, scores.shape[1])
    return (scores.topk(k, dim=1).indices == labels[:, None]).any(dim=1).double().mean().item()


def error(scores: Tensor, labels: Tensor) -> float:
    """Share of rows whose label does not have the highest score."""
    return (scores.argmax(dim=1) != labels).double().mean().item()
