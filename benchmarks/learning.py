"""Does every algorithm learn? Train each on a part of Fashion-MNIST; evaluate it before, halfway and after.

    python benchmarks/learning.py

writes benchmarks/learning.md. The recipes are the package's own for small images, unchanged. They
were tuned on validation errors of seeds other than the ones reported.
"""

import argparse
import json
import platform
import tempfile
import time
from pathlib import Path

import torch

from feature_diversity import linear_eval, prepare, pretrain
from feature_diversity.recipe import algorithms, recipe

DATASET = {
    "name": "fashion_mnist",
    "image_size": 32,
    "test": 0,  # the data set's own 10,000
    "validation": 10000,
    "held_out": 500,
    "train": 4000,
    "seed": 0,
}
NETWORK = {"depth": 14, "width": 0.125, "norm": "batchnorm"}
EPOCHS = [0, 10, 20]
PENALTIES = [1.0, 0.1, 0.01]  # of the linear classifier; validation chooses
SEEDS = [1, 2, 3]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--algorithms", nargs="+", default=algorithms(), choices=algorithms())
    parser.add_argument("--seeds", type=int, nargs="+", default=SEEDS)
    parser.add_argument("--data", type=Path, default=Path("data"), help="where Fashion-MNIST is or will be")
    parser.add_argument("--output", type=Path, default=Path(__file__).with_suffix(".md"))
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder) / "data.safetensors"
        prepare.main(
            ["--folder", str(arguments.data), "--dataset", json.dumps(DATASET), "--output", str(data)]
        )
        rows = [
            {"algorithm": algorithm, "seed": seed}
            | learn(algorithm, seed, data, Path(folder) / f"{algorithm}{seed}")
            for algorithm in arguments.algorithms
            for seed in arguments.seeds
        ]
    arguments.output.write_text(report(rows))


def learn(algorithm: str, seed: int, data: Path, folder: Path, changes: dict | None = None) -> dict:
    """Train one network; test and validation errors at each of EPOCHS, and the CPU seconds of training."""
    models = [folder / f"ep{epochs}" / "model.safetensors" for epochs in EPOCHS]
    results = [path.with_name("linear.json") for path in models]
    began = time.process_time()
    pretrain.main(
        [
            *("--data", str(data)),
            *("--run", json.dumps(NETWORK | {"algorithm": algorithm, "seed": seed})),
            *("--recipe", json.dumps(recipe(algorithm, small_images=True, changes=changes))),
            *("--epochs", *map(str, EPOCHS)),
            *("--models", *map(str, models)),
        ]
    )
    seconds = time.process_time() - began
    linear_eval.main(
        [
            *("--data", str(data)),
            *("--models", *map(str, models)),
            *("--options", json.dumps({"penalties": PENALTIES})),
            *("--outputs", *map(str, results)),
        ]
    )
    errors = [json.loads(path.read_text()) for path in results]
    return {
        "seconds": seconds,
        "test": [result["test_error"] for result in errors],
        "validation": [result["val_error"] for result in errors],
    }


def report(rows: list[dict]) -> str:
    """The table as Markdown."""
    lines = [
        "# Every algorithm learns",
        "",
        "Written by `python benchmarks/learning.py`. "
        f"Fashion-MNIST, {DATASET['train']:,} training images enlarged to 32 x 32 pixels; ResNet of depth "
        f"{NETWORK['depth']} and width {NETWORK['width']}; recipes for small images, {EPOCHS[-1]} epochs. "
        "Test error (10,000 images; standard error about 0.4) of a linear classifier on the frozen trunk, in "
        "percent; its penalty is chosen on 10,000 validation images.",
        "",
        f"| algorithm | seed | untrained | {EPOCHS[1]} epochs | {EPOCHS[2]} epochs | end is best | CPU s |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    for row in rows:
        untrained, half, end = (100 * error for error in row["test"])
        falls = "yes" if end < min(half, untrained) else "**no**"
        lines.append(
            f"| {row['algorithm']} | {row['seed']} | {untrained:.2f} | {half:.2f} | {end:.2f} "
            f"| {falls} | {row['seconds']:.0f} |"
        )
    lines += ["", f"PyTorch {torch.__version__}, one thread, {platform.machine()}.", ""]
    return "\n".join(lines)


if __name__ == "__main__":
    main()
