import json
from pathlib import Path

import numpy as np
from PIL import Image

from feature_diversity import prepare
from feature_diversity.data import image_files

GOLDEN = Path(__file__).parents[1] / "golden"


def test_the_view_for_evaluation_is_vissls():
    arrays = np.load(GOLDEN / "pretext.npz")
    sizes = json.loads((GOLDEN / "pretext.json").read_text())["img_eval"]
    image = Image.fromarray(arrays["img_eval/image_hwc"])
    ours = image_files.centre(image, sizes["resize"], sizes["center_crop"])
    normalised = (ours / 255 - prepare.IMAGENET_MEAN) / prepare.IMAGENET_STD
    assert np.abs(normalised - arrays["img_eval/out_chw"].transpose(1, 2, 0)).max() < 1e-5
