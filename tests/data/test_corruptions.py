import colorsys
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from scipy import ndimage

from feature_diversity.base.paths import SCHEMAS
from feature_diversity.compute.draws import generator
from feature_diversity.data.corruptions.blur import motion_blur
from feature_diversity.data.corruptions.corrupt import CORRUPTIONS, SIDE, corrupt
from feature_diversity.data.corruptions.noise import gaussian_noise, impulse_noise, shot_noise
from feature_diversity.data.corruptions.sampling import sampled, smoothed, streaked, zoomed
from feature_diversity.data.corruptions.weather import brightness, plasma
from feature_diversity.planning.checks import CORRUPTED_SIDE

# Made by the published code, see README.md there
GOLDEN = np.load(Path(__file__).parents[1] / "golden" / "corruptions.npz")
PUBLISHED = sorted(name.removesuffix("_distortion") for name in GOLDEN if name.endswith("_distortion"))
WITHOUT_DRAWS = [name for name in PUBLISHED if name in GOLDEN]
SEVERITIES = range(1, 6)
# Of these the published constants themselves change an image less where they are more severe
NOT_MONOTONE = {"glass_blur", "elastic_transform"}


@pytest.fixture(scope="module")
def colour():
    """Three photographs in colour, uint8, 3 x 3 x 32 x 32."""
    return torch.from_numpy(GOLDEN["images"])


def distortion(images, name, severity, seed=0):
    """Root of the mean squared change of a value, in grey levels."""
    changed = corrupt(images, name, severity, generator(seed, name, severity))
    return (changed.double() - images.double()).square().mean().sqrt().item()


def test_a_study_may_name_these_corruptions_and_no_others():
    schema = yaml.safe_load((SCHEMAS / "study.schema.yaml").read_text())
    names = schema["properties"]["outcomes"]["properties"]["corruptions"]["properties"]["names"]
    assert names["default"] == names["items"]["enum"] == list(CORRUPTIONS)


def test_planning_knows_the_side_of_the_images():
    assert CORRUPTED_SIDE == SIDE


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("severity", SEVERITIES)
@pytest.mark.parametrize("name", CORRUPTIONS)
def test_the_same_draws_give_the_same_bytes(colour, name, severity, channels):
    images = colour[:, :channels]
    first, second = (corrupt(images, name, severity, generator(0, name)) for _ in range(2))
    assert first.dtype == torch.uint8
    assert first.shape == images.shape
    assert torch.equal(first, second)
    assert not torch.equal(first, images)


@pytest.mark.parametrize("name", WITHOUT_DRAWS)
def test_what_has_no_draws_is_what_the_published_code_makes(colour, name):
    """Published images are cut to bytes, ours rounded; brightness is cut twice, on the way to hue as well."""
    for severity in SEVERITIES:
        ours = corrupt(colour, name, severity, generator(0)).double().numpy()
        difference = np.abs(ours - GOLDEN[name][severity - 1])
        assert difference.mean() < 0.7
        assert difference.max() <= (4 if name == "brightness" else 1)


@pytest.mark.parametrize("name", PUBLISHED)
def test_images_are_changed_as_much_as_the_published_code_changes_them(colour, name):
    many = colour.repeat(200, 1, 1, 1)
    for severity in SEVERITIES:
        published, se = GOLDEN[f"{name}_distortion"][severity - 1]
        ours = distortion(many, name, severity)
        assert ours == pytest.approx(published, abs=5 * se + 0.7)  # bytes that are cut, and not rounded


@pytest.mark.parametrize("name", sorted(CORRUPTIONS.keys() - NOT_MONOTONE))
def test_the_more_severe_the_more_images_are_changed(colour, name):
    many = colour.repeat(50, 1, 1, 1)
    found = [distortion(many, name, severity) for severity in SEVERITIES]
    assert found == sorted(found)


@pytest.mark.parametrize("name", ["glass_blur", "elastic_transform"])
def test_what_is_not_monotone_here_is_not_so_as_published(name):
    published = GOLDEN[f"{name}_distortion"][:, 0]
    assert list(published) != sorted(published)


@pytest.mark.parametrize(
    "name", sorted(CORRUPTIONS.keys() - {"gaussian_noise", "shot_noise", "impulse_noise"})
)
def test_a_grey_image_stays_grey_in_colour(colour, name):
    """Noise alone is drawn for each channel. JPEG and luma round a grey level or two away."""
    grey = colour[:, :1]
    single = corrupt(grey, name, 3, generator(0)).int()
    three = corrupt(grey.expand(-1, 3, -1, -1).contiguous(), name, 3, generator(0)).int()
    assert (three - single).abs().max() <= 2


def test_noise_has_the_published_spread():
    half = torch.full((50, 3, 32, 32), 0.5)
    normal = gaussian_noise(half, 2, generator(0)) - half
    assert normal.std() == pytest.approx(0.06, rel=0.02)
    counted = shot_noise(half, 2, generator(0))
    assert counted.mean() == pytest.approx(0.5, abs=0.002)
    assert counted.std() == pytest.approx((0.5 / 250) ** 0.5, rel=0.02)  # of a Poisson count
    lost = impulse_noise(half, 4, generator(0))
    assert (lost == 0).double().mean() == pytest.approx(0.025, rel=0.1)
    assert (lost == 1).double().mean() == pytest.approx(0.025, rel=0.1)


def test_brightness_is_added_to_the_value_of_hue_saturation_and_value():
    colours = np.random.default_rng(0).random((20, 3))
    brighter = brightness(torch.from_numpy(colours).float()[:, :, None, None], 4, generator(0))
    for before, after in zip(colours, brighter[:, :, 0, 0].numpy(), strict=True):
        hue, saturation, value = colorsys.rgb_to_hsv(*before)
        assert after == pytest.approx(colorsys.hsv_to_rgb(hue, saturation, min(value + 0.2, 1)), abs=1e-5)


def test_a_black_image_gets_brighter_and_stays_finite():
    black = torch.zeros(1, 3, 4, 4)
    assert torch.equal(brightness(black, 5, generator(0)), torch.full_like(black, 0.3))
    for name in CORRUPTIONS:
        corrupt(torch.zeros(2, 1, 32, 32, dtype=torch.uint8), name, 5, generator(0))


@pytest.mark.parametrize(("edge", "theirs"), [("border", "nearest"), ("reflection", "mirror")])
def test_sampling_is_scipys(edge, theirs):
    random = np.random.default_rng(0)
    image = random.random((32, 32))
    rows, columns = random.uniform(-10, 42, (2, 32, 32))
    ours = sampled(
        torch.from_numpy(image)[None, None], torch.from_numpy(rows), torch.from_numpy(columns), edge
    )
    expected = ndimage.map_coordinates(image, [rows, columns], order=1, mode=theirs)
    assert np.allclose(ours[0, 0], expected)


@pytest.mark.parametrize(("edge", "theirs"), [("replicate", "nearest"), ("reflect", "mirror")])
@pytest.mark.parametrize("sigma", [0.05, 0.4, 2.3])
def test_smoothing_is_scipys(edge, theirs, sigma):
    image = np.random.default_rng(0).random((32, 32))
    ours = smoothed(torch.from_numpy(image)[None, None], sigma, truncate=4, edge=edge)
    assert np.allclose(ours[0, 0], ndimage.gaussian_filter(image, sigma, mode=theirs, truncate=4))


def test_a_point_is_streaked_to_one_side_along_the_angle():
    point = torch.zeros(2, 1, 32, 32)
    point[:, :, 16, 16] = 1
    flat, upright = streaked(point, torch.tensor([0.0, 90.0]), radius=4, sigma=2)[:, 0]
    assert flat.sum() == pytest.approx(1, abs=1e-5)
    assert flat[16].sum() == pytest.approx(1, abs=1e-5)
    assert (flat[16, 8:17].diff() > 0).all()  # nine values, most where the point was
    assert torch.allclose(upright, flat.T, atol=1e-6)


def test_motion_of_an_even_image_changes_nothing():
    even = torch.full((3, 1, 32, 32), 0.3)
    assert torch.allclose(motion_blur(even, 5, generator(0)), even, atol=1e-5)


def test_zoom_by_one_changes_nothing():
    image = torch.rand(2, 3, 32, 32)
    assert torch.allclose(zoomed(image, 1), image, atol=1e-5)


def test_plasma_fills_its_range_and_goes_on_at_its_edges():
    field = plasma(200, 32, 3, generator(0))
    assert torch.equal(field.amin(dim=(1, 2)), torch.zeros(200))
    assert torch.equal(field.amax(dim=(1, 2)), torch.ones(200))
    inside = (field[:, 16] - field[:, 15]).square().mean()
    across = (field[:, 0] - field[:, 31]).square().mean()
    assert 0.5 < across / inside < 2


def test_plasma_is_rougher_with_less_decay():
    smooth, rough = (plasma(50, 32, decay, generator(0)).diff(dim=1).square().mean() for decay in (3, 1.75))
    assert rough > smooth
