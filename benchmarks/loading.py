"""Speed of loading images from files beside bare decoding; how long a training waits for those in memory.

    python benchmarks/loading.py [--images 600] [--threads 2]

The JPEG files are made here. "bare" reads and decodes them to RGB in as many threads, and no more;
"training" and "evaluation" are the loader's batches. Ratios of images a second,
medians of seven passes in turn.
"""

import argparse
import json
import statistics
import tempfile
import time
from collections import deque
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from feature_diversity.compute import machine
from feature_diversity.data import loader, store
from feature_diversity.planning.recipe import recipe
from feature_diversity.stages import pretrain
from feature_diversity.stages.data import main as prepare_data


def main() -> None:
    """Print what was measured."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--images", type=int, default=600)
    parser.add_argument("--threads", type=int, default=2)
    arguments = parser.parse_args()
    machine.prepare(torch.device("cpu"), arguments.threads)  # as the stages do
    print(f"{arguments.threads} threads, {arguments.images} JPEG files, ratios to bare decoding")
    for width, height in ((224, 224), (500, 375)):
        with tempfile.TemporaryDirectory() as folder:
            from_files(Path(folder), arguments, width, height)
    with tempfile.TemporaryDirectory() as folder:
        in_memory(Path(folder), arguments.threads)


def from_files(folder: Path, arguments: argparse.Namespace, width: int, height: int) -> None:
    """Images a second from files of one size, for networks that take 224 x 224 pixels."""
    make_files(folder / "pictures", arguments.images, width, height)
    splits = {}
    for cache in (False, True):
        data = folder / f"{cache}.safetensors"
        dataset = {
            "name": "class_folders",
            "path": str(folder / "pictures"),
            "image_size": 224,
            "cache": cache,
        }
        # files that are small already need not be enlarged to the usual 256 pixels
        dataset |= {"stored_size": 224 if min(width, height) == 224 else 256}
        dataset |= {"test": 8, "validation": 4, "held_out": 4, "train": 0, "seed": 0, "duplicates": "drop"}
        prepare_data(["--folder", str(folder), "--dataset", json.dumps(dataset), "--output", str(data)])
        splits[cache] = store.read(data, "train", folder=folder)[1][0]
    plain = splits[False]
    order, count = torch.arange(len(plain.labels)), len(plain.labels)
    parts = [range(start, min(start + loader.TOGETHER, count)) for start in range(0, count, loader.TOGETHER)]

    def bare() -> None:
        with ThreadPoolExecutor(arguments.threads) as pool:
            exhaust(pool.map(lambda rows: exhaust(map(plain.images.pixels, rows)), parts))

    passes: dict[str, Callable[[], object]] = {
        "bare": bare,
        "training": lambda: exhaust(loader.training_batches(plain, order, 64, (1, 0))),
        "training from the cache": lambda: exhaust(loader.training_batches(splits[True], order, 64, (1, 0))),
        "evaluation": lambda: exhaust(loader.evaluation_batches(plain, 224, 64)),
    }
    seconds = {name: [] for name in passes}
    for _ in range(7):
        for name, work in passes.items():
            began = time.perf_counter()
            work()
            seconds[name].append(time.perf_counter() - began)
    speed = {name: count / statistics.median(values) for name, values in seconds.items()}
    print(f"\nfiles of {width} x {height} pixels")
    for name, value in speed.items():
        print(f"  {name:<26}{value:>8,.0f} images/s{value / speed['bare']:>8.2f}")


def exhaust(batches: Iterable) -> None:
    """Take all batches."""
    deque(batches, maxlen=0)


def make_files(folder: Path, count: int, width: int, height: int) -> None:
    """Photograph-like pictures: smooth shapes with fine noise, about 1.5 bits a pixel as JPEG."""
    random = np.random.default_rng(0)
    for number in range(count):
        place = folder / ("a" if number % 2 else "b")
        place.mkdir(parents=True, exist_ok=True)
        coarse = Image.fromarray(random.integers(0, 256, (12, 16, 3), dtype=np.uint8))
        smooth = np.asarray(coarse.resize((width, height), Image.Resampling.BICUBIC), np.float32)
        noisy = np.clip(smooth + random.normal(0, 8, smooth.shape), 0, 255).astype(np.uint8)
        Image.fromarray(noisy).save(place / f"{number}.jpg", quality=85)


def in_memory(folder: Path, threads: int) -> None:
    """Share of a training's time in which it waits for images in memory: a pass over the batches alone."""
    data = folder / "data.safetensors"
    dataset = {"name": "digits", "image_size": 32, "test": 500, "validation": 200, "held_out": 500}
    dataset |= {"train": 0, "seed": 0}
    prepare_data(["--folder", ".", "--dataset", json.dumps(dataset), "--output", str(data)])
    facts, (train,) = store.read(data, "train")
    order, size, passes = torch.arange(len(train.labels)), facts.image_size, []
    for _ in range(6):
        began = time.perf_counter()
        exhaust(pretrain.batches_of(train, order, batch_size=128, size=size, draw=(1, 0)))
        passes.append(time.perf_counter() - began)
    waiting = statistics.median(passes[1:])  # the first is for warming up
    run = {"algorithm": "simclr", "depth": 14, "width": 0.125, "norm": "batchnorm", "seed": 1}
    pretrain.main(
        [
            *("--data", str(data), "--network", json.dumps(run), "--epochs", "3", "--threads", str(threads)),
            *("--recipe", json.dumps(recipe("simclr", small_images=True, changes={"batch_size": 128}))),
            *("--models", str(folder / "model.safetensors"), "--histories", str(folder / "history.csv")),
            *("--store", str(folder / "trainings")),
        ]
    )
    history = (folder / "history.csv").read_text().splitlines()
    speed = float(history[-1].split(",")[history[0].split(",").index("images_per_second")])
    epoch = len(train.labels) // 128 * 128 / speed
    print(f"\nimages in memory, small network: {1000 * waiting:.1f} ms of an epoch's {1000 * epoch:.0f} ms")
    print(f"  a training waits {100 * waiting / epoch:.2f} % of its time for them")


if __name__ == "__main__":
    main()
