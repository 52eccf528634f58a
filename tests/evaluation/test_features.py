import shutil

import numpy as np
import pytest
import torch

from feature_diversity.base.errors import InputError
from feature_diversity.data import sizes, store
from feature_diversity.evaluation import features as extract
from feature_diversity.networks import model
from feature_diversity.networks.resnet import resnet
from feature_diversity.stages import extract as stage

LAYERS = ["conv1", "res2", "res3", "res4", "res5", "trunk", "head"]


@pytest.fixture(scope="module")
def folder(digits, trained, tmp_path_factory):
    """The features that the stage writes for a network trained for one epoch."""
    copy = tmp_path_factory.mktemp("run") / "model.safetensors"
    shutil.copy(trained, copy)
    stage.main(["--data", str(digits), "--models", str(copy), "--layers", *LAYERS])
    return copy.parent / "features"


@pytest.fixture(scope="module")
def network(trained):
    """The network itself."""
    return model.read(trained)


def direct(network, images):
    """Features by hooks on torchvision's module names and one forward of all images, N x 3 x 32 x 32."""
    taken = {}
    places = {"conv1": "bn1", "res2": "layer1", "res3": "layer2", "res4": "layer3", "res5": "layer4"}
    hooks = [
        network.trunk.get_submodule(place).register_forward_hook(
            lambda module, inputs, output, layer=layer: taken.update({layer: output.clone()})
        )
        for layer, place in places.items()
    ]
    with torch.no_grad():
        taken["trunk"] = network.trunk(images)
        taken["head"] = network.head(taken["trunk"])
    for hook in hooks:
        hook.remove()
    taken["conv1"] = taken["conv1"].relu()
    return {layer: x.numpy() for layer, x in taken.items()}


@pytest.fixture(scope="module")
def expected(digits, network):
    """The features of the held-out images, taken directly."""
    facts, (split,) = store.read(digits, "held_out")
    grey = (split.images.double() / 255 - facts.mean[0]) / facts.std[0]
    return direct(network, grey.float().repeat(1, 3, 1, 1))


@pytest.mark.parametrize("layer", LAYERS)
def test_features_are_those_of_a_direct_forward(folder, expected, layer):
    features = np.load(folder / f"{layer}.npy")
    assert features.dtype == np.float32
    np.testing.assert_allclose(features, expected[layer], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ("layer", "shape"),
    [
        ("conv1", (30, 1, 16, 16)),
        ("res2", (30, 4, 8, 8)),
        ("res3", (30, 8, 4, 4)),
        ("res4", (30, 16, 2, 2)),
        ("res5", (30, 32, 1, 1)),
        ("trunk", (30, 32)),
        ("head", (30, 128)),
        ("views_trunk", (2, 30, 32)),
        ("views_head", (2, 30, 128)),
    ],
)
def test_features_have_the_shape_of_their_layer(folder, layer, shape):
    assert np.load(folder / f"{layer}.npy").shape == shape


@pytest.mark.parametrize("layer", ["conv1", "res2", "res3", "res4", "res5", "trunk"])
def test_features_of_the_trunk_are_after_a_relu(folder, layer):
    features = np.load(folder / f"{layer}.npy")
    assert features.min() >= 0
    assert features.max() > 0


def test_features_of_the_head_are_not_normalised(folder):
    norms = np.linalg.norm(np.load(folder / "head.npy"), axis=1)
    assert (np.abs(norms - 1) > 0.01).all()


def test_files_are_in_row_order(folder):
    assert all(np.load(path, mmap_mode="r").flags.c_contiguous for path in folder.glob("*.npy"))


@pytest.mark.parametrize("size", [1, 7, 30])
def test_batches_do_not_change_the_features(digits, network, expected, monkeypatch, size, tmp_path):
    facts, (split,) = store.read(digits, "held_out")
    monkeypatch.setattr(sizes, "EXTRACTED", size)
    extract.extract(network, split.images, facts, LAYERS, tmp_path)
    for layer in LAYERS:
        np.testing.assert_allclose(np.load(tmp_path / f"{layer}.npy"), expected[layer], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(("size", "count"), [(32, 250), (64, 250), (224, 41), (2000, 1)])
def test_a_batch_holds_fewer_images_the_larger_they_are(size, count):
    images = torch.zeros(1, 1, size, size, dtype=torch.uint8).expand(300, -1, -1, -1)
    assert len(next(extract.batches(images))[1]) == count


def test_an_extraction_that_fails_leaves_no_file(digits, network, tmp_path, monkeypatch):
    facts, (split,) = store.read(digits, "held_out")
    monkeypatch.setattr(sizes, "EXTRACTED", 7)
    images = split.images.clone()
    count = iter(range(3))
    forward = extract.features_of

    def break_off(*arguments):
        next(count)  # StopIteration at the fourth batch
        return forward(*arguments)

    monkeypatch.setattr(extract, "features_of", break_off)
    with pytest.raises(StopIteration):
        extract.extract(network, images, facts, ["conv1"], tmp_path)
    assert not list(tmp_path.iterdir())


def test_a_network_without_a_head_is_named(digits, tmp_path):
    path = tmp_path / "model.safetensors"
    run = {"algorithm": "npid_lemniscate", "depth": 14, "width": 1 / 64, "norm": "batchnorm", "seed": 0}
    model.write(path, resnet(14, 1 / 64), None, {"network": run, "head": None})
    arguments = ["--data", str(digits), "--models", str(path), "--layers"]
    with pytest.raises(InputError, match=r"model\.safetensors was released without its head; leave head out"):
        stage.main([*arguments, "conv1", "head"])
    stage.main([*arguments, "conv1", "trunk"])
    assert (tmp_path / "features" / "trunk.npy").exists()


def test_only_the_layers_asked_for_are_recorded(digits, trained, tmp_path):
    copy = tmp_path / "model.safetensors"
    shutil.copy(trained, copy)
    stage.main(["--data", str(digits), "--models", str(copy), "--layers", "res3", "head"])
    written = sorted(path.name for path in (tmp_path / "features").iterdir())
    assert written == ["head.npy", "model.txt", "res3.npy", "views_head.npy"]


def test_views_are_the_same_for_every_network(digits):
    _, (split,) = store.read(digits, "held_out")
    images = store.to_unit(split.images)
    torch.manual_seed(1)
    first = extract.augmented_views(images, 0)
    torch.manual_seed(2)
    second = extract.augmented_views(images, 0)
    assert all(torch.equal(x, y) for x, y in zip(first, second, strict=True))


def test_the_two_views_of_an_image_differ(digits):
    _, (split,) = store.read(digits, "held_out")
    first, second = extract.augmented_views(store.to_unit(split.images), 0)
    assert ((first - second).abs().amax(dim=(1, 2, 3)) > 0.01).all()


def test_views_are_features_of_the_augmented_images(digits, network, folder):
    facts, (split,) = store.read(digits, "held_out")
    for view, recorded in zip(
        extract.augmented_views(store.to_unit(split.images), 0),
        np.load(folder / "views_trunk.npy"),
        strict=True,
    ):
        features = direct(network, store.normalise(view, facts))["trunk"]
        np.testing.assert_allclose(recorded, features, rtol=1e-4, atol=1e-5)


def test_pooled_features_of_further_test_images(digits, trained, tmp_path):
    copy = shutil.copy(trained, tmp_path / "model.safetensors")
    arguments = ["--data", str(digits), "--models", str(copy), "--layers", *LAYERS]
    stage.main([*arguments, "--measure-images", "70"])
    folder = tmp_path / "features"
    many = {layer: np.load(folder / "further" / f"{layer}.npy") for layer in LAYERS}
    assert {values.shape[0] for values in many.values()} == {40}  # 30 of the 70 are held out
    assert {values.ndim for values in many.values()} == {2}
    stage.main([*arguments, "--measure-images", "50"])
    few = np.load(folder / "further" / "trunk.npy")
    np.testing.assert_allclose(few, many["trunk"][:20], atol=1e-5)  # the same images, in other batches
    stage.main([*arguments, "--measure-images", "80"])
    facts, (test,) = store.read(digits, "test")
    known = direct(model.read(trained), store.normalise(store.to_unit(test.images), facts))
    held_out = np.load(folder / "trunk.npy")
    measured = np.concatenate([held_out, np.load(folder / "further" / "trunk.npy")])
    np.testing.assert_allclose(
        np.sort(measured.sum(axis=1)), np.sort(known["trunk"].sum(axis=1)), rtol=1e-4, atol=1e-4
    )
    pooled = known["res3"].mean(axis=(2, 3)).sum(axis=1)
    pooled_of_held_out = np.load(folder / "res3.npy").mean(axis=(2, 3)).sum(axis=1)
    everything = np.concatenate([pooled_of_held_out, np.load(folder / "further" / "res3.npy").sum(axis=1)])
    np.testing.assert_allclose(np.sort(everything), np.sort(pooled), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("images", [30, 81])
def test_no_further_images_than_there_are(digits, trained, tmp_path, images):
    copy = shutil.copy(trained, tmp_path / "model.safetensors")
    arguments = ["--data", str(digits), "--models", str(copy), "--layers", "trunk"]
    message = f"energy.measure_images is {images}, expected more than the 30 held-out images and at most 80"
    with pytest.raises(InputError, match=message):
        stage.main([*arguments, "--measure-images", str(images)])
    assert not (tmp_path / "features").exists()
