"""Measures in a training's history: those of the networks it leaves, which do not notice."""

import numpy as np
import pandas as pd
import pytest
import torch
from safetensors.torch import load_file

from feature_diversity.base.history import LOG_COLUMNS
from feature_diversity.data import store
from feature_diversity.measures import spectra
from feature_diversity.measures.energy import hyperspherical_energy
from feature_diversity.networks import model
from feature_diversity.stages import pretrain
from feature_diversity.training.epoch_log import measures_of


@pytest.fixture(scope="module")
def logged(training, tmp_path_factory):
    """A training of four epochs that is measured after every second."""
    folder = tmp_path_factory.mktemp("logged")
    pretrain.main([*training(folder, 2, 4), "--log-every", "2"])
    return folder


def test_the_networks_have_the_bits_of_a_training_without_a_log(logged, train, tmp_path):
    plain = train(tmp_path, 2, 4)
    for path in plain:
        expected, found = load_file(path), load_file(logged / path.relative_to(tmp_path))
        assert all(torch.equal(expected[name], found[name]) for name in expected)
        histories = [
            pd.read_csv(file.with_name("history.csv")) for file in (path, logged / path.relative_to(tmp_path))
        ]
        assert list(histories[0]) == ["epoch", "loss", "learning_rate", "images_per_second"]
        pd.testing.assert_series_equal(histories[0]["loss"], histories[1]["loss"])


def test_every_second_epoch_is_measured(logged):
    history = pd.read_csv(logged / "ep4" / "history.csv")
    assert set(LOG_COLUMNS) <= set(history)
    assert history["epoch"].tolist() == [1, 2, 3, 4]
    assert history[list(LOG_COLUMNS)].notna().all(axis=1).tolist() == [False, True, False, True]
    shorter = pd.read_csv(logged / "ep2" / "history.csv")
    pd.testing.assert_frame_equal(shorter, history.head(2))


@pytest.mark.parametrize("epochs", [2, 4])
def test_the_measures_are_those_of_the_networks_it_leaves(logged, digits, epochs):
    facts, (images,) = store.read(digits, "train")
    network = model.read(logged / f"ep{epochs}" / "model.safetensors")
    with torch.no_grad():
        trunk = network.trunk(store.normalise(store.to_unit(images.images), facts))
        features = {"trunk": trunk, "head": network.head(trunk)}
    row = pd.read_csv(logged / f"ep{epochs}" / "history.csv").iloc[-1]
    for layer, values in features.items():
        x = values.double().numpy()
        assert row[f"diversity_{layer}"] == pytest.approx(-hyperspherical_energy(x, 1).value[1], rel=1e-4)
        assert row[f"rankme_{layer}"] == pytest.approx(spectra.rankme(spectra.Features(x)), rel=1e-3)


def test_a_training_with_a_log_is_another_in_the_store(logged, training, tmp_path):
    arguments = training(tmp_path, 4)
    for changes in ([], ["--log-every", "2"], ["--log-every", "1"]):
        pretrain.main([*arguments, *changes])
    assert len(list((tmp_path / "trainings").iterdir())) == 3


def test_vectors_without_a_direction_are_left_out():
    x = np.random.default_rng(0).standard_normal((20, 3))
    with_zero = np.insert(x, 5, 0, axis=0)
    assert measures_of(with_zero) == measures_of(x)
    assert measures_of(np.zeros((4, 3))) == {}
    assert np.isnan(measures_of(np.ones((4, 3)))["participation_ratio"])
