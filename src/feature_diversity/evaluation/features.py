"""Features of images at the recorded layers of a network, written as they come."""

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path

import numpy as np
import torch
from safetensors import safe_open
from torch import Tensor

from feature_diversity.base.errors import InputError
from feature_diversity.base.files import atomic_write
from feature_diversity.compute.draws import generator
from feature_diversity.data import store
from feature_diversity.data.augment import colour_jitter, random_resized_crop
from feature_diversity.data.loader import evaluation_images
from feature_diversity.data.sizes import extraction_batch
from feature_diversity.evaluation.probes import check_finite
from feature_diversity.measures.readings import gap
from feature_diversity.networks import model

POOLED = ("trunk", "head")  # layers of which two augmented views are recorded, for the alignment


def extract(
    network: model.Model, images: Tensor, facts: store.Facts, layers: list[str], folder: Path
) -> None:
    """Write the features of images, in eval mode.

    `{layer}.npy`: float32, N x C x H x W, or N x C for trunk and head. All layers are taken after their
    ReLU; `head` is the output of the pretext head, not normalised. `views_{layer}.npy`, 2 x N x C, for
    trunk and head: the same of two augmentations of each image.

    Args:
        network: trunk and head.
        images: uint8, N x C x S x S.
        facts: of the data set; its mean and deviation normalise the images.
        layers: names of layers.
        folder: where the files go.
    """
    pooled = [layer for layer in POOLED if layer in layers]
    views: list[dict[str, np.ndarray]] = []
    with writing(folder, layers, len(images)) as write:
        for start, batch in batches(images):
            write(features_of(network, batch, facts, layers))
            if pooled:
                pair = [features_of(network, view, facts, pooled) for view in augmented_views(batch, start)]
                views.append({layer: np.stack([view[layer] for view in pair]) for layer in pooled})
    for layer in pooled:
        with atomic_write(folder / f"views_{layer}.npy") as temporary, open(temporary, "wb") as file:
            np.save(file, np.concatenate([pair[layer] for pair in views], axis=1))


def extract_pooled(
    network: model.Model, images: Tensor, facts: store.Facts, layers: list[str], folder: Path
) -> None:
    """Write `{layer}.npy`, N x C: the means of the maps over their positions, else as `extract`."""
    with writing(folder, layers, len(images)) as write:
        for _, batch in batches(images):
            found = features_of(network, batch, facts, layers)
            write({layer: np.ascontiguousarray(gap(values)) for layer, values in found.items()})


def further_images(data: Path, count: int, folder: Path) -> Tensor:
    """Read test images beside the held-out ones, in a random order: the first of more are those of fewer.

    Args:
        data: The prepared data set.
        count: How many there are to be, the held-out ones counted.
        folder: Where data sets lie.

    Returns:
        uint8, N x C x S x S.

    Raises:
        InputError: There are fewer test images, or no more are asked for than are held out.
    """
    facts, (test,) = store.read(data, "test", folder=folder)
    with safe_open(str(data), framework="np") as file:
        rows, held_out = (file.get_tensor(f"{split}.rows") for split in ("test", "held_out"))
    if not len(held_out) < count <= len(rows):
        raise InputError(
            f"energy.measure_images is {count}, expected more than the {len(held_out)} held-out images and "
            f"at most {len(rows)}, the test images"
        )
    drawn = np.random.default_rng(0).permutation(np.flatnonzero(~np.isin(rows, held_out)))
    return evaluation_images(test.some(drawn[: count - len(held_out)]), facts.image_size)


def batches(images: Tensor) -> Iterator[tuple[int, Tensor]]:
    """Yield batches in 0 ... 1 on the device, each with the row that it starts at."""
    size = extraction_batch(images.shape[2:].numel())
    for start in range(0, len(images), size):
        yield start, store.to_unit(images[start : start + size].to(model.device()))


def augmented_views(images: Tensor, start: int) -> list[Tensor]:
    """Make two random augmentations of each image, the same for every network.

    Crops of 20 to 100 % of the area and colour jitter as in SimCLR at half strength, without mirroring.

    Args:
        images: 0 ... 1, N x C x S x S.
        start: row of the first image, which names the draws.

    Returns:
        Two tensors like images.
    """
    draws = generator(0, "alignment", start)
    crops = [random_resized_crop(images, draws, scale=(0.2, 1.0)) for _ in range(2)]
    return [colour_jitter(x, draws, brightness=0.4, contrast=0.4, saturation=0.4, hue=0.1) for x in crops]


@torch.no_grad()
def features_of(
    network: model.Model, images: Tensor, facts: store.Facts, layers: list[str]
) -> dict[str, np.ndarray]:
    """Compute features of images in 0 ... 1, of all layers in one forward: float32, by layer.

    Raises InputError naming the layer whose features are not finite.
    """
    wanted = [layer for layer in layers if layer != "head"]
    if "head" in layers and "trunk" not in wanted:
        wanted.append("trunk")
    features = network.trunk.forward_layers(store.normalise(images, facts), wanted)
    if "head" in layers:
        features["head"] = network.head(features["trunk"])
    for layer in layers:
        check_finite(features[layer], layer)
    return {layer: features[layer].contiguous().cpu().numpy() for layer in layers}


@contextmanager
def writing(
    folder: Path, layers: list[str], images: int
) -> Iterator[Callable[[dict[str, np.ndarray]], None]]:
    """Open `{layer}.npy` of each layer for features that come in batches.

    A thread writes while the network computes; it holds one batch at most. The files appear when the block
    ends well.

    Args:
        folder: where the files go.
        layers: names of layers.
        images: how many will come.

    Yields:
        A function that appends a batch, {layer: B x ...}.
    """
    last: Future | None = None

    def append(batch: dict[str, np.ndarray], first: bool) -> None:
        for layer, file in files.items():
            values = batch[layer]
            if first:
                shape = (images, *values.shape[1:])
                header = {"descr": values.dtype.str, "fortran_order": False, "shape": shape}
                np.lib.format.write_array_header_1_0(file, header)
            file.write(values.data)

    def write(batch: dict[str, np.ndarray]) -> None:
        nonlocal last
        first = last is None
        if last:
            last.result()
        last = pool.submit(append, batch, first)

    with ExitStack() as stack, ThreadPoolExecutor(1) as pool:
        files = {}
        for layer in layers:
            path = stack.enter_context(atomic_write(folder / f"{layer}.npy"))
            files[layer] = stack.enter_context(open(path, "wb"))
        yield write
        if last:
            last.result()
