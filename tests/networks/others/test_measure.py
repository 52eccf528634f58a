import doctest
import math

import numpy as np
import pytest
import torch
import torchvision
from PIL import Image
from support.paths import ROOT
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from feature_diversity import hyperspherical_energy, measure
from feature_diversity.measures import spectra
from feature_diversity.measures.companions.table import COMPANIONS, FEATURES

OF_FEATURES = {name: companion for name, companion in COMPANIONS.items() if companion.of == FEATURES}

LAYERS = ["layer1.1", "avgpool", "fc"]


def vectors(*shape):
    return torch.randn(shape, generator=torch.Generator().manual_seed(3))


def value(table, layer, reading, name, column="value"):
    of_reading = table[(table.layer == layer) & (table.reading == reading)]
    return of_reading.set_index("measure")[column][name]


def by_hand(resnet, images) -> dict[str, np.ndarray]:
    """Features of a ResNet-18, layer after layer without hooks."""
    resnet.eval()
    with torch.no_grad():
        stem = resnet.maxpool(resnet.relu(resnet.bn1(resnet.conv1(images))))
        first = resnet.layer1(stem)
        pooled = resnet.avgpool(resnet.layer4(resnet.layer3(resnet.layer2(first))))
        return {
            "layer1.1": first.numpy(),
            "avgpool": pooled.numpy(),
            "fc": resnet.fc(pooled[:, :, 0, 0]).numpy(),
        }


def test_values_of_a_resnet_are_those_computed_by_hand(resnet, images):
    expected = by_hand(resnet, images)
    table = measure(resnet, images, LAYERS, batch_size=5)
    assert list(table.layer.unique()) == LAYERS
    for layer, maps in expected.items():
        gap = maps.reshape(*maps.shape[:2], -1).mean(axis=2, dtype=np.float64)
        for reading, x in (("flatten", maps.reshape(12, -1)), ("gap", gap)):
            for center in (False, True):
                energy = hyperspherical_energy(x, (0, 1, 2), center=center)
                for s in (0, 1, 2):
                    name = f"energy_s{s}" + "_centred" * center
                    found = value(table, layer, reading, name)
                    assert found == pytest.approx(energy.value[s], rel=1e-5)
                    error = value(table, layer, reading, name, "standard_error")
                    assert error == pytest.approx(energy.standard_error[s], rel=1e-4)
            for name, function in OF_FEATURES.items():
                expected_value = function(spectra.Features(x))
                assert value(table, layer, reading, name) == pytest.approx(expected_value, rel=1e-4), name
            assert value(table, layer, reading, "diversity") == -value(table, layer, reading, "energy_s1")
            assert value(table, layer, reading, "rankme", "n_images") == 12
            assert value(table, layer, reading, "rankme", "n_dim") == x.shape[1]


def test_what_a_later_layer_overwrites_in_place_is_measured_as_it_was(resnet, images):
    """The ReLU after a ResNet's first BatchNorm works in place."""
    table = measure(resnet, images, "bn1", readings=["flatten"])
    with torch.no_grad():
        before = resnet.eval().bn1(resnet.conv1(images)).numpy()
    expected = hyperspherical_energy(before, 1).value[1]
    assert value(table, "bn1", "flatten", "energy_s1") == pytest.approx(expected, rel=1e-6)


def test_the_table_is_tidy_and_without_holes(resnet, images):
    table = measure(resnet, images)
    assert not table.duplicated(["layer", "reading", "measure"]).any()
    assert len(table) == 6 * 2 * (1 + 2 * 3 + len(OF_FEATURES))
    assert table.value.notna().all()
    assert (table.standard_error > 0).all()


def test_every_source_of_images_gives_one_table(resnet, images):
    table = measure(resnet, images, LAYERS)
    labels = torch.zeros(12)
    for source in (
        TensorDataset(images, labels),
        DataLoader(TensorDataset(images, labels), batch_size=5),
        DataLoader(TensorDataset(images), batch_size=12),
        list(images),
        iter([images[:7], images[7:]]),
    ):
        other = measure(resnet, source, LAYERS)
        np.testing.assert_allclose(other.value, table.value, rtol=1e-4)


def test_a_folder_is_resized_cropped_and_normalised_or_transformed(resnet, tmp_path):
    pictures = (vectors(3, 3, 256, 256) * 40 + 128).clamp(0, 255).byte()
    (tmp_path / "b").mkdir()
    for name, picture in zip(("a.png", "b/0.png", "c.png"), pictures, strict=True):
        Image.fromarray(picture.permute(1, 2, 0).numpy()).save(tmp_path / name)
    (tmp_path / "notes.txt").write_text("no image")
    mean, deviation = [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]
    crops = pictures[:, :, 16:240, 16:240] / 255
    normalised = torchvision.transforms.functional.normalize(crops, mean, deviation)
    expected = measure(resnet, normalised, ["fc"], readings=["gap"])
    found = measure(resnet, tmp_path, ["fc"], readings=["gap"])
    np.testing.assert_allclose(found.value, expected.value, rtol=1e-4)
    raw = measure(
        resnet, str(tmp_path), ["fc"], readings=["gap"], transform=torchvision.transforms.ToTensor()
    )
    expected = measure(resnet, pictures / 255, ["fc"], readings=["gap"])
    np.testing.assert_allclose(raw.value, expected.value, rtol=1e-4)


# transformers


def test_tokens_are_cut_averaged_or_laid_out(transformer, patches):
    with torch.no_grad():
        tokens = transformer.eval()(patches).numpy()
    for kind, reading, x in (
        ("cls", "flatten", tokens[:, 0]),
        ("mean", "flatten", tokens[:, 2:].mean(axis=1)),
        ("patches", "gap", tokens[:, 2:].mean(axis=1)),
        ("patches", "flatten", tokens[:, 2:].reshape(9, -1)),
        ("patches", "positions", tokens[:, 2:].reshape(45, 8)),
    ):
        table = measure(
            transformer, patches, "encoder.layers.1", readings=[reading], tokens=kind, prefix_tokens=2
        )
        energy = hyperspherical_energy(x, 1).value[1]
        assert value(table, "encoder.layers.1", reading, "energy_s1") == pytest.approx(energy, rel=1e-5)
        assert value(table, "encoder.layers.1", reading, "energy_s1", "n_vectors") == len(x)
        assert value(table, "encoder.layers.1", reading, "energy_s1", "standard_error") > 0


def test_layers_inside_of_fused_encoder_layers_are_called(transformer, patches):
    table = measure(transformer, patches, "encoder.layers.0.linear1", prefix_tokens=2)
    assert len(table) == 2 * (7 + len(OF_FEATURES))
    assert torch.backends.mha.get_fastpath_enabled()


def test_vision_transformers_of_torchvision_and_timm_tell_their_prefix(images):
    timm = pytest.importorskip("timm")
    torch.manual_seed(0)
    size = {"num_heads": 2, "num_classes": 3}
    theirs = torchvision.models.VisionTransformer(
        image_size=32, patch_size=8, num_layers=2, hidden_dim=16, mlp_dim=16, **size
    )
    other = timm.models.vision_transformer.VisionTransformer(
        img_size=32, patch_size=8, depth=2, embed_dim=16, reg_tokens=3, **size
    )
    for model, layer, prefix in ((theirs, "encoder.ln", 1), (other, "norm", 4)):
        found = measure(model, images, layer)
        assert found.equals(measure(model, images, layer, prefix_tokens=prefix))
        assert value(found, layer, "gap", "energy_s1") != value(
            measure(model, images, layer, prefix_tokens=0), layer, "gap", "energy_s1"
        )


def test_images_alike_are_infinite_energy_and_a_warning(images):
    twice = vectors(6, 3)
    twice[4] = twice[1]
    with pytest.warns(UserWarning, match="layer 0, reading flatten: some vectors have one direction"):
        table = measure(nn.Sequential(nn.Identity(), nn.ReLU()), twice.abs(), "0", readings=["flatten"])
    assert value(table, "0", "flatten", "diversity") == -math.inf


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_networks_of_other_precisions_are_measured(dtype):
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(5, 8), nn.ReLU(), nn.Linear(8, 4))
    x = vectors(20, 5)
    expected = measure(model, x, "2").value
    found = measure(model.to(dtype), x, "2").value
    np.testing.assert_allclose(found[:7], expected[:7], rtol=0.05)


def test_the_examples_of_the_page_run():
    page = ROOT / "docs" / "measure.md"
    failed, tried = doctest.testfile(str(page), module_relative=False, encoding="utf-8")
    assert (failed, tried) == (0, 24)
