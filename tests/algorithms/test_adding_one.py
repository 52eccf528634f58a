"""An algorithm is added by one file, shown on example/mirrored.py."""

import json
import sys

import pytest
import torch
from support.checks import last_state, train
from support.paths import SUPPORT

from feature_diversity import algorithms
from feature_diversity.base.errors import InputError
from feature_diversity.networks import model
from feature_diversity.planning import recipe

EXAMPLE = SUPPORT / "example"


@pytest.fixture(autouse=True)
def added(monkeypatch):
    """As if the example's file were in the package's folder of algorithms."""
    monkeypatch.setattr(algorithms, "__path__", [*algorithms.__path__, str(EXAMPLE)])
    monkeypatch.setattr(recipe, "ALGORITHMS", EXAMPLE)
    yield
    sys.modules.pop("feature_diversity.algorithms.mirrored", None)


def test_its_name_is_the_files_name():
    assert recipe.algorithms() == ["mirrored"]


def test_its_recipe_is_known_without_importing_it():
    assert recipe.recipe("mirrored", small_images=True)["batch_size"] == 16
    assert recipe.recipe("mirrored", changes={"mirror_probability": 0.2})["mirror_probability"] == 0.2
    assert "feature_diversity.algorithms.mirrored" not in sys.modules
    with pytest.raises(InputError, match="mirrored has no 'temperature'"):
        recipe.recipe("mirrored", changes={"temperature": 0.1})


def test_its_values_are_checked_by_its_own_table(tmp_path, monkeypatch):
    with pytest.raises(InputError, match=r"mirror_probability is 1\.5, expected 0 to 1"):
        recipe.recipe("mirrored", changes={"mirror_probability": 1.5})
    text = (EXAMPLE / "mirrored.py").read_text()
    monkeypatch.setattr(recipe, "ALGORITHMS", tmp_path)
    (tmp_path / "unlimited.py").write_text(text.replace("LEGAL = {", "OTHER = {"))
    assert recipe.recipe("unlimited", changes={"mirror_probability": 1.5})["mirror_probability"] == 1.5
    with pytest.raises(InputError, match=r"mirror_probability is -0\.5, expected 0 or more"):
        recipe.recipe("unlimited", changes={"mirror_probability": -0.5})
    (tmp_path / "unclear.py").write_text(text.replace('"0 to 1"', '"a few"'))
    with pytest.raises(InputError, match=r"unclear\.py: LEGAL: .* is 'a few', expected a list or one"):
        recipe.recipe("unclear", changes={"mirror_probability": 0.5})


def test_it_is_trained_by_name(tmp_path):
    train("mirrored", tmp_path, epochs=2)
    assert int(last_state(tmp_path)["algorithm"]["steps"]) == 2 * 4  # 70 images are 4 batches of 16
    trained = model.read(tmp_path / "snapshot_000002" / "model.safetensors")
    assert trained.facts["network"]["algorithm"] == "mirrored"
    assert trained.head(trained.trunk(torch.randn(3, 3, 32, 32))).shape == (3, 2)
    assert json.loads(json.dumps(trained.facts)) == trained.facts
