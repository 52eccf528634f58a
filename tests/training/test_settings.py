"""The key of a training changes with all that its bits depend on, and with nothing else."""

import json
import subprocess
import sys
from dataclasses import fields, replace

import pytest

from feature_diversity.base.run import Network
from feature_diversity.data.store import Facts
from feature_diversity.training.settings import Settings

SETTINGS = Settings(
    network=Network("simclr", 14, 0.125, "batchnorm", seed=1),
    recipe={"batch_size": 64, "learning_rate": 0.1},
    schedule_epochs=10,
    engine="native",
    precision="float32",
    code="0123",
    version="1.0",
    packages={"torch": "2.0"},
    dataset=Facts("digits", [0.5], [0.3], 32, 32, ["a", "b"], digest="4567"),
    train_images=128,
    classes=2,
)
OTHER = {
    "network": replace(SETTINGS.network, seed=2),
    "recipe": SETTINGS.recipe | {"learning_rate": 0.2},
    "schedule_epochs": 20,
    "engine": "vissl",
    "precision": "bfloat16",
    "code": "0124",
    "version": "1.1",
    "packages": {"torch": "2.1"},
    "dataset": replace(SETTINGS.dataset, digest="4568"),
    "train_images": 127,
    "classes": 3,
    "penalty": {"lever": "energy", "layer": "trunk", "weight": 0},
    "reference": "89ab",
    "log_every": 5,
}


@pytest.mark.parametrize("name", [field.name for field in fields(Settings)])
def test_every_setting_is_in_the_key(name):
    assert replace(SETTINGS, **{name: OTHER[name]}).key != SETTINGS.key


@pytest.mark.parametrize("name", [field.name for field in fields(Network)])
def test_everything_of_the_network_is_in_the_key(name):
    other = {"algorithm": "npid", "depth": 26, "width": 0.25, "norm": "layernorm", "seed": 3}
    other["variant"] = "cool"
    assert replace(SETTINGS, network=replace(SETTINGS.network, **{name: other[name]})).key != SETTINGS.key


def test_the_default_variant_changes_neither_key_nor_metadata():
    assert "variant" not in SETTINGS.metadata()["network"]
    assert SETTINGS.key == "15f7d3960daa5999de3acfaa6faaf998"  # of before there were variants


def test_the_order_in_which_a_recipe_is_written_is_not_in_the_key():
    recipe = dict(reversed(SETTINGS.recipe.items()))
    assert replace(SETTINGS, recipe=recipe).key == SETTINGS.key


def test_the_metadata_are_json():
    assert json.loads(json.dumps(SETTINGS.metadata())) == SETTINGS.metadata()
    assert SETTINGS.metadata()["network"]["width"] == 0.125


def test_another_process_gets_the_same_key():
    code = "from training.test_settings import SETTINGS; print(SETTINGS.key)"
    paths = [path for path in sys.path if path]
    result = subprocess.run(
        [sys.executable, "-c", f"import sys; sys.path[:0] = {paths!r}; {code}"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert result.stdout.strip() == SETTINGS.key


def test_where_snapshots_are_taken_is_not_in_the_key(train, tmp_path):
    train(tmp_path, 0, 2)
    train(tmp_path, 1, 2)
    train(tmp_path, 2)
    assert len(list((tmp_path / "trainings").iterdir())) == 1
