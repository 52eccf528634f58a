import numpy as np
import pytest
import torch
from support import golden_energy as golden
from torch.nn.functional import adaptive_avg_pool2d, avg_pool2d

from feature_diversity.measures import readings
from feature_diversity.measures.energy import hyperspherical_energy

# VISSL's configurations for linear evaluation of a ResNet-50 on ImageNet
VISSL = {
    (64, 112, 112): {"kernel_size": 10, "stride": 10, "padding": 4},
    (256, 56, 56): {"kernel_size": 16, "stride": 8},
    (512, 28, 28): {"kernel_size": 13, "stride": 5},
    (1024, 14, 14): {"kernel_size": 8, "stride": 3},
    (2048, 7, 7): {"kernel_size": 6, "stride": 1},
}


@pytest.fixture
def maps():
    return golden.arrays("feature_maps")["maps"]


@pytest.mark.parametrize(
    "reading", ["flatten", "gap", "positions", "channels", "flatten_centred", "gap_centred"]
)
def test_golden_energies_of_readings(maps, reading):
    names = {
        "gap": "global_average_pool",
        "gap_centred": "global_average_pool_centred",
        "positions": "positions_as_vectors",
        "channels": "channels_as_vectors",
    }
    expected = golden.cases("feature_maps")[0]["readings"][names.get(reading, reading)]
    if isinstance(expected, dict):
        expected = expected["energies"]
    name, _, centred = reading.partition("_")
    vectors = readings.READINGS[name](maps)
    tolerance = 1e-10 if centred else 1e-12
    for reduction in ("mean", "sum"):
        result = hyperspherical_energy(vectors, center=bool(centred), reduction=reduction)
        for energy in expected:
            value = result.value[int(energy["s"])]
            assert value == pytest.approx(float(energy[reduction]), rel=tolerance), energy


@pytest.mark.parametrize("shape", VISSL)
def test_vissl_reading_is_vissls_pooling_of_a_resnet50(shape):
    maps = np.random.default_rng(0).random((2, *shape), dtype=np.float32)
    expected = avg_pool2d(torch.from_numpy(maps).double(), **VISSL[shape]).flatten(1).numpy()
    result = readings.vissl(maps)
    assert 8192 <= result.shape[1] <= 9216
    np.testing.assert_allclose(result, expected, rtol=1e-12)


@pytest.mark.parametrize(
    ("shape", "k"),
    [
        ((64, 16, 16), (12, 12)),
        ((128, 12, 9), (8, 8)),
        ((512, 7, 3), (4, 3)),
        ((20000, 2, 2), (1, 1)),
        ((64, 32, 32), (12, 12)),
    ],
)
def test_vissl_reading_of_other_maps_is_adaptive_pooling(shape, k):
    maps = np.random.default_rng(0).random((2, *shape), dtype=np.float32)
    expected = adaptive_avg_pool2d(torch.from_numpy(maps).double(), k).flatten(1).numpy()
    np.testing.assert_allclose(readings.vissl(maps), expected, rtol=1e-12)


def test_vissl_reading_leaves_small_maps_as_they_are():
    maps = np.random.default_rng(0).random((3, 128, 8, 8), dtype=np.float32)
    assert np.shares_memory(readings.vissl(maps), maps)


def test_readings_of_vectors_are_the_vectors():
    vectors = np.random.default_rng(0).random((6, 5), dtype=np.float32)
    for name in ("flatten", "gap", "vissl", "positions"):
        np.testing.assert_array_equal(readings.READINGS[name](vectors), vectors)
    np.testing.assert_array_equal(readings.channels(vectors), vectors.T)


def test_positions_and_channels_are_those_of_the_map(maps):
    np.testing.assert_array_equal(readings.positions(maps)[4 * 4 * 3 + 4 * 2 + 1], maps[3, :, 2, 1])
    np.testing.assert_array_equal(readings.channels(maps)[2], maps[:, 2].ravel())
    np.testing.assert_allclose(readings.gap(maps), maps.astype(float).mean(axis=(2, 3)), rtol=1e-14)


@pytest.mark.parametrize("shape", [(5,), (5, 4, 3), (2, 3, 4, 5, 6)])
@pytest.mark.parametrize("reading", readings.READINGS)
def test_other_shapes_are_refused(shape, reading):
    with pytest.raises(ValueError, match="N x C x H x W"):
        readings.READINGS[reading](np.ones(shape))
