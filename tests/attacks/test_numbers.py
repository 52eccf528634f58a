"""Numbers that are not numbers: none becomes a result, and each is named."""

import io

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image
from support.report_study import study_table

from feature_diversity.base.errors import InputError
from feature_diversity.claims.judge import read_table
from feature_diversity.data import store
from feature_diversity.data.image_files import ImageFiles
from feature_diversity.evaluation import probes
from feature_diversity.evaluation.features import features_of
from feature_diversity.measures.of_layers import energies_and_measures
from feature_diversity.measures.spectra import Features, alpha_req
from feature_diversity.networks import model
from feature_diversity.networks.released.layouts import read_checkpoint
from feature_diversity.networks.resnet import resnet
from feature_diversity.results.table import read_results
from feature_diversity.stages import energy

BAD = [float("nan"), float("inf"), -float("inf")]


# --- weights ---


@pytest.mark.parametrize("value", BAD)
@pytest.mark.parametrize("key", ["conv1.weight", "layer4.0.bn3.running_var"])
def test_weights_that_are_not_finite_are_not_written(tmp_path, key, value):
    trunk = resnet(14, 1 / 64, "batchnorm")
    trunk.state_dict()[key].view(-1)[-1] = value
    with pytest.raises(InputError, match=rf"model\.safetensors: 1 of .* numbers of trunk\.{key}"):
        model.write(tmp_path / "model.safetensors", trunk, None, {})
    assert not list(tmp_path.iterdir())


def test_a_training_whose_last_step_overflows_leaves_no_network(train, tmp_path):
    with pytest.raises(InputError, match="not finite"):
        train(tmp_path, 1, learning_rate=1e39, batch_size=64)  # one step, so its loss is finite
    assert not list(tmp_path.rglob("model.safetensors"))


def test_weights_that_were_changed_are_not_read(trained, tmp_path):
    content = bytearray(trained.read_bytes())
    content[-1] ^= 1  # still a finite number
    (tmp_path / "model.safetensors").write_bytes(content)
    with pytest.raises(InputError, match=r"the weights have digest [0-9a-f]{16}, expected [0-9a-f]{16}"):
        model.read(tmp_path / "model.safetensors")


def test_weights_that_are_not_finite_are_not_read(trained, tmp_path):
    content = bytearray(trained.read_bytes())
    content[-4:] = np.float32("nan").tobytes()
    (tmp_path / "model.safetensors").write_bytes(content)
    with pytest.raises(InputError, match=r"1 of .* are not finite"):
        model.read(tmp_path / "model.safetensors")


# --- checkpoints ---


def checkpoint(tmp_path, key, change):
    """A checkpoint as torchvision's, one tensor of it changed."""
    state = resnet(14, 1 / 64, "batchnorm").state_dict()
    torch.save(state | {key: change(state[key])}, tmp_path / "a.pth")
    return tmp_path / "a.pth"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda x: x * float("nan"), "are not finite"),
        (lambda x: x.to_sparse(), "sparse"),
        (lambda x: x.to("meta"), "meta"),
        (lambda x: x.to(torch.complex64), "complex64"),
        (lambda x: x.to(torch.int32), "int32"),
        (lambda x: x.repeat(2, 1, 1, 1), "misshapen"),
        (lambda _: 3, "no tensors"),
    ],
)
def test_odd_tensors_of_a_checkpoint_are_named(tmp_path, change, said):
    with pytest.raises(InputError, match=rf"a\.pth: .*{said}|{said}.*layer1"):
        read_checkpoint(checkpoint(tmp_path, "layer1.0.conv1.weight", change))


# --- features ---


@pytest.mark.parametrize("value", BAD[:2])  # a ReLU makes zero of the third
def test_features_that_are_not_finite_are_refused(trained, digits, value):
    facts, (split,) = store.read(digits, "held_out")
    network = model.read(trained)
    with torch.no_grad():
        network.trunk.layer4[-1].bn3.bias[0] = value
    with pytest.raises(InputError, match="features of layer res5 are not finite for 3 of 3 images"):
        features_of(network, store.to_unit(split.images[:3]), facts, ["conv1", "res5"])
    with pytest.raises(InputError, match="features of layer trunk are not finite"):
        probes.features(network, split, facts)


def test_one_row_that_is_not_finite_among_many_is_found():
    x = torch.ones(1000, 4)
    probes.check_finite(x, "trunk")
    probes.check_finite(torch.full((2, 2), 3e38), "trunk")  # only their sum is infinite
    x[700, 2] = float("nan")
    with pytest.raises(InputError, match="1 of 1,000 images"):
        probes.check_finite(x, "trunk")


def test_an_archive_that_is_called_an_array_is_named(tmp_path):
    with open(tmp_path / "trunk.npy", "wb") as file:
        np.savez(file, a=np.ones((4, 3), np.float32))
    with pytest.raises(InputError, match=r"trunk\.npy cannot be read as a NumPy array: it is an archive"):
        energies_and_measures(tmp_path, layers=["trunk"], powers=[1], vectors=["gap"], centred=[False])


def test_views_of_fewer_images_are_refused(tmp_path):
    rng = np.random.default_rng(0)
    np.save(tmp_path / "trunk.npy", rng.standard_normal((6, 3)).astype(np.float32))
    np.save(tmp_path / "views_trunk.npy", rng.standard_normal((2, 5, 3)).astype(np.float32))
    with pytest.raises(InputError, match=r"views_trunk\.npy: expected 2 x N x C with N = 6, got \(2, 5, 3\)"):
        energies_and_measures(tmp_path, layers=["trunk"], powers=[1], vectors=["gap"], centred=[False])


# --- images ---


@pytest.mark.parametrize(
    ("pixels", "name"),
    [
        (np.full((8, 8), 40000, np.uint16), "a.png"),
        (np.full((8, 8), 40000, np.int32), "a.tiff"),
        (np.full((8, 8), 0.5, np.float32), "a.tiff"),
    ],
    ids=lambda value: str(getattr(value, "dtype", value)),
)
def test_images_of_more_than_eight_bits_are_not_clipped(tmp_path, pixels, name):
    Image.fromarray(pixels).save(tmp_path / name)
    with pytest.raises(InputError, match=f"{name} has pixels of mode .*, expected 8 bits a channel"):
        ImageFiles(tmp_path, [name], None, 28, 32).pixels(0)


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA"])
def test_images_of_eight_bits_have_pillows_pixels(tmp_path, mode):
    smooth = Image.fromarray(np.arange(192, dtype=np.uint8).reshape(8, 8, 3)).convert(mode)
    buffer = io.BytesIO()
    smooth.save(buffer, "PNG")
    (tmp_path / "a.png").write_bytes(buffer.getvalue())
    expected = np.asarray(Image.open(tmp_path / "a.png").convert("RGB"))
    assert np.array_equal(ImageFiles(tmp_path, ["a.png"], None, 28, 32).pixels(0), expected)


# --- tables ---


def with_error(table: pd.DataFrame, value) -> pd.DataFrame:
    errors = table["test_error"].astype(object if isinstance(value, str) else float)
    return table.assign(test_error=errors.where(table.index != 5, value))


@pytest.mark.parametrize("read", [read_results, read_table])
@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda table: with_error(table, 7.5), "test_error is 7.5 in row 6, expected 0 to 1"),
        (lambda table: with_error(table, -0.1), "test_error is -0.1 in row 6"),
        (lambda table: with_error(table, "low"), "column test_error has 'low', expected numbers"),
        (lambda table: pd.concat([table, table]), "rows of a run and reading twice"),
        (
            lambda table: pd.concat([table, table.iloc[:1].assign(diversity=0.5)]),
            "1 rows of a run and reading twice",
        ),
    ],
)
def test_tables_with_impossible_rows_are_refused(tmp_path, read, change, said):
    change(study_table()).to_csv(tmp_path / "results.csv", index=False)
    with pytest.raises(InputError, match=said):
        read(tmp_path / "results.csv")


# --- what rounding decides ---


@pytest.mark.parametrize(("images", "dim"), [(40, 60), (8, 20), (30, 30)])
def test_the_decay_of_the_spectrum_does_not_depend_on_the_order_of_images(images, dim):
    """Centred rows have a direction less than there are images: what rounding leaves of it is none."""
    generator = np.random.default_rng(1)
    x = generator.normal(size=(images, dim)) + 10
    centred = x - x.mean(axis=0)
    eigenvalues = np.linalg.svd(centred, compute_uv=False)[: images - 1] ** 2
    index = np.arange(1, images)
    slope, _ = np.polyfit(np.log(index), np.log(eigenvalues), 1, w=index**-0.5)
    for _ in range(20):
        assert alpha_req(Features(x[generator.permutation(images)])) == pytest.approx(-slope, rel=1e-9)


@pytest.mark.parametrize("power", ["1e-300", "1e-12", "1e-8", "0.0009"])
def test_powers_so_small_that_rounding_decides_are_refused(capsys, tmp_path, power):
    files = ["--energy", str(tmp_path / "energy.csv"), "--measures", str(tmp_path / "measures.csv")]
    options = ["--features", str(tmp_path), "--layers", "trunk", "--vectors", "gap", "--centred", "false"]
    with pytest.raises(SystemExit):
        energy.main([*options, *files, "--powers", power])
    assert "is neither 0 nor at least 0.001" in capsys.readouterr().err
