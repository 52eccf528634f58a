"""Networks of transformers, made from configurations: their layers, tokens and images, by hand."""

import json

import numpy as np
import pytest
import torch

from feature_diversity import measure
from feature_diversity.base.errors import InputError
from feature_diversity.data import store
from feature_diversity.networks.others.imported import take
from feature_diversity.networks.others.sources import made, network

transformers = pytest.importorskip("transformers")
pytestmark = pytest.mark.filterwarnings("ignore:.*(images. standard errors|near the length|twice as many)")

SIZES = {"hidden_size": 16, "num_hidden_layers": 5, "num_attention_heads": 2, "image_size": 32}
CONFIGS = {
    "vit": lambda: transformers.ViTConfig(**SIZES, intermediate_size=32, patch_size=8),
    "registers": lambda: transformers.Dinov2WithRegistersConfig(**SIZES, patch_size=8, num_register_tokens=3),
    "distilled": lambda: transformers.DeiTConfig(**SIZES, intermediate_size=32, patch_size=8),
    "convolutions": lambda: transformers.ResNetConfig(
        embedding_size=8, hidden_sizes=[8, 16], depths=[2, 2], layer_type="basic"
    ),
}
PREFIX = {"vit": 1, "registers": 4, "distilled": 2}


@pytest.fixture
def folder(tmp_path):
    """Write a configuration, and how images are seen, into a folder."""

    def write(kind: str) -> str:
        CONFIGS[kind]().save_pretrained(tmp_path / kind)
        seen = {
            "image_mean": [0.1, 0.2, 0.3],
            "image_std": [0.5, 0.6, 0.7],
            "size": {"height": 32, "width": 32},
        }
        processor = seen | {"image_processor_type": "ViTImageProcessor"}
        (tmp_path / kind / "preprocessor_config.json").write_text(json.dumps(processor))
        return str(tmp_path / kind)

    return write


@pytest.fixture(scope="module")
def images():
    return torch.randn(6, 3, 32, 32, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("kind", list(PREFIX))
def test_tokens_without_those_that_stand_for_no_patch(folder, images, kind):
    theirs = network(f"transformers:{folder(kind)}")
    with torch.no_grad():
        tokens = theirs(images)
    assert tokens.shape == (6, PREFIX[kind] + 16, 16)
    patches = measure(theirs, images, ["layernorm"], readings=["positions"], tokens="patches")
    by_hand = measure(
        torch.nn.Sequential(torch.nn.Identity()), tokens[:, PREFIX[kind] :].reshape(-1, 16), ["0"]
    )
    value = patches.set_index("measure").value
    assert patches.n_vectors[0] == 6 * 16
    expected = by_hand[by_hand.reading == "flatten"].set_index("measure").value
    np.testing.assert_allclose(value, expected[value.index], rtol=1e-6)


@pytest.mark.parametrize("kind", list(CONFIGS))
def test_a_study_takes_what_the_network_returns_last_as_its_trunk(folder, images, kind):
    said = {"source": "transformers", "name": folder(kind), "weights": "random", "layers": "auto"}
    said |= {"tokens": "mean", "prefix_tokens": None, "preprocessing": "own"}
    data = store.Facts("digits", [0.5], [0.25], 32, 32, [])
    imported, facts = take(said, 2, data)
    assert facts["own"] == {"size": 32, "mean": [0.1, 0.2, 0.3], "std": [0.5, 0.6, 0.7]}
    theirs = made(f"transformers:{said['name']}", seed=2).eval()
    mean, std = (torch.tensor(facts["own"][name]).view(3, 1, 1) for name in ("mean", "std"))
    with torch.no_grad():
        found = imported.forward_layers(images, ["fifth3", "trunk"])
        last = theirs((images * 0.25 + 0.5 - mean) / std)
    pooled = last.mean((2, 3)) if kind == "convolutions" else last[:, PREFIX[kind] :].mean(1)
    torch.testing.assert_close(found["trunk"], pooled, atol=1e-6, rtol=1e-5)
    assert len(found["fifth3"]) == 6


def test_saved_weights_are_the_pretrained_ones_of_a_folder(folder, images):
    name = folder("vit")
    theirs = made(f"transformers:{name}", seed=5).eval()
    theirs.save_pretrained(name)
    with torch.no_grad():
        torch.testing.assert_close(
            made(f"transformers:{name}", pretrained=True).eval()(images), theirs(images)
        )


def test_a_folder_without_a_configuration_is_named(tmp_path):
    with pytest.raises(InputError, match=f"transformers has no network {tmp_path}"):
        network(f"transformers:{tmp_path}")
