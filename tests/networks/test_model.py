import json

import pytest
import torch
import torchvision
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from feature_diversity.algorithms import build
from feature_diversity.base.errors import InputError
from feature_diversity.networks import model
from feature_diversity.networks.resnet import resnet
from feature_diversity.planning.recipe import recipe


def network(depth=14, width=1 / 64, norm="batchnorm", algorithm="simclr"):
    """An untrained network with normalisation statistics of its own, and the facts that describe it."""
    torch.manual_seed(0)
    trunk = resnet(depth, width, norm)
    facts = {
        "network": {"algorithm": algorithm, "depth": depth, "width": width, "norm": norm, "seed": 1},
        "recipe": recipe(algorithm, small_images=True),
        "train_images": 64,
        "classes": 10,
        "epochs": 3,
    }
    head = build(algorithm, facts["recipe"], trunk.out_channels, 64, 10).head
    for name, buffer in trunk.named_buffers():
        if name.endswith(("running_mean", "running_var")):
            buffer.uniform_(0.5, 1.5)
    return trunk, head, facts


@pytest.fixture
def path(tmp_path):
    """Path of a model that does not exist yet."""
    return tmp_path / "model.safetensors"


@pytest.mark.parametrize("norm", ["batchnorm", "layernorm"])
@pytest.mark.parametrize("algorithm", ["simclr", "supervised"])
def test_a_network_comes_back_as_it_was(path, norm, algorithm):
    trunk, head, facts = network(norm=norm, algorithm=algorithm)
    model.write(path, trunk, head, facts)
    back = model.read(path)
    images = torch.rand(4, 3, 32, 32)
    with torch.no_grad():
        expected = head.eval()(trunk.eval()(images))
        assert torch.equal(back.head(back.trunk(images)), expected)
    assert {key: back.facts[key] for key in facts} == facts


def test_a_network_comes_back_in_eval_mode(path):
    model.write(path, *network())
    back = model.read(path)
    assert not any(module.training for part in (back.trunk, back.head) for module in part.modules())


def test_the_keys_are_torchvisions_under_trunk_and_head(path):
    trunk, head, facts = network(depth=50, width=1 / 64)
    model.write(path, trunk, head, facts)
    torchvisions = {f"trunk.{key}" for key in torchvision.models.resnet50().state_dict() if key[:2] != "fc"}
    assert set(load_file(path)) == torchvisions | {
        f"head.{layer}.{p}" for layer in "02" for p in ("weight", "bias")
    }


def test_a_resnet50_loads_into_torchvisions(path):
    trunk, head, facts = network(depth=50, width=1)
    model.write(path, trunk, head, facts)
    theirs = torchvision.models.resnet50()
    weights = {key[6:]: value for key, value in load_file(path).items() if key.startswith("trunk.")}
    result = theirs.load_state_dict(weights, strict=False)
    assert (result.missing_keys, result.unexpected_keys) == (["fc.weight", "fc.bias"], [])
    theirs.fc = torch.nn.Identity()
    images = torch.rand(2, 3, 64, 64)
    with torch.no_grad():
        assert torch.allclose(theirs.eval()(images), trunk.eval()(images), rtol=1e-4, atol=1e-5)


def test_the_facts_can_be_read_without_this_package(path):
    trunk, head, facts = network()
    model.write(path, trunk, head, facts)
    with safe_open(path, framework="np") as file:
        assert json.loads(file.metadata()["facts"]).items() >= facts.items()


def test_equal_networks_are_equal_files(path, tmp_path):
    trunk, head, facts = network()
    contents = set()
    for _ in range(8):
        model.write(path, trunk, head, facts)
        contents.add(path.read_bytes())
    assert len(contents) == 1


def save_with(path, change):
    """A model file whose facts were changed."""
    trunk, head, facts = network()
    change(facts)
    model.write(path, trunk, head, facts)


def of_network(**changes):
    """Changes what the facts say of the network."""
    return lambda facts: facts["network"].update(changes)


FOREIGN = {
    "missing": lambda path: None,
    "a folder": lambda path: path.mkdir(),
    "empty": lambda path: path.write_bytes(b""),
    "text": lambda path: path.write_text("words"),
    "no metadata": lambda path: save_file({"x": torch.zeros(1)}, path),
    "of another program": lambda path: save_file({"x": torch.zeros(1)}, path, metadata={"format": "pt"}),
    "facts not JSON": lambda path: save_file({"x": torch.zeros(1)}, path, metadata={"facts": "words"}),
    "facts a list": lambda path: save_file({"x": torch.zeros(1)}, path, metadata={"facts": "[1]"}),
    "no network": lambda path: save_with(path, lambda facts: facts.pop("network")),
    "unknown algorithm": lambda path: save_with(
        path, lambda facts: facts["network"].update(algorithm="byol")
    ),
    "unknown depth": lambda path: save_with(path, lambda facts: facts["network"].update(depth=15)),
    "another depth": lambda path: save_with(path, lambda facts: facts["network"].update(depth=26)),
    "another width": lambda path: save_with(path, lambda facts: facts["network"].update(width=1 / 32)),
    "another norm": lambda path: save_with(path, lambda facts: facts["network"].update(norm="layernorm")),
}


@pytest.mark.parametrize("kind", FOREIGN)
def test_a_file_that_is_no_model_is_refused(path, kind):
    FOREIGN[kind](path)
    with pytest.raises(InputError, match=r"model\.safetensors is not a model of this package: "):
        model.read(path)


@pytest.mark.parametrize("share", [0.0001, 0.01, 0.5, 0.9999])
def test_a_truncated_model_is_refused(path, share):
    model.write(path, *network())
    content = path.read_bytes()
    path.write_bytes(content[: int(share * len(content))])
    with pytest.raises(InputError, match=r"model\.safetensors is not a model of this package: "):
        model.read(path)
