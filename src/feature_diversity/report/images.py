"""The data of a study as its page shows them: how they are split, and some images of each class."""

import io
import json
from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from safetensors import SafetensorError, safe_open

from feature_diversity.base.errors import InputError

SPLITS = {
    "train": "pretraining, and the training of the linear classifier",
    "validation": "choices: the classifier's penalty, early stopping",
    "test": "test errors",
    "held_out": "features and their energies",
    "held_out_2": "energies of other images",
}
CLASSES, EACH = 10, 8  # that are shown, and images of each
SIDE = 48  # pixels of a shown image


def data_of(path: Path, folder: Path) -> dict[str, Any]:
    """What the page shows of a prepared data set.

    Args:
        path: data.safetensors of the study.
        folder: Where images lie that are in files.

    Returns:
        `splits`, rows of: split, what it is for, images, fewest and most of a class. `classes`, their number.
        `examples`, class name -> images of it as data addresses, of CLASSES classes at most.

    Raises:
        InputError: The file is no prepared data set.
    """
    try:
        with safe_open(path, framework="numpy") as file:
            keys = set(file.keys())
            names = json.loads(file.metadata()["facts"])["class_names"]
            labels = {
                split: file.get_tensor(f"{split}.labels") for split in SPLITS if f"{split}.labels" in keys
            }
            examples: dict[str, list[str]] = {}
            for label in range(min(len(names), CLASSES)):
                rows = np.flatnonzero(labels["held_out"] == label)[:EACH]
                examples[names[label]] = [picture(image) for image in images(file, rows, folder)]
    except (OSError, SafetensorError, KeyError, TypeError, ValueError) as error:
        raise InputError(
            f"{path} is not a prepared data set ({error}); make it with the stage `data`"
        ) from None
    splits = []
    for split, purpose in SPLITS.items():
        if split in labels and len(labels[split]):
            counts = np.bincount(labels[split], minlength=len(names))
            splits.append((split, purpose, len(labels[split]), int(counts.min()), int(counts.max())))
    shown = {name: found for name, found in examples.items() if found}
    return {"splits": splits, "classes": len(names), "examples": shown}


def images(file: Any, rows: np.ndarray, folder: Path) -> Iterator[Image.Image]:
    """Held-out images by their rows. Those in archives, or gone, are left out: the page does without."""
    keys = set(file.keys())
    if "held_out.images" in keys:
        stored = file.get_slice("held_out.images")
        for row in rows:
            pixels = np.moveaxis(stored[int(row) : int(row) + 1][0], 0, -1)
            yield Image.fromarray(pixels[..., 0] if pixels.shape[-1] == 1 else pixels)
    elif "held_out.paths" in keys and "held_out.spans" not in keys:
        names = file.get_tensor("held_out.paths").tobytes().decode("utf-8", "surrogateescape").split("\0")
        for row in rows:
            try:
                with Image.open(folder / names[row]) as image:
                    image.draft("RGB", (4 * SIDE, 4 * SIDE))
                    yield image.convert("RGB")
            except (OSError, ValueError):
                continue


def picture(image: Image.Image) -> str:
    """An image, no larger than SIDE, as a data address."""
    image.thumbnail((SIDE, SIDE))
    content = io.BytesIO()
    image.save(content, format="PNG")
    return f"data:image/png;base64,{b64encode(content.getvalue()).decode()}"
