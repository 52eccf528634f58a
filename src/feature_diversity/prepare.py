"""The stage `data`: take a data set from its source, divide it, and write the prepared file."""

import argparse
import json
from pathlib import Path

import torch
from safetensors.torch import save_file

from feature_diversity.data import sources
from feature_diversity.data.splits import divide
from feature_diversity.data.store import SPLITS
from feature_diversity.files import atomic_write
from feature_diversity.progress import announce_ready


def main(argv: list[str]) -> None:
    """Command line of the stage; see --help."""
    parser = argparse.ArgumentParser(prog="feature_diversity data", description=__doc__)
    parser.add_argument(
        "--folder", type=Path, required=True, help="where data sets are looked for and downloaded to"
    )
    parser.add_argument(
        "--dataset", type=json.loads, required=True, help="a study's block `dataset`, as JSON"
    )
    parser.add_argument("--output", type=Path, required=True, help="the prepared file (safetensors)")
    arguments = parser.parse_args(argv)
    announce_ready()
    options = dict(arguments.dataset)
    name, size = options.pop("name"), options.pop("image_size")

    source = sources.load(name, arguments.folder)
    rows = divide(source.labels, source.is_test, **options)
    images = enlarge(torch.from_numpy(source.images), size)
    train = images[torch.from_numpy(rows["train"])].to(torch.float64) / 255
    std, mean = torch.std_mean(train, dim=(0, 2, 3))
    facts = {
        "name": name,
        "mean": mean.tolist(),
        "std": std.tolist(),
        "image_size": size,
        "class_names": source.class_names,
    }
    tensors = {}
    for split in SPLITS:
        index = torch.from_numpy(rows[split])
        tensors |= {
            f"{split}.images": images[index],
            f"{split}.labels": torch.from_numpy(source.labels)[index],
            f"{split}.rows": index,
        }
    with atomic_write(arguments.output) as path:
        save_file(tensors, path, metadata={"facts": json.dumps(facts)})
    print(
        f"{name}: " + ", ".join(f"{len(rows[split]):,} {split}" for split in SPLITS),
        f"images of {size} x {size}",
    )


def enlarge(images: torch.Tensor, size: int) -> torch.Tensor:
    """Resize uint8 images, N x C x H x W, to size x size by bilinear interpolation, antialiased."""
    resized = torch.nn.functional.interpolate(
        images.to(torch.float32), (size, size), mode="bilinear", align_corners=False, antialias=True
    )
    return resized.round_().clamp_(0, 255).to(torch.uint8)
