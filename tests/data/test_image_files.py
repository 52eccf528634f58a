import json

import numpy as np
import pytest
from PIL import Image
from support.paths import GOLDEN

from feature_diversity.base.errors import InputError
from feature_diversity.data import image_files, prepare


def test_the_view_for_evaluation_is_vissls():
    arrays = np.load(GOLDEN / "pretext.npz")
    sizes = json.loads((GOLDEN / "pretext.json").read_text())["img_eval"]
    ours = image_files.centre(arrays["img_eval/image_hwc"], sizes["resize"], sizes["center_crop"])
    normalised = (ours / 255 - prepare.IMAGENET_MEAN) / prepare.IMAGENET_STD
    assert np.abs(normalised - arrays["img_eval/out_chw"].transpose(1, 2, 0)).max() < 1e-5


@pytest.fixture
def jpeg_files(tmp_path):
    """Saves a picture as JPEG with Pillow's options; returns ImageFiles of it alone."""
    smooth = np.random.default_rng(0).integers(0, 256, (6, 8, 3), dtype=np.uint8)
    picture = Image.fromarray(smooth).resize((80, 60), Image.Resampling.BICUBIC)

    def save(mode="RGB", cut=None, **options):
        picture.convert(mode).save(tmp_path / "a.jpg", **options)
        content = (tmp_path / "a.jpg").read_bytes()
        (tmp_path / "a.jpg").write_bytes(content[:cut])
        return image_files.ImageFiles(tmp_path, ["a.jpg"], None, 28, 32)

    return save


@pytest.mark.parametrize("options", [{}, {"subsampling": 0}, {"progressive": True}, {"quality": 20}], ids=str)
@pytest.mark.parametrize("mode", ["RGB", "L", "CMYK"])
def test_jpeg_files_have_pillows_pixels(jpeg_files, mode, options):
    files = jpeg_files(mode, **options)
    expected = np.asarray(Image.open(files.folder / "a.jpg").convert("RGB"))
    assert np.array_equal(files.pixels(0), expected)


def test_a_jpeg_file_that_ends_early_is_refused(jpeg_files):
    with pytest.raises(InputError, match=r"a\.jpg is not an image"):
        jpeg_files(cut=-200).pixels(0)


def test_a_large_jpeg_file_is_decoded_no_larger_than_needed(jpeg_files):
    files = jpeg_files()
    image = Image.open(files.folder / "a.jpg")
    image.draft("RGB", (40, 30))
    assert np.array_equal(files.pixels(0, at_least=29), np.asarray(image))
    assert files.pixels(0, at_least=20).shape == (23, 30, 3)  # three eighths


def test_a_jpeg_file_of_the_window_size_is_its_own_window(jpeg_files):
    files = jpeg_files()
    squares = image_files.ImageFiles(files.folder, ["square.jpg"], None, 28, 32)
    Image.open(files.folder / "a.jpg").crop((0, 0, 32, 32)).save(files.folder / "square.jpg")
    window = np.zeros((32, 32, 3), np.uint8)
    squares.window(0, 0.5, window)
    assert np.array_equal(window, np.asarray(Image.open(files.folder / "square.jpg")))
