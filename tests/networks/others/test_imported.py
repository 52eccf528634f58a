"""Networks of others in a study's stages: the same numbers as by hand, whatever they are taken from."""

import json
from pathlib import Path

import numpy as np
import pytest
import timm
import torch
import torchvision
from safetensors.torch import save_file

from feature_diversity.base.errors import InputError
from feature_diversity.base.layers import FIFTHS
from feature_diversity.base.run import OTHERS, Network
from feature_diversity.data import store
from feature_diversity.data.loader import evaluation_images
from feature_diversity.evaluation.features import features_of
from feature_diversity.networks import model
from feature_diversity.networks.others.imported import read_for_features, take
from feature_diversity.networks.resnet import resnet
from feature_diversity.stages import extract, linear_eval
from feature_diversity.stages import model as stage

SAID = {
    "source": "timm",
    "name": "test_resnet",
    "weights": "random",
    "layers": "auto",
    "tokens": "mean",
    "prefix_tokens": None,
    "preprocessing": "study",
}


@pytest.fixture(scope="module")
def data(digits) -> tuple[store.Facts, torch.Tensor]:
    """Facts of the data set, and six of its images in 0 ... 1."""
    facts, (held_out,) = store.read(digits, "held_out")
    return facts, store.to_unit(evaluation_images(held_out, facts.image_size)[:6])


@pytest.fixture
def written(digits, tmp_path):
    """Run the stage `model`; returns the path of the model."""

    def run(seed: int = 1, epochs: int = 0, **changes) -> Path:
        said = SAID | changes
        axes = OTHERS | {"algorithm": said["name"], "seed": seed}
        path = tmp_path / f"{said['name']}{seed}" / "model.safetensors"
        options = {"--data": digits, "--network": json.dumps(axes), "--take": json.dumps(said)}
        options |= {"--epochs": epochs, "--models": path}
        stage.main([str(word) for pair in options.items() for word in pair])
        return path

    return run


def features(path: Path, data, layers: list[str]) -> dict[str, np.ndarray]:
    """Features of the six images, of the network in a file."""
    facts, images = data
    return features_of(read_for_features(path, facts), images, facts, layers)


def test_layers_of_a_network_by_name_are_what_its_modules_return(written, data):
    found = features(written(seed=3), data, [*FIFTHS, "trunk"])
    torch.manual_seed(3)
    theirs = timm.create_model("test_resnet").eval()
    x = store.normalise(data[1], data[0])
    with torch.no_grad():
        maps = theirs.forward_features(x)
        trunk = theirs.forward_head(maps, pre_logits=True)
        first = theirs.conv1[:3](x)
    np.testing.assert_allclose(found["trunk"], trunk, atol=1e-6)
    np.testing.assert_allclose(found["fifth1"], first, atol=1e-6)
    assert found["fifth4"].shape[1:] == (48, 4, 4)


def test_images_get_the_size_mean_and_deviation_that_the_network_was_trained_with(written, data):
    path = written(name="test_vit", preprocessing="own", tokens="cls")
    found = features(path, data, ["fifth5", "trunk"])
    torch.manual_seed(1)
    theirs = timm.create_model("test_vit").eval()
    config = timm.data.resolve_model_data_config(theirs)
    mean, std = (torch.tensor(config[name]).view(3, 1, 1) for name in ("mean", "std"))
    x = data[1].expand(-1, 3, -1, -1)
    x = torch.nn.functional.interpolate(x, config["input_size"][1:], mode="bilinear", antialias=True)
    with torch.no_grad():
        tokens = theirs.forward_features((x - mean) / std)
    np.testing.assert_allclose(found["fifth5"], tokens[:, 0], atol=1e-5)
    np.testing.assert_allclose(found["trunk"], theirs.forward_head(tokens, pre_logits=True), atol=1e-5)


def test_a_classifier_of_torchvision_is_taken_off(written, data):
    path = written(source="torchvision", name="shufflenet_v2_x0_5")
    torch.manual_seed(1)
    theirs = torchvision.models.shufflenet_v2_x0_5().eval()
    theirs.fc = torch.nn.Identity()
    with torch.no_grad():
        expected = theirs(store.normalise(data[1], data[0]))
    np.testing.assert_allclose(features(path, data, ["trunk"])["trunk"], expected, atol=1e-6)
    assert model_facts(path)["n_params"] == sum(weight.numel() for weight in theirs.parameters())


def model_facts(path: Path) -> dict:
    from feature_diversity.results.collect import model_facts
    from feature_diversity.results.origins import facts_of

    return model_facts(path, facts_of(path))


@pytest.fixture(scope="module")
def ours(tmp_path_factory) -> Path:
    """A ResNet of this package as it writes it, as torchvision does, and with timm's names."""
    folder = tmp_path_factory.mktemp("ours")
    torch.manual_seed(0)
    trunk = resnet(14, 1 / 8)
    facts = {"network": Network("simclr", 14, 1 / 8, "batchnorm", seed=0).facts, "epochs": 5}
    facts |= {"engine": "native", "dataset": {"name": "digits"}, "head": None}
    model.write(folder / "model.safetensors", trunk, None, facts)
    torch.save(trunk.state_dict(), folder / "torchvision.pth")
    return folder


def test_weights_of_this_package_taken_back_give_the_features_and_errors_that_they_gave(
    ours, written, digits, tmp_path
):
    names = {"conv1": "bn1", "res2": "layer1", "res3": "layer2", "res4": "layer3", "res5": "layer4"}
    del names["conv1"]  # after its ReLU in one, which is no module
    taken = [
        written(source="file", name=name, weights=str(ours / file), layers=names, epochs=5)
        for name, file in (("safetensors", "model.safetensors"), ("pth", "torchvision.pth"))
    ]
    layers = [*names, "trunk"]
    native = tmp_path / "native" / "model.safetensors"
    native.parent.mkdir()
    native.write_bytes((ours / "model.safetensors").read_bytes())
    everyone = [native, *taken]
    extract.main(["--data", str(digits), "--models", *map(str, everyone), "--layers", *layers])
    outputs = [str(path.with_name("linear.json")) for path in everyone]
    options = json.dumps({"protocol": "cached", "penalties": [0.1, 0.01]})
    models = ["--models", *map(str, everyone)]
    linear_eval.main(["--data", str(digits), *models, "--options", options, "--outputs", *outputs])
    for other in taken:
        for file in sorted((native.parent / "features").glob("*.npy")):
            expected, found = np.load(file), np.load(other.parent / "features" / file.name)
            np.testing.assert_allclose(found, expected, atol=1e-5 * np.abs(expected).max(), err_msg=file.name)
        errors = [json.loads(path.with_name("linear.json").read_text()) for path in (native, other)]
        assert errors[0]["test_error"] == errors[1]["test_error"]
        assert model_facts(native)["n_params"] == model_facts(other)["n_params"]


def test_a_state_of_a_named_network_is_loaded(written, data, tmp_path):
    torch.manual_seed(9)
    theirs = timm.create_model("test_resnet").eval()
    save_file(theirs.state_dict(), tmp_path / "state.safetensors")
    torch.save({"state_dict": theirs.state_dict()}, tmp_path / "state.pth")
    first, second = (
        features(written(seed=number, epochs=3, weights=str(tmp_path / name)), data, ["trunk"])["trunk"]
        for number, name in enumerate(("state.safetensors", "state.pth"))
    )
    np.testing.assert_array_equal(first, second)
    theirs.reset_classifier(0)
    with torch.no_grad():
        expected = theirs(store.normalise(data[1], data[0]))
    np.testing.assert_allclose(first, expected, atol=1e-6)


def test_random_weights_follow_the_seed_and_draw_nothing(written, data):
    before = torch.get_rng_state()
    one, again, other = (features(written(seed=seed), data, ["trunk"])["trunk"] for seed in (1, 1, 2))
    np.testing.assert_array_equal(one, again)
    assert not np.allclose(one, other)
    assert torch.equal(torch.get_rng_state(), before)


class Evil:
    def __reduce__(self):
        return (print, ("executed",))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"name": "resnet19"}, "timm has no network resnet19"),
        (
            {"name": "efficientnet_lite1", "weights": "pretrained"},
            "timm has no weights of efficientnet_lite1",
        ),
        ({"source": "torchvision", "name": "resnet19"}, "torchvision has no network resnet19"),
        ({"layers": {"late": "layer9"}}, "layer 'layer9' does not exist in the model; nearest: layer"),
        ({"layers": {"late": "layer4.0.attn"}}, "layer 'layer4.0.attn' does not exist"),
        (
            {"name": "test_vit", "layers": {"late": "blocks.0.attn.attn_drop"}},
            "layer blocks.0.attn.attn_drop is never called",
        ),
        ({"weights": "evil.pth"}, "it asks for .*print. Such a file is refused"),
        ({"weights": "other.safetensors"}, r"no state of this architecture: .* missing \(conv1"),
        ({"source": "file", "weights": "other.pth"}, "no known layout"),
    ],
)
def test_bad_input_is_one_message_and_nothing_is_written(
    written, tmp_path, monkeypatch, capsys, changes, message
):
    monkeypatch.chdir(tmp_path)
    torch.save({"state_dict": Evil()}, "evil.pth")
    torch.save({"a": torch.zeros(2)}, "other.pth")
    save_file({"a": torch.zeros(2)}, "other.safetensors")
    with pytest.raises(InputError, match=message):
        written(**changes)
    assert not [*tmp_path.rglob("model.safetensors")]
    assert "executed" not in capsys.readouterr().out


def test_a_damaged_file_is_named(tmp_path, data):
    (tmp_path / "model.safetensors").write_bytes(b"nothing")
    with pytest.raises(InputError, match=r"model\.safetensors is not a model of this package"):
        read_for_features(tmp_path / "model.safetensors", data[0])


def test_take_says_which_block_is_where_a_fifth_of_the_depth_ends(data):
    _, said = take(SAID, 0, data[0])
    assert list(said["layers"]) == FIFTHS
    assert said["layers"]["fifth5"] == "global_pool"
    assert said["architecture"] == "timm:test_resnet"
