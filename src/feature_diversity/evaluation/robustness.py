"""The error of a linear classifier, fitted to clean images, on corrupted ones."""

import math
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from feature_diversity.compute.draws import generator
from feature_diversity.data import store
from feature_diversity.data.corruptions.corrupt import corrupt
from feature_diversity.data.loader import evaluation_images
from feature_diversity.evaluation.logistic import fit_grid
from feature_diversity.evaluation.probes import features
from feature_diversity.networks import model

SEED = 0  # of what is drawn of the images and of the corruptions: the same for all networks
BATCH = 1000  # images corrupted at a time; another number gives other draws


@dataclass(frozen=True)
class Cell:
    """Test images with one corruption at one severity. rows: int64, which of the test images they are."""

    name: str
    severity: int
    split: store.Split
    rows: Tensor


@dataclass(frozen=True)
class Probe:
    """A linear classifier.

    mean, std: D, of the features that it was fitted to. weight: D x classes. bias: classes.
    """

    mean: Tensor
    std: Tensor
    weight: Tensor
    bias: Tensor

    @classmethod
    def fit(cls, x: Tensor, labels: Tensor, classes: int, penalty: float) -> "Probe":
        """Fit it as `cached_protocol.cached` fits one, to features, N x D, and labels, int64, N."""
        std, mean = torch.std_mean(x, dim=0)
        std = torch.where(std > 0, std, 1)
        ((weight, bias),) = fit_grid((x - mean) / std, labels, classes, [penalty])
        return cls(mean, std, weight, bias)

    def wrong(self, x: Tensor, labels: Tensor) -> Tensor:
        """Which rows it takes for another class: bool, N."""
        scores = (x - self.mean) / self.std @ self.weight + self.bias
        return scores.argmax(dim=1) != labels


def corrupted_cells(
    test: store.Split, facts: store.Facts, *, names: list[str], severities: list[int], images: int
) -> list[Cell]:
    """Corrupt test images by each corruption at each severity.

    The test images are shuffled once. Each cell takes the next so many of them, and begins anew where they
    end. So all of them are seen before one is seen twice, and the mean over cells varies as little as it can.

    Args:
        test: the images.
        facts: of the data set.
        names: of corruptions.
        severities: any of 1 to 5.
        images: in each cell; all test images where there are not more.
    """
    clean, count = evaluation_images(test, facts.image_size), len(test.labels)
    order = torch.randperm(count, generator=generator(SEED, "corrupted images"))
    images = min(images, count)
    cells: list[Cell] = []
    for name in names:
        for severity in severities:
            rows = order[(len(cells) * images + torch.arange(images)) % count]
            draws = generator(SEED, "corruption", name, severity)
            changed = [corrupt(clean[some], name, severity, draws) for some in rows.split(BATCH)]
            cells.append(Cell(name, severity, store.Split(torch.cat(changed), test.labels[rows]), rows))
    return cells


def corrupted_errors(
    network: model.Model, facts: store.Facts, probe: Probe, cells: list[Cell]
) -> dict[str, Any]:
    """Judge a classifier on corrupted images.

    Args:
        network: whose trunk is frozen.
        facts: of the data set.
        probe: fitted to the trunk's features of clean training images.
        cells: as `corrupted_cells` makes them.

    Returns:
        corrupted_test_error: the mean over corruptions and severities, the mean corruption error that is not
        divided by another network's (Hendrycks & Dietterich 2019, section 4.3); corrupted_test_error_se: its
        standard error over test images; corruptions: corruption -> severity -> error. Shares, 0 ... 1.
    """
    found: dict[str, dict[str, float]] = {}
    errors: list[Tensor] = []
    for cell in cells:
        labels = cell.split.labels.to(model.device())
        wrong = probe.wrong(features(network, cell.split, facts), labels).double().cpu()
        found.setdefault(cell.name, {})[str(cell.severity)] = wrong.mean().item()
        errors.append(wrong)
    error, se = clustered_mean(torch.cat(errors), torch.cat([cell.rows for cell in cells]))
    return {"corrupted_test_error": error, "corrupted_test_error_se": se, "corruptions": found}


def clustered_mean(values: Tensor, clusters: Tensor) -> tuple[float, float]:
    """The mean, and its standard error where values of one cluster, such as one image, are not independent.

    Args:
        values: float64, N.
        clusters: int64, N, each the number of one, from 0.

    Returns:
        The mean; for C clusters the root of C / (C - 1) x the sum of squared sums of deviations, over N.
        NaN of one cluster.
    """
    mean = values.mean()
    sums = torch.zeros(int(clusters.max()) + 1, dtype=values.dtype)
    sums.index_add_(0, clusters, values - mean)
    count = len(clusters.unique())
    if count == 1:
        return mean.item(), math.nan
    variance = sums.square().sum() * count / (count - 1) / len(values) ** 2
    return mean.item(), math.sqrt(variance.item())
