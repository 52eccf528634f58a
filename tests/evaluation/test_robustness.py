import math

import numpy as np
import pytest
import torch

from feature_diversity.data import store
from feature_diversity.data.corruptions.corrupt import CORRUPTIONS
from feature_diversity.evaluation import linear
from feature_diversity.evaluation.probes import features
from feature_diversity.evaluation.robustness import (
    Cell,
    Probe,
    clustered_mean,
    corrupted_cells,
    corrupted_errors,
)
from feature_diversity.networks import model

NAMES = ["fog", "jpeg_compression", "contrast"]


@pytest.fixture(scope="module")
def data(digits):
    """Facts, training and test images, 80 of these."""
    facts, (train, test) = store.read(digits, "train", "test")
    return facts, train, test


@pytest.fixture(scope="module")
def evaluated(digits, trained):
    """A network, and the linear evaluation of it."""
    facts, splits = store.read(digits, "train", "validation", "test")
    network = model.read(trained)
    return network, linear.evaluate(network, facts, splits, penalties=[1.0, 0.1, 0.01])


@pytest.fixture(scope="module")
def probe(data, evaluated):
    """The classifier of that evaluation, fitted again."""
    facts, train, _ = data
    network, result = evaluated
    return Probe.fit(features(network, train, facts), train.labels, 10, result["penalty"])


def test_the_classifier_is_that_of_the_linear_evaluation(data, evaluated, probe):
    facts, _, test = data
    network, result = evaluated
    wrong = probe.wrong(features(network, test, facts), test.labels)
    assert wrong.double().mean().item() == result["test_error"]


def test_images_that_nothing_changed_have_the_clean_error(data, evaluated, probe):
    facts, _, test = data
    network, result = evaluated
    cells = [Cell(name, severity, test, torch.arange(80)) for name in NAMES for severity in (1, 5)]
    found = corrupted_errors(network, facts, probe, cells)
    assert found["corrupted_test_error"] == pytest.approx(result["test_error"])
    assert found["corruptions"] == {
        name: {"1": pytest.approx(result["test_error"]), "5": pytest.approx(result["test_error"])}
        for name in NAMES
    }
    error = result["test_error"]  # of 80 images, each of them in all cells
    assert found["corrupted_test_error_se"] == pytest.approx(math.sqrt(error * (1 - error) / 79))


def test_all_test_images_are_used_before_one_is_used_twice(data):
    facts, _, test = data
    cells = corrupted_cells(test, facts, names=NAMES, severities=[2, 4], images=30)
    assert [(cell.name, cell.severity) for cell in cells] == [(name, s) for name in NAMES for s in (2, 4)]
    rows = torch.cat([cell.rows for cell in cells])
    assert torch.equal(rows[:80].sort().values, torch.arange(80))
    assert torch.bincount(rows).max() == 3  # 180 of 80
    for cell in cells:
        assert torch.equal(cell.split.labels, test.labels[cell.rows])


def test_cells_are_the_same_each_time_and_those_of_another_severity_other(data):
    facts, _, test = data
    first, second = (
        corrupted_cells(test, facts, names=["snow"], severities=[3, 4], images=80) for _ in range(2)
    )
    assert torch.equal(first[0].split.images, second[0].split.images)
    assert not torch.equal(first[0].split.images, first[1].split.images)


def test_the_mean_is_over_corruptions_and_severities(data, evaluated, probe):
    facts, _, test = data
    cells = corrupted_cells(test, facts, names=list(CORRUPTIONS), severities=[1, 5], images=20)
    found = corrupted_errors(evaluated[0], facts, probe, cells)
    each = [error for severities in found["corruptions"].values() for error in severities.values()]
    assert len(each) == 2 * len(CORRUPTIONS)
    assert found["corrupted_test_error"] == pytest.approx(np.mean(each))


def test_the_error_of_independent_values_is_that_of_a_mean():
    values = torch.rand(50, dtype=torch.float64)
    mean, se = clustered_mean(values, torch.randperm(50))
    assert mean == pytest.approx(values.mean().item())
    assert se == pytest.approx(values.std().item() / math.sqrt(50))


def test_values_that_are_copies_count_once():
    values = torch.rand(50, dtype=torch.float64)
    _, once = clustered_mean(values, torch.arange(50))
    _, thrice = clustered_mean(values.repeat(3), torch.arange(50).repeat(3))
    assert thrice == pytest.approx(once)


def test_the_clustered_error_is_the_spread_of_repeated_draws():
    random = torch.Generator().manual_seed(0)
    means, errors = [], []
    for _ in range(2000):
        shares = torch.rand(40, generator=random, dtype=torch.float64)  # how hard each image is
        clusters = torch.arange(100) % 40
        values = (torch.rand(100, generator=random, dtype=torch.float64) < shares[clusters]).double()
        mean, se = clustered_mean(values, clusters)
        means.append(mean)
        errors.append(se**2)
    assert math.sqrt(np.mean(errors)) == pytest.approx(np.std(means), rel=0.05)
