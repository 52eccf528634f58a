"""Every augmentation against torchvision's, image by image, for the same parameters.

Within 1/255, a step of the 8-bit images that VISSL works on, unless a test says otherwise.
"""

import math

import numpy as np
import pytest
import torch
import torchvision.transforms.v2.functional as F
from PIL import Image, ImageFilter
from support.golden_weights import golden_arrays, golden_json
from torch import Tensor

from feature_diversity.data import augment
from feature_diversity.data.augment import (
    adjust_hue,
    adjust_sharpness,
    adjust_tone_,
    autocontrast,
    colour_jitter,
    gaussian_blur,
    grey,
    mirror,
    photometric,
    posterize,
    random_grey,
    random_resized_crop,
    resized_crop,
    rotate,
    solarize,
    uniform,
)

torch.set_num_threads(1)
STEP = 1 / 255
COUNT = 12


def draws(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.fixture(params=[1, 3], ids=["grey", "colour"])
def images(request) -> Tensor:
    """Smooth and rough parts, values that are multiples of 1/255."""
    x = torch.rand(COUNT, request.param, 32, 32, generator=draws())
    smooth = torch.nn.functional.avg_pool2d(x, 5, stride=1, padding=2)
    mixed = torch.where(torch.arange(32) < 16, x, smooth)
    return (mixed * 255).round() / 255


def assert_like_torchvision(actual: Tensor, images: Tensor, one_image, *amounts, tolerance=STEP) -> None:
    """one_image: (image, amount, ...) -> image, torchvision's result."""
    expected = torch.stack([one_image(x, *amount) for x, *amount in zip(images, *amounts, strict=True)])
    torch.testing.assert_close(actual, expected, rtol=0, atol=tolerance)


# --- geometry ---


@pytest.mark.parametrize("size", [8, 20, 32, 48])
def test_resized_crop(images, size):
    """Float images: torchvision rounds 8-bit ones, half a step more."""
    top, left = torch.arange(COUNT) % 5, torch.arange(COUNT) % 7
    height, width = 10 + torch.arange(COUNT), 25 - torch.arange(COUNT)
    mirrored = torch.arange(COUNT) % 2 == 1

    def one_image(x, top, left, height, width, mirrored):
        x = F.resized_crop(x, top, left, height, width, [size, size], antialias=True)
        return F.horizontal_flip(x) if mirrored else x

    boxes = [values.tolist() for values in (top, left, height, width, mirrored)]
    actual = resized_crop(images, top.float(), left.float(), height.float(), width.float(), size, mirrored)
    assert_like_torchvision(actual, images, one_image, *boxes, tolerance=1e-5)


def test_random_resized_crop_takes_boxes_of_the_asked_area_and_shape(monkeypatch):
    boxes = []
    monkeypatch.setattr(augment, "resized_crop", lambda *arguments: boxes.extend(arguments[1:5]))
    random_resized_crop(torch.zeros(5000, 1, 64, 64), draws(), scale=(0.2, 0.8))
    top, left, height, width = boxes
    area, shape = height * width / 64**2, (width / height).log()
    assert 0.18 < float(area.min()) < 0.22
    assert 0.78 < float(area.max()) < 0.82
    assert float(shape.abs().max()) < math.log(4 / 3) + 0.08  # sides are whole pixels
    assert float(area.mean()) == pytest.approx(0.5, abs=0.02)
    assert float(shape.mean()) == pytest.approx(0, abs=0.02)
    assert int(top.min()) == 0
    assert int((top + height).max()) == 64
    assert int(left.min()) == 0
    assert int((left + width).max()) == 64


def test_a_crop_that_fits_nowhere_is_the_whole_image(images):
    whole = random_resized_crop(images, draws(), scale=(2.0, 3.0))
    torch.testing.assert_close(whole, images)


def test_mirror(images):
    chosen = torch.arange(COUNT) % 3 == 0
    one_image = lambda x, chosen: F.horizontal_flip(x) if chosen else x  # noqa: E731
    assert_like_torchvision(mirror(images, chosen), images, one_image, chosen, tolerance=0)


def test_rotate(images):
    turns = torch.arange(COUNT) % 4
    one_image = lambda x, turns: F.rotate(x, 90.0 * turns)  # noqa: E731
    assert_like_torchvision(rotate(images, turns), images, one_image, turns.tolist(), tolerance=0)


# --- colour ---


@pytest.mark.parametrize(
    ("adjust", "theirs", "low", "high"),
    [
        (adjust_hue, F.adjust_hue, -0.5, 0.5),
        (adjust_sharpness, F.adjust_sharpness, 0.1, 1.9),
        (solarize, F.solarize, 0.0, 1.0),
    ],
    ids=lambda value: getattr(value, "__name__", None),
)
def test_adjustments(images, adjust, theirs, low, high):
    if images.shape[1] == 1 and adjust is adjust_hue:
        pytest.skip("grey images have no hue")
    amounts = torch.linspace(low, high, COUNT)
    assert_like_torchvision(adjust(images, amounts), images, theirs, amounts.tolist(), tolerance=1e-5)


def test_tones_of_all_kinds_at_once(images):
    kinds = torch.arange(COUNT) % 3
    f = torch.linspace(0, 2, COUNT // 3).repeat_interleave(3)
    weights = torch.stack([f, (1 - f) * (kinds == 1), (1 - f) * (kinds == 2)], dim=1)
    theirs = [F.adjust_brightness, F.adjust_contrast, F.adjust_saturation]
    if images.shape[1] == 1:  # for torchvision grey images have no saturation, here they are their luma
        theirs[2] = lambda image, factor: image
    one_image = lambda image, kind, factor: theirs[kind](image, factor)  # noqa: E731
    changed = adjust_tone_(images.clone(), weights)
    assert_like_torchvision(changed, images, one_image, kinds.tolist(), f.tolist(), tolerance=1e-5)


def test_hue_of_grey_black_and_white_stays():
    x = torch.tensor([0.0, 0.5, 1.0]).view(1, 1, 1, 3).expand(1, 3, 2, 3)
    torch.testing.assert_close(adjust_hue(x, torch.tensor([0.3])), x)


def test_posterize(images):
    bits = torch.arange(COUNT) % 8 + 1

    def one_image(x, bits):
        return F.posterize((x * 255).round().to(torch.uint8), bits).float() / 255

    assert_like_torchvision(posterize(images, bits), images, one_image, bits.tolist(), tolerance=1e-6)


def test_autocontrast(images):
    images[0] = 0.4  # nothing to stretch
    assert_like_torchvision(autocontrast(images), images, F.autocontrast, tolerance=1e-5)


def test_grey(images):
    assert_like_torchvision(grey(images), images, F.rgb_to_grayscale)


# --- blur ---


@pytest.mark.parametrize("shape", [(32, 32), (24, 40), (50, 9)], ids=str)
@pytest.mark.parametrize("radius", [round(0.1 * step, 1) for step in range(1, 21)])
def test_blur_is_pillows(radius, shape):
    """Pillow rounds after each of its six passes: on noise 3/255, in the mean one."""
    image = torch.randint(256, (*shape, 3), generator=draws(), dtype=torch.uint8)
    theirs = Image.fromarray(image.numpy()).filter(ImageFilter.GaussianBlur(radius))
    ours = gaussian_blur(
        image.permute(2, 0, 1)[None] / 255, draws(), probability=1.0, radius=(radius, radius)
    )
    difference = ours[0] - torch.from_numpy(np.array(theirs)).permute(2, 0, 1) / 255
    assert float(difference.abs().max()) < 3.5 * STEP
    assert float(difference.abs().mean()) < 1.2 * STEP


def test_images_of_a_batch_are_blurred_by_themselves():
    images = torch.rand(COUNT, 1, 32, 32, generator=draws())
    deviations = uniform(COUNT, 0.1, 2.0, draws(5))
    together = gaussian_blur(images, draws(5), probability=1.0, radius=(0.1, 2.0))
    for x, s, blurred in zip(images, deviations.tolist(), together, strict=True):
        alone = gaussian_blur(x[None], draws(), probability=1.0, radius=(s, s))
        torch.testing.assert_close(blurred[None], alone, rtol=0, atol=1e-6)


def test_blur_is_vissls():
    golden = golden_arrays("pretext", "img_blur")
    deviation = golden_json("pretext.json")["img_blur"]["pil_gaussian_radius"]
    image, theirs = (golden[f"{name}_hwc"].permute(2, 0, 1)[None] / 255 for name in ("image", "out"))
    ours = gaussian_blur(image, draws(), probability=1.0, radius=(deviation, deviation))
    difference = (ours - theirs).abs()
    assert float(difference.max()) < 3.5 * STEP
    assert float(difference.mean()) < STEP


# --- what is drawn ---


def test_colour_jitter_applies_all_four_in_some_order():
    images = torch.rand(200, 3, 8, 8, generator=draws()) * 0.2 + 0.4  # nothing is clipped
    changed = colour_jitter(images, draws(), brightness=0.1, contrast=0.1, saturation=0.1, hue=0.1)
    # brightness alone changes the mean luma; hue and the rest do not change it much
    factor = grey(changed).mean(dim=(1, 2, 3)) / grey(images).mean(dim=(1, 2, 3))
    assert 0.85 < float(factor.min()) < 0.95
    assert 1.05 < float(factor.max()) < 1.15


def test_colour_jitter_is_torchvisions_with_the_same_amounts_in_the_same_order(images):
    jittered = colour_jitter(
        images, draws(), brightness=0.4, contrast=0.3, saturation=0.5, hue=0.2, probability=0.8
    )
    again = draws()
    amounts = [uniform(COUNT, 1 - reach, 1 + reach, again) for reach in (0.4, 0.3, 0.5)]
    amounts = torch.stack([*amounts, uniform(COUNT, -0.2, 0.2, again)], dim=1).tolist()
    orders = torch.rand(COUNT, 4, generator=again).argsort(dim=1).tolist()
    changed = (torch.rand(COUNT, generator=again) < 0.8).tolist()
    theirs = [F.adjust_brightness, F.adjust_contrast, F.adjust_saturation, F.adjust_hue]
    if images.shape[1] == 1:
        theirs[2:] = [lambda image, amount: image] * 2

    def one_image(image, amount, order, changed):
        for kind in order if changed else []:
            image = theirs[kind](image, amount[kind])
        return image

    assert 0 < sum(changed) < COUNT
    assert_like_torchvision(jittered, images, one_image, amounts, orders, changed, tolerance=1e-5)


def test_colour_jitter_of_grey_images_leaves_saturation_and_hue_out():
    images = torch.rand(50, 1, 8, 8, generator=draws())
    amounts = {"brightness": 0.5, "contrast": 0.5, "saturation": 0.5, "hue": 0.1}
    changed = colour_jitter(images, draws(), **amounts)
    in_colour = colour_jitter(images.expand(-1, 3, -1, -1), draws(), **amounts)
    # the weights of luma sum up to 0.9999
    torch.testing.assert_close(changed.expand(-1, 3, -1, -1), in_colour, rtol=0, atol=1e-3)


def test_probabilities_are_shares_of_the_images():
    images = torch.rand(2000, 3, 8, 8, generator=draws())
    jitter = {"brightness": 0.4, "contrast": 0.4, "saturation": 0.4, "hue": 0.1}
    for change in (
        lambda p: colour_jitter(images, draws(), **jitter, probability=p),
        lambda p: random_grey(images, draws(), probability=p),
        lambda p: photometric(images, draws(), probability=p),
        lambda p: gaussian_blur(images, draws(), probability=p, radius=(0.5, 2.0)),
    ):
        for probability in (0.0, 0.3, 1.0):
            changed = (change(probability) != images).flatten(1).any(dim=1).float().mean()
            assert float(changed) == pytest.approx(probability, abs=0.05)


def test_uniform_draws_fill_their_range():
    x = uniform(10_000, -2.0, 3.0, draws())
    assert -2 <= float(x.min()) < -1.99
    assert 2.99 < float(x.max()) < 3


def test_nothing_changes_its_input():
    images = torch.rand(8, 3, 16, 16, generator=draws())
    before = images.clone()
    rotate(images, torch.arange(8) % 4)
    mirror(images, torch.ones(8, dtype=torch.bool))
    colour_jitter(images, draws(), brightness=0.4, contrast=0.4, saturation=0.4, hue=0.1)
    random_grey(images, draws(), probability=1.0)
    photometric(images, draws(), probability=1.0)
    gaussian_blur(images, draws(), probability=1.0, radius=(0.1, 2.0))
    assert torch.equal(images, before)
