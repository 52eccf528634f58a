"""A look at every image before a data set is divided: is it whole, and is it there twice?"""

import io
from collections.abc import Iterator

import numpy as np

from feature_diversity.base.errors import InputError
from feature_diversity.base.timing import bar
from feature_diversity.data.image_files import ImageFiles, digest
from feature_diversity.data.threads import in_order

AHEAD = 256  # images
QUALITY = 95  # of the cache's JPEG files


def inspect(images: np.ndarray | ImageFiles, threads: int) -> tuple[np.ndarray, dict[int, str]]:
    """Look into each image: what is there, as a digest that is equal where images are, and what is wrong.

    Args:
        images: uint8, N x C x H x W, or N files, which are all read and decoded.
        threads: that read.

    Returns:
        N digests (bytes; that of a corrupt image is empty), and for the row of each corrupt image the reason,
        which names the file.
    """
    if isinstance(images, np.ndarray):
        return np.array([digest(image.tobytes()) for image in images], object), {}
    corrupt = {}

    def look(row: int) -> bytes:
        try:
            images.pixels(row)
            return digest(images.content(row))
        except InputError as error:
            corrupt[row] = str(error)
            return b""

    found = in_order(look, range(len(images)), threads=threads, ahead=AHEAD)
    contents = list(bar(found, desc="looking at images", total=len(images), unit=" images"))
    return np.array(contents, object), dict(sorted(corrupt.items()))


def shrunk(images: ImageFiles, threads: int) -> Iterator[bytes]:
    """Yield each image as a JPEG file with a shorter side of window_size pixels."""
    side = images.window_size

    from PIL import Image

    def shrink(row: int) -> bytes:
        image = Image.fromarray(images.pixels(row, side))
        size = tuple(round(length * side / min(image.size)) for length in image.size)
        buffer = io.BytesIO()
        image.resize(size, Image.Resampling.BILINEAR).save(buffer, "JPEG", quality=QUALITY, subsampling=0)
        return buffer.getvalue()

    files = in_order(shrink, range(len(images)), threads=threads, ahead=AHEAD)
    return iter(bar(files, desc="resizing images", total=len(images), unit=" images"))
