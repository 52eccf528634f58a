"""Images of any source as batches: a tensor, a DataLoader, a dataset, a folder."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from feature_diversity.base.errors import InputError
from feature_diversity.data.image_files import CROP_SHARE, ImageFiles
from feature_diversity.data.prepare import IMAGENET_MEAN, IMAGENET_STD

SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".bmp", ".gif", ".tif", ".tiff", ".ppm", ".pgm")
SIDE = 224  # pixels: what nearly all networks for ImageNet are evaluated at


def batches_of(images: Any, batch_size: int, transform: Callable[[Any], Tensor] | None) -> Iterator[Tensor]:
    """Yield the images in batches, in their order.

    Args:
        images: a tensor (N x ...), a DataLoader or another iterable of batches, a dataset of single images,
            or a folder. A batch may be a tuple whose first member is the images.
        batch_size: of a tensor, a dataset and a folder.
        transform: of a folder's images, from a PIL image to a tensor; None is `Folder`'s.

    Yields:
        Floats, B x ..., as the source has them.

    Raises:
        InputError: no images, integers, no tensors, an empty folder, a damaged file.
    """
    for batch in _source(images, batch_size, transform):
        if isinstance(batch, list | tuple) and batch:
            batch = batch[0]
        if not isinstance(batch, Tensor):
            expected = "a tensor or a tuple that begins with one"
            raise InputError(f"images come as {type(batch).__name__}, expected {expected}")
        if not batch.is_floating_point():
            raise InputError(
                f"images are {batch.dtype}, expected floats, normalised as the model was trained"
            )
        yield batch


def _source(images: Any, batch_size: int, transform: Callable[[Any], Tensor] | None) -> Iterable[Any]:
    if isinstance(images, str | Path):
        return DataLoader(Folder(Path(images), transform), batch_size)
    if transform is not None:
        raise InputError("transform is for a folder of images, expected none: a dataset has its own")
    if isinstance(images, Tensor):
        return images.split(batch_size) if images.ndim and len(images) else ()
    if isinstance(images, DataLoader):
        return images
    has_rows = hasattr(images, "__getitem__") and hasattr(images, "__len__")
    if isinstance(images, Dataset) or (has_rows and not isinstance(images, Mapping)):
        return DataLoader(images, batch_size)
    if isinstance(images, Iterable) and not isinstance(images, Mapping):
        return images
    expected = "a tensor, a DataLoader, a dataset or a folder"
    raise InputError(f"images is {type(images).__name__}, expected {expected}")


class Folder(Dataset[Tensor]):
    """The images in a folder and the folders in it, in the order of their names.

    Without a transform: the shorter side resized to 256, the centre of 224 x 224 cut out, then normalised by
    ImageNet's mean and deviation, as VISSL and torchvision evaluate.

    Raises:
        InputError: a folder that does not exist or has no images; later, a file that is no image.
    """

    def __init__(self, folder: Path, transform: Callable[[Any], Tensor] | None = None):
        if not folder.is_dir():
            raise InputError(f"{folder} does not exist, expected a folder of images")
        paths = sorted(path for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES)
        if not paths:
            raise InputError(f"{folder} has no images, expected files that end in {', '.join(SUFFIXES)}")
        names = [str(path.relative_to(folder)) for path in paths]
        self.files = ImageFiles(folder, names, None, SIDE, round(SIDE / CROP_SHARE))
        self.transform = transform

    def __len__(self) -> int:
        return len(self.files)

    def __getitem__(self, row: int) -> Tensor:
        if self.transform is not None:
            from PIL import Image

            return self.transform(Image.fromarray(self.files.pixels(row)))
        pixels = torch.empty(SIDE, SIDE, 3, dtype=torch.uint8)
        self.files.evaluation(row, pixels.numpy())
        mean, deviation = (torch.tensor(values).view(3, 1, 1) for values in (IMAGENET_MEAN, IMAGENET_STD))
        return (pixels.permute(2, 0, 1) / 255 - mean) / deviation
