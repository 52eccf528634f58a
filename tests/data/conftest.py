"""Folders of small images, and what is prepared from them."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from feature_diversity import prepare


def picture(seed: int, width: int = 48, height: int = 40) -> Image.Image:
    """A smooth random picture, so that JPEG changes it little."""
    coarse = np.random.default_rng(seed).integers(0, 256, (4, 4, 3), dtype=np.uint8)
    return Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC)


@pytest.fixture
def class_folders(tmp_path) -> Path:
    """A data folder: `pictures/train` with 8 JPEG files of each of 2 classes, `pictures/test` with 4."""
    seed = 0
    for part, count in (("train", 8), ("test", 4)):
        for name in ("cat", "dog"):
            folder = tmp_path / "pictures" / part / name
            folder.mkdir(parents=True)
            for number in range(count):
                picture(seed).save(folder / f"{number}.jpg", quality=95)
                seed += 1
    return tmp_path


@pytest.fixture
def prepare_folders(class_folders, monkeypatch) -> Callable[..., Path]:
    """Prepare those folders with some options changed; returns the prepared file."""
    monkeypatch.setenv("DATA_FOLDER", str(class_folders))

    def run(**changes) -> Path:
        options = {"name": "class_folders", "path": "pictures", "image_size": 32, "validation": 4}
        options |= {"test": 0, "train": 0, "held_out": 6, "seed": 0}
        output = class_folders / "data.safetensors"
        dataset = json.dumps(options | changes)
        prepare.main(["--folder", str(class_folders), "--dataset", dataset, "--output", str(output)])
        return output

    return run
