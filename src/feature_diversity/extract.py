"""The stage `extract`: features of the held-out images at the recorded layers."""

import argparse
import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from feature_diversity import model
from feature_diversity.augment import colour_jitter, random_resized_crop
from feature_diversity.data import store
from feature_diversity.data.loader import evaluation_images
from feature_diversity.draws import generator
from feature_diversity.files import atomic_write
from feature_diversity.progress import announce_ready

BATCH = 250  # images through the network at a time; results do not depend on it
POOLED = ("trunk", "head")  # layers of which two augmented views are recorded, for the alignment


def main(argv: list[str]) -> None:
    """Command line of the stage; see --help."""
    parser = argparse.ArgumentParser(prog="feature_diversity extract", description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="prepared data set")
    parser.add_argument(
        "--models", type=Path, nargs="+", required=True, help="model.safetensors of one or more runs"
    )
    parser.add_argument("--layers", type=json.loads, required=True, help="layers to record, as a JSON list")
    parser.add_argument("--threads", type=int, default=1)
    arguments = parser.parse_args(argv)
    torch.set_num_threads(arguments.threads)

    facts, (held_out,) = store.read(arguments.data, "held_out")
    images = store.to_unit(evaluation_images(held_out, facts.image_size))
    views = augmented_views(images)
    announce_ready()
    for path in arguments.models:
        network = model.read(path)
        folder = path.parent / "features"
        for layer, features in extract(network, images, facts, arguments.layers).items():
            save(folder / f"{layer}.npy", features)
        pooled = [layer for layer in POOLED if layer in arguments.layers]
        pairs = [extract(network, view, facts, pooled) for view in views]
        for layer in pooled:
            save(folder / f"views_{layer}.npy", np.stack([pair[layer] for pair in pairs]))
        print(f"{path.parent.name}: {len(images)} images, layers {', '.join(arguments.layers)}")


def augmented_views(images: Tensor) -> list[Tensor]:
    """Two random augmentations of each image in 0 ... 1, the same for every network.

    Crops of 20 to 100 % of the area and colour jitter as in SimCLR at half strength, without mirroring.
    """
    draws = generator(0, "alignment")
    crops = [random_resized_crop(images, draws, scale=(0.2, 1.0)) for _ in range(2)]
    return [colour_jitter(x, draws, brightness=0.4, contrast=0.4, saturation=0.4, hue=0.1) for x in crops]


def extract(
    network: model.Model, images: Tensor, facts: store.Facts, layers: list[str]
) -> dict[str, np.ndarray]:
    """Features of images in 0 ... 1 in eval mode: float32, N x C x H x W, or N x C for `trunk` and `head`.

    All layers are taken after their ReLU; `head` is the output of the pretext head, not normalised.
    """
    batches = list(_batches(network, images, facts, layers))
    return {layer: np.concatenate([batch[layer] for batch in batches]) for layer in layers}


@torch.no_grad()
def _batches(network: model.Model, images: Tensor, facts: store.Facts, layers: list[str]) -> Iterator[dict]:
    wanted = [layer for layer in layers if layer != "head"]
    if "head" in layers and "trunk" not in wanted:
        wanted.append("trunk")
    for batch in images.split(BATCH):
        features = network.trunk.forward_layers(store.normalise(batch.to(model.device()), facts), wanted)
        if "head" in layers:
            features["head"] = network.head(features["trunk"])
        yield {layer: features[layer].contiguous().cpu().numpy() for layer in layers}


def save(path: Path, features: np.ndarray) -> None:
    """Write one array as .npy."""
    with atomic_write(path) as temporary, open(temporary, "wb") as file:
        np.save(file, features)
