"""Batches of images on the device: from memory by indexing there, from files by threads that decode ahead."""

from collections.abc import Callable, Iterator

import numpy as np
import torch
from torch import Tensor

from feature_diversity.compute.draws import generator
from feature_diversity.data.store import Split, resize
from feature_diversity.data.threads import in_order

AHEAD = 2  # batches that are being decoded while one is used
TOGETHER = 8  # images that a thread decodes at a time: handing over one alone takes as long as half of it

Batches = Iterator[tuple[Tensor, Tensor, Tensor]]  # images, uint8, B x C x S x S; labels and rows, int64, B


def training_batches(split: Split, order: Tensor, batch_size: int, draw: tuple[int, int]) -> Batches:
    """Yield the images of some rows, in their order, on the device of `split.labels`.

    Images in memory come as they are stored. Of files comes the largest square, at a random place along
    the longer side and resized to the stored size: torchvision's crops reach into the whole of an oblong
    image and are cut at full resolution; augmentations of squares of one size are batched on the device
    instead.

    Args:
        split: the images.
        order: int64, the rows.
        batch_size: images of a batch; the last may be smaller.
        draw: (seed, epoch), which name the draws of the places.

    Yields:
        Images, uint8, B x C x S x S; labels and rows, int64, B.
    """
    if isinstance(split.images, Tensor):
        for rows in _parts(order.to(split.labels.device), batch_size):
            yield split.images.index_select(0, rows), split.labels[rows], rows
    else:
        seed, epoch = draw
        positions = torch.rand(len(split.images), generator=generator(seed, "window", epoch)).tolist()
        files = split.images
        yield from _decoded(
            split,
            order,
            batch_size,
            files.window_size,
            lambda row, out: files.window(row, positions[row], out),
        )


def evaluation_batches(split: Split, size: int, batch_size: int) -> Batches:
    """Yield all images in their order, as they are evaluated: without augmentation.

    Images in memory of another size are resized; for files see `ImageFiles.evaluation`.

    Args:
        split: the images.
        size: their side in pixels.
        batch_size: images of a batch; the last may be smaller.

    Yields:
        Images, uint8, B x C x size x size; labels and rows, int64, B.
    """
    order = torch.arange(len(split.labels))
    if isinstance(split.images, Tensor):
        for rows in _parts(order.to(split.labels.device), batch_size):
            yield resize(split.images[rows], size), split.labels[rows], rows
    else:
        yield from _decoded(split, order, batch_size, split.images.size, split.images.evaluation)


def evaluation_images(split: Split, size: int) -> Tensor:
    """Read all images of a small split at once: uint8, N x C x size x size."""
    return torch.cat([images for images, _, _ in evaluation_batches(split, size, batch_size=256)])


def _parts(order: Tensor, batch_size: int) -> tuple[Tensor, ...]:
    """`order` in parts of `batch_size`; none if it is empty, of which torch would make an empty one."""
    return order.split(batch_size) if len(order) else ()


def _decoded(
    split: Split, order: Tensor, batch_size: int, side: int, read: Callable[[int, np.ndarray], None]
) -> Batches:
    """Batches made by as many threads as torch uses, AHEAD batches ahead.

    read(row, out) puts an image into `out`, uint8, side x side x 3. Batches for a GPU are made in
    page-locked memory and sent on without waiting.
    """
    device = split.labels.device
    parts = _parts(order.cpu(), batch_size)

    def tasks() -> Iterator[tuple[np.ndarray, np.ndarray, list[int]]]:
        """A batch, a part of it, and the rows that belong there."""
        for rows in parts:
            batch = np.empty((len(rows), side, side, 3), np.uint8)  # faster than torch's: in huge pages
            if device.type == "cuda":
                batch = torch.from_numpy(batch).pin_memory().numpy()
            for start in range(0, len(rows), TOGETHER):
                few = slice(start, start + TOGETHER)
                yield batch, batch[few], rows[few].tolist()

    def fill(task: tuple[np.ndarray, np.ndarray, list[int]]) -> np.ndarray:
        batch, part, rows = task
        for row, out in zip(rows, part, strict=True):
            read(row, out)
        return batch

    ahead = AHEAD * batch_size // TOGETHER
    filled = in_order(fill, tasks(), threads=torch.get_num_threads(), ahead=ahead)
    for rows in parts:
        for _ in range(0, len(rows), TOGETHER):
            batch = next(filled)
        batch = torch.from_numpy(batch)
        rows = rows.to(device, non_blocking=True)
        yield batch.to(device, non_blocking=True).permute(0, 3, 1, 2), split.labels[rows], rows
