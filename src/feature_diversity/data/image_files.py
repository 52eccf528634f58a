"""Images in files or in tar shards, decoded when they are asked for."""

import io
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from feature_diversity.files import InputError

if TYPE_CHECKING:
    from PIL import Image

CROP_SHARE = 224 / 256  # of the resized image's shorter side: VISSL's evaluation resizes to 256, crops 224


@dataclass(frozen=True)
class ImageFiles:
    """N images that lie in files.

    folder: where `paths` start. spans: int64, N x 2, first byte and number of bytes of each image in its
    file (an uncompressed tar shard), or None where each file is one image.
    size: side of the squares that `evaluation` returns; window: of those that `window` returns, in pixels.
    """

    folder: Path
    paths: list[str]
    spans: np.ndarray | None
    size: int
    window_size: int

    def __len__(self) -> int:
        return len(self.paths)

    def content(self, row: int) -> bytes:
        """The bytes of one image, still encoded; InputError naming the file if it cannot be read."""
        path = self.folder / self.paths[row]
        try:
            if self.spans is None:
                return path.read_bytes()
            start, length = self.spans[row]
            with open(path, "rb") as file:
                file.seek(start)
                return file.read(length)
        except OSError as error:
            raise InputError(f"{self.name(row)} cannot be read: {error}") from None

    def name(self, row: int) -> str:
        """What to call an image in a message."""
        within = "" if self.spans is None else f", byte {self.spans[row][0]}"
        return f"{self.folder / self.paths[row]}{within}"

    def evaluation(self, row: int) -> np.ndarray:
        """VISSL's view for evaluation: the shorter side resized to size / 0.875, the centre cut out.

        uint8, size x size x 3. Raises InputError naming the file if it is no image.
        """
        try:
            return centre(_decode(self.content(row)), round(self.size / CROP_SHARE), self.size)
        except (OSError, ValueError, SyntaxError) as error:  # what Pillow raises for damaged files
            raise InputError(f"{self.name(row)} is not an image: {error}") from None

    def window(self, row: int, position: float) -> np.ndarray:
        """A square over the whole shorter side, resized to uint8, window_size x window_size x 3.

        position: 0 ... 1, where along the longer side. JPEG files are decoded at the least of the
        scales 1/8, 1/4, 1/2, 1 that is large enough. Raises InputError as `evaluation` does.
        """
        try:
            return square(_decode(self.content(row), self.window_size), self.window_size, position)
        except (OSError, ValueError, SyntaxError) as error:
            raise InputError(f"{self.name(row)} is not an image: {error}") from None


def _decode(content: bytes, at_least: int | None = None) -> "Image.Image":
    from PIL import Image  # here: what has its images in memory starts without it

    image = Image.open(io.BytesIO(content))
    if at_least:
        image.draft("RGB", (at_least, at_least))
    return image.convert("RGB")


def centre(image: "Image.Image", resize: int, crop: int) -> np.ndarray:
    """torchvision's Resize(resize), then CenterCrop(crop): uint8, crop x crop x 3. crop <= resize."""
    short, long = sorted(image.size)
    scaled = int(resize * long / short)
    width, height = (resize, scaled) if image.width <= image.height else (scaled, resize)
    left, top = round((width - crop) / 2), round((height - crop) / 2)
    resized = image.resize((width, height), _bilinear())
    return np.asarray(resized.crop((left, top, left + crop, top + crop)))


def square(image: "Image.Image", size: int, position: float) -> np.ndarray:
    """The square of the shorter side at `position` (0 ... 1) along the longer one: uint8, size x size x 3."""
    side = min(image.size)
    left, top = (position * (length - side) for length in image.size)
    return np.asarray(image.resize((size, size), _bilinear(), box=(left, top, left + side, top + side)))


def _bilinear() -> int:
    from PIL import Image

    return Image.Resampling.BILINEAR  # antialiased when it makes smaller
