"""What a linear classifier is given of each layer, and how it is judged."""

import math
from collections.abc import Iterator
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from feature_diversity.base.errors import InputError
from feature_diversity.data import store
from feature_diversity.data.loader import evaluation_batches
from feature_diversity.measures.readings import VISSL_VALUES, VISSL_WINDOWS
from feature_diversity.networks import model

BATCH = 256  # images through the trunk at a time; results do not depend on it


def pool(maps: Tensor) -> Tensor:
    """Pool maps to about 9,000 values an image, as VISSL for its linear classifiers (`readings.vissl`).

    Args:
        maps: N x C x H x W, or N x C of the pooled trunk.

    Returns:
        N x C x k x k; N x C x 1 x 1 of the pooled trunk.
    """
    if maps.ndim == 2:
        return maps[:, :, None, None]
    channels, height, width = maps.shape[1:]
    if (channels, height, width) in VISSL_WINDOWS:
        window, stride, padding = VISSL_WINDOWS[channels, height, width]
        return F.avg_pool2d(maps, window, stride, padding)
    k = max(1, math.isqrt(VISSL_VALUES // channels))
    return F.adaptive_avg_pool2d(maps, (min(k, height), min(k, width)))


@torch.no_grad()
def features(network: model.Model, split: store.Split, facts: store.Facts, layer: str = "trunk") -> Tensor:
    """Compute pooled features of a layer, float32, N x values, in eval mode and without augmentation.

    Raises InputError if some are not finite.
    """
    pooled = [pool(maps[layer]).flatten(1) for maps, _ in layers_of(network, split, facts, [layer])]
    x = torch.cat(pooled)
    check_finite(x, layer)
    return x


def check_finite(features: Tensor, layer: str) -> None:
    """InputError for features of a layer, a row for each image, that are not all finite numbers.

    The sum of finite numbers is finite unless it overflows; only then each is looked at.
    """
    if not torch.isfinite(features.sum()) and not torch.isfinite(features).all():
        bad = (~torch.isfinite(features.flatten(1))).any(dim=1)
        raise InputError(
            f"features of layer {layer} are not finite for {int(bad.sum()):,} of {len(bad):,} images: the "
            "network has diverged"
        )


@torch.no_grad()
def layers_of(
    network: model.Model, split: store.Split, facts: store.Facts, layers: list[str]
) -> Iterator[tuple[dict[str, Tensor], Tensor]]:
    """Yield each batch's outputs of the layers, in eval mode and without augmentation, and its labels."""
    split = split.to(model.device())
    for images, labels, _ in evaluation_batches(split, facts.image_size, BATCH):
        x = store.normalise(store.to_unit(images), facts)
        yield network.trunk.forward_layers(x, layers), labels


def judge(validation: Tensor, test: Tensor, labels: list[Tensor]) -> dict[str, Any]:
    """Compute errors and top-1 and top-5 accuracies.

    Args:
        validation: scores, N x classes.
        test: scores, M x classes.
        labels: int64, of validation and of test.

    Returns:
        val_error, val_top1, val_top5, test_error, test_top1, test_top5: shares, 0 ... 1.
    """
    result = {}
    for name, scores, truth in (("val", validation, labels[0]), ("test", test, labels[1])):
        result[f"{name}_error"] = error(scores, truth)
        result[f"{name}_top1"] = top_accuracy(scores, truth, 1)
        result[f"{name}_top5"] = top_accuracy(scores, truth, 5)
    return result


def top_accuracy(scores: Tensor, labels: Tensor, k: int) -> float:
    """Compute the share of rows whose label is among the k highest scores (N x classes)."""
    k = min(k, scores.shape[1])
    return (scores.topk(k, dim=1).indices == labels[:, None]).any(dim=1).double().mean().item()


def error(scores: Tensor, labels: Tensor) -> float:
    """Compute the share of rows whose label does not have the highest score."""
    return (scores.argmax(dim=1) != labels).double().mean().item()
