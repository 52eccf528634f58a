"""Pictures to make data sets of."""

import numpy as np
from PIL import Image


def picture(seed: int, width: int = 48, height: int = 40) -> Image.Image:
    """A smooth random picture, so that JPEG changes it little."""
    coarse = np.random.default_rng(seed).integers(0, 256, (4, 4, 3), dtype=np.uint8)
    return Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC)
