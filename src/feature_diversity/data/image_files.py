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

    folder: where `paths` start. spans: None, where each path is one image; else int64, N x 3: number of the
    path, first byte and number of bytes of each image in that file (uncompressed tar shards, the cache).
    size: side in pixels of the squares that `evaluation` returns; window_size: of those of `window`.
    """

    folder: Path
    paths: list[str]
    spans: np.ndarray | None
    size: int
    window_size: int

    def __len__(self) -> int:
        return len(self.paths) if self.spans is None else len(self.spans)

    def content(self, row: int) -> bytes:
        """The bytes of one image, still encoded; InputError naming the file if it cannot be read."""
        try:
            if self.spans is None:
                return (self.folder / self.paths[row]).read_bytes()
            number, start, length = self.spans[row].tolist()
            with open(self.folder / self.paths[number], "rb") as file:
                file.seek(start)
                return file.read(length)
        except OSError as error:
            raise InputError(f"{self.name(row)} cannot be read: {error}") from None

    def name(self, row: int) -> str:
        """What to call an image in a message."""
        if self.spans is None:
            return str(self.folder / self.paths[row])
        number, start, _ = self.spans[row].tolist()
        return f"{self.folder / self.paths[number]}, byte {start}"

    def evaluation(self, row: int) -> np.ndarray:
        """VISSL's view for evaluation: the shorter side resized to size / 0.875, the centre cut out.

        uint8, size x size x 3. Raises InputError naming the file if it is no image.
        """
        return centre(self.decode(row), round(self.size / CROP_SHARE), self.size)

    def window(self, row: int, position: float) -> np.ndarray:
        """A square over the whole shorter side, resized to uint8, window_size x window_size x 3.

        position: 0 ... 1, where along the longer side. JPEG files are decoded at the least of the
        scales 1/8, 1/4, 1/2, 1 that is large enough. Raises InputError as `evaluation` does.
        """
        return square(self.decode(row, self.window_size), self.window_size, position)

    def decode(self, row: int, at_least: int | None = None) -> "Image.Image":
        """The image in RGB; JPEG files at the least scale with `at_least` pixels a side, if given."""
        from PIL import Image  # here: what has its images in memory starts without it

        try:
            image = Image.open(io.BytesIO(self.content(row)))
            if at_least:
                image.draft("RGB", (at_least, at_least))
            return image.convert("RGB")
        except (OSError, ValueError, SyntaxError) as error:  # what Pillow raises for damaged files
            raise InputError(f"{self.name(row)} is not an image: {error}") from None


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
