"""Images in files or in tar shards, decoded when they are asked for."""

import hashlib
import io
import os
import stat
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F

from feature_diversity.base.errors import InputError

CROP_SHARE = 224 / 256  # of the resized image's shorter side: VISSL's evaluation resizes to 256, crops 224

# Pillow's modes of 8 bits a channel and less. What has more, Pillow clips to white or black.
MODES = ("1", "L", "LA", "La", "P", "PA", "RGB", "RGBA", "RGBa", "RGBX", "CMYK", "YCbCr", "LAB", "HSV")
# What is decoded: an image of more pixels takes half a gigabyte (Pillow's own bound), one of another shape
# becomes too long when its shorter side is resized.
MOST_PIXELS, MOST_BYTES, MOST_ELONGATED = 178_956_970, 2**30, 100

COLOURS = ("YCbCr", "RGB", "Gray")  # of JPEG files; others (CMYK) Pillow alone brings to RGB


@dataclass(frozen=True)
class ImageFiles:
    """N images that lie in files.

    Attributes:
        folder: where `paths` start.
        paths: names of P files.
        spans: None, where each path is one image; else int64, N x 3: number of the path, first byte and
            number of bytes of each image in that file (uncompressed tar shards, the cache).
        size: side in pixels of the squares that `evaluation` returns.
        window_size: side in pixels of those of `window`.
        stamps: int64, P x 2: size in bytes and time (ns) of each file when its data set was prepared; None
            where nobody noted them.
        digests: uint8, N x 16: digest of the bytes of each image then; None with `stamps`.
    """

    folder: Path
    paths: list[str]
    spans: np.ndarray | None
    size: int
    window_size: int
    stamps: np.ndarray | None = None
    digests: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.paths) if self.spans is None else len(self.spans)

    def content(self, row: int) -> bytes:
        """The bytes of one image, still encoded.

        Raises:
            InputError: naming the file, if it cannot be read, or has other bytes than when it was prepared.
                They are looked at only in files of another size or time.
        """
        number, start, length = (row, 0, -1) if self.spans is None else self.spans[row].tolist()
        try:
            with open(self.folder / self.paths[number], "rb", opener=_without_waiting) as file:
                status = os.fstat(file.fileno())
                if not stat.S_ISREG(status.st_mode):
                    raise InputError(f"{self.name(row)} is no regular file, expected an image")
                if self.spans is None and status.st_size > MOST_BYTES:
                    raise InputError(
                        f"{self.name(row)} has {status.st_size:,} bytes, expected an image of at most "
                        f"{MOST_BYTES:,}"
                    )
                unchanged = self.is_as_prepared(number, status)
                file.seek(start)
                content = file.read(length)
        except OSError as error:
            raise InputError(f"{self.name(row)} cannot be read: {error}") from None
        if not unchanged and digest(content) != self.digests[row].tobytes():
            raise InputError(
                f"{self.name(row)} is not the image that it was when the data set was prepared; run the "
                "stage `data` anew (snakemake --forcerun data)"
            )
        return content

    def check(self, row: int) -> None:
        """Raise InputError as `content` does; the bytes are read only from a file of another size or time."""
        number = row if self.spans is None else self.spans[row, 0]
        try:
            status = os.stat(self.folder / self.paths[number])
        except OSError as error:
            raise InputError(f"{self.name(row)} cannot be read: {error}") from None
        if not self.is_as_prepared(number, status):
            self.content(row)

    def is_as_prepared(self, number: int, status: os.stat_result) -> bool:
        """Whether a file has the size and time that it had then, or nobody knows."""
        if self.stamps is None:
            return True
        return (status.st_size, status.st_mtime_ns) == tuple(self.stamps[number].tolist())

    def name(self, row: int) -> str:
        """What to call an image in a message."""
        if self.spans is None:
            return str(self.folder / self.paths[row])
        number, start, _ = self.spans[row].tolist()
        return f"{self.folder / self.paths[number]}, byte {start}"

    def evaluation(self, row: int, out: np.ndarray) -> None:
        """VISSL's view for evaluation: the shorter side resized to size / 0.875, the centre cut out.

        out: uint8, size x size x 3, where to put it. Raises InputError naming the file if it is no image.
        """
        out[:] = centre(self.pixels(row), round(self.size / CROP_SHARE), self.size)

    def window(self, row: int, position: float, out: np.ndarray) -> None:
        """A square over the whole shorter side, resized to window_size x window_size.

        position: 0 ... 1, where along the longer side. out: uint8, window_size x window_size x 3, where to
        put it. JPEG files are decoded at the least of the scales 1/8, 2/8, ... 1 that is large enough.
        Raises InputError as `evaluation` does.
        """
        pixels = self.pixels(row, self.window_size, out)
        if pixels is not out:
            out[:] = square(pixels, self.window_size, position)

    def pixels(self, row: int, at_least: int | None = None, out: np.ndarray | None = None) -> np.ndarray:
        """The image in RGB, uint8, H x W x 3; JPEG files at the least scale with `at_least` pixels a side.

        out: where to put it, if it is a JPEG file of that size. Raises InputError as `evaluation` does.
        """
        # here: what has its images in memory starts without them
        from PIL import Image
        from simplejpeg import decode_jpeg, decode_jpeg_header

        content = self.content(row)
        with suppress(ValueError):  # an undamaged JPEG file: the pixels that Pillow gives, in half the time
            height, width, colours, _ = decode_jpeg_header(content)
            self.check_size(row, width, height)
            if out is not None and (height, width, 3) == out.shape and colours in COLOURS:
                decode_jpeg(content, buffer=out)
                return out
            if colours in COLOURS:
                return decode_jpeg(content, min_height=at_least or 0, min_width=at_least or 0)
        try:
            image = Image.open(io.BytesIO(content))
            self.check_size(row, *image.size)
            if image.mode not in MODES:
                raise InputError(
                    f"{self.name(row)} has pixels of mode {image.mode}, expected 8 bits a channel"
                )
            return np.asarray(image.convert("RGB"))
        except (InputError, MemoryError):
            raise
        except Exception as error:  # what Pillow raises for damaged files depends on their format
            raise InputError(f"{self.name(row)} is not an image: {error}") from None

    def check_size(self, row: int, width: int, height: int) -> None:
        """InputError for an image that is too large or too long to be decoded, as its header says."""
        short, long = sorted((width, height))
        if short * long > MOST_PIXELS or long > MOST_ELONGATED * short:
            raise InputError(
                f"{self.name(row)} has {width:,} x {height:,} pixels, expected at most {MOST_PIXELS:,}, and "
                f"sides of at most {MOST_ELONGATED} to 1"
            )


def _without_waiting(path: str, flags: int) -> int:
    """Open a file; a pipe, too, without waiting for somebody to write into it."""
    return os.open(path, flags | os.O_NONBLOCK)


def digest(content: bytes) -> bytes:
    """Digest of an image's bytes: 16 bytes."""
    return hashlib.blake2b(content, digest_size=16).digest()


def centre(pixels: np.ndarray, resize: int, crop: int) -> np.ndarray:
    """torchvision's Resize(resize), then CenterCrop(crop), with Pillow: uint8, crop x crop x 3.

    pixels: uint8, H x W x 3. crop <= resize.
    """
    from PIL import Image

    image = Image.fromarray(pixels)
    short, long = sorted(image.size)
    scaled = int(resize * long / short)
    width, height = (resize, scaled) if image.width <= image.height else (scaled, resize)
    left, top = round((width - crop) / 2), round((height - crop) / 2)
    resized = image.resize((width, height), Image.Resampling.BILINEAR)
    return np.asarray(resized.crop((left, top, left + crop, top + crop)))


def square(pixels: np.ndarray, size: int, position: float) -> np.ndarray:
    """The square of the shorter side at `position` (0 ... 1) along the longer one: uint8, size x size x 3."""
    side = min(pixels.shape[:2])
    top, left = (round(position * (length - side)) for length in pixels.shape[:2])
    cut = pixels[top : top + side, left : left + side]
    if side == size:
        return cut
    cut = torch.from_numpy(cut).permute(2, 0, 1)[None]
    return F.interpolate(cut, (size, size), mode="bilinear", antialias=True)[0].permute(1, 2, 0).numpy()
