"""Batches of images on the device: from memory by indexing there, from files by threads that decode ahead."""

from collections.abc import Callable, Iterator

import numpy as np
import torch
from torch import Tensor

from feature_diversity.data.parallel import in_order
from feature_diversity.data.store import Split, resize
from feature_diversity.draws import generator

AHEAD = 2  # batches that are being decoded while one is used

Batches = Iterator[tuple[Tensor, Tensor, Tensor]]  # images, uint8, B x C x S x S; labels and rows, int64, B


def training_batches(split: Split, order: Tensor, batch_size: int, draw: tuple[int, int]) -> Batches:
    """Images of the rows in `order` (int64), `batch_size` at a time, on the device of `split.labels`.

    Images in memory come as they are stored. Of files comes the largest square, at a random place along
    the longer side and resized to the stored size; draw: (seed, epoch) of that place. torchvision's crops
    reach into the whole of an oblong image and are cut at full resolution; augmentations of squares
    of one size are batched on the device instead. The last batch may be smaller.
    """
    if isinstance(split.images, Tensor):
        for rows in _parts(order.to(split.labels.device), batch_size):
            yield split.images[rows], split.labels[rows], rows
    else:
        seed, epoch = draw
        positions = torch.rand(len(split.images), generator=generator(seed, "window", epoch)).tolist()
        files = split.images
        yield from _decoded(split, order, batch_size, lambda row: files.window(row, positions[row]))


def evaluation_batches(split: Split, size: int, batch_size: int) -> Batches:
    """All images in their order, as they are evaluated: size x size pixels, without augmentation.

    Images in memory of another size are resized; for files see `ImageFiles.evaluation`.
    """
    order = torch.arange(len(split.labels))
    if isinstance(split.images, Tensor):
        for rows in _parts(order.to(split.labels.device), batch_size):
            yield resize(split.images[rows], size), split.labels[rows], rows
    else:
        yield from _decoded(split, order, batch_size, split.images.evaluation)


def evaluation_images(split: Split, size: int) -> Tensor:
    """All images of a small split at once: uint8, N x C x size x size."""
    return torch.cat([images for images, _, _ in evaluation_batches(split, size, batch_size=256)])


def _parts(order: Tensor, batch_size: int) -> tuple[Tensor, ...]:
    """`order` in parts of `batch_size`; none if it is empty, of which torch would make an empty one."""
    return order.split(batch_size) if len(order) else ()


def _decoded(split: Split, order: Tensor, batch_size: int, read: Callable[[int], np.ndarray]) -> Batches:
    """Batches of read(row), decoded by as many threads as torch uses, AHEAD batches ahead.

    They are gathered in page-locked memory and sent on to a GPU without waiting.
    """
    device = split.labels.device
    order = order.cpu()
    decoded = in_order(read, order.tolist(), threads=torch.get_num_threads(), ahead=AHEAD * batch_size)
    for rows in _parts(order, batch_size):
        batch = np.stack([next(decoded) for _ in rows])
        images = torch.from_numpy(batch)
        if device.type == "cuda":
            images = images.pin_memory()
        rows = rows.to(device, non_blocking=True)
        yield images.to(device, non_blocking=True).permute(0, 3, 1, 2), split.labels[rows], rows
