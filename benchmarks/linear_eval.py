"""Linear evaluation beside scikit-learn, on Fashion-MNIST: error and time of both in one run.

    python benchmarks/linear_eval.py [--train 2000] [--epochs 3]
    python benchmarks/linear_eval.py --own --train 20000 --epochs 10

On raw pixels and on the features of a supervised trunk: one penalty, then five, ours fitted at once, theirs
one by one. Then the supervised network's own classifier beside the protocol cached on its trunk.
"""

import argparse
import json
import tempfile
import time
from pathlib import Path

import torch
from sklearn.linear_model import LogisticRegression

from feature_diversity.data import store
from feature_diversity.evaluation import linear as linear_eval
from feature_diversity.evaluation.logistic import fit_grid
from feature_diversity.evaluation.probes import error, features
from feature_diversity.networks import model
from feature_diversity.planning.recipe import recipe
from feature_diversity.stages import pretrain
from feature_diversity.stages.data import main as prepare_data

PENALTIES = [1.0, 1e-1, 1e-2, 1e-3, 1e-4]


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--folder", default="data")
    parser.add_argument("--train", type=int, default=2000)
    parser.add_argument("--epochs", type=int, default=3, help="of the supervised training")
    parser.add_argument("--own", action="store_true", help="only the supervised network's own classifier")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder) / "data.safetensors"
        dataset = {"name": "fashion_mnist", "image_size": 32, "validation": 5000, "held_out": 500, "test": 0}
        dataset |= {"train": arguments.train, "seed": 0}
        prepare_data(["--folder", arguments.folder, "--dataset", json.dumps(dataset), "--output", str(data)])
        facts, splits = store.read(data, "train", "validation", "test")
        network = supervised(Path(folder), data, arguments.epochs)
        trunk = [features(network, split, facts) for split in splits]
        if not arguments.own:
            print(f"\n{arguments.train:,} training images, {torch.get_num_threads()} threads")
            print(f"{'features':<24}{'penalty':>9}{'ours':>10}{'theirs':>10}{'ours s':>10}{'theirs s':>10}")
            compare("raw pixels", [split.images.flatten(1).float() / 255 for split in splits], splits)
            compare("supervised trunk", trunk, splits)
        with torch.no_grad():
            own = error(network.head(trunk[2]), splits[2].labels)
        result = linear_eval.evaluate(network, facts, splits, penalties=PENALTIES)
        print(f"\ntest error of the supervised network's own classifier {100 * own:.2f} %")
        print(f"test error of the protocol cached on its trunk       {100 * result['test_error']:.2f} %")
        print(f"test error of its nearest neighbours                 {100 * result['knn_test_error']:.2f} %")


def compare(name: str, x: list[torch.Tensor], splits: list[store.Split]) -> None:
    """Print our and scikit-learn's test error and time for a penalty alone, then for the grid."""
    std, mean = torch.std_mean(x[0], dim=0)
    x = [(part - mean) / torch.where(std > 0, std, 1) for part in x]
    labels = [split.labels for split in splits]
    for penalties in ([1e-2], PENALTIES):
        began = time.perf_counter()
        ours = [error(x[2] @ w + b, labels[2]) for w, b in fit_grid(x[0], labels[0], 10, penalties)]
        middle = time.perf_counter()
        theirs = []
        for penalty in penalties:
            # as converged as ours: the default tolerance stops at a gradient of 1e-4
            classifier = LogisticRegression(C=1 / (penalty * len(x[0])), tol=1e-5, max_iter=5000)
            classifier.fit(x[0].numpy(), labels[0].numpy())
            theirs.append(1 - classifier.score(x[2].numpy(), labels[2].numpy()))
        seconds = middle - began, time.perf_counter() - middle
        for place, penalty in enumerate(penalties):
            row = f"{name:<24}{penalty:>9g}{100 * ours[place]:>9.2f}%{100 * theirs[place]:>9.2f}%"
            print(row + (f"{seconds[0]:>10.2f}{seconds[1]:>10.2f}" if place == 0 else ""), flush=True)


def supervised(folder: Path, data: Path, epochs: int) -> model.Model:
    """A small ResNet trained with labels, on images as they are evaluated: its own classifier is compared."""
    changes = {"crop_scale": [1.0, 1.0], "jitter": 0.0}
    run = {"algorithm": "supervised", "depth": 14, "width": 0.25, "norm": "batchnorm", "seed": 1}
    pretrain.main(
        [
            *("--data", str(data), "--network", json.dumps(run), "--epochs", str(epochs)),
            *("--recipe", json.dumps(recipe("supervised", small_images=True, changes=changes))),
            *("--models", str(folder / "model.safetensors"), "--histories", str(folder / "history.csv")),
            *("--store", str(folder / "trainings")),
            *("--threads", str(torch.get_num_threads())),
        ]
    )
    torch.use_deterministic_algorithms(False)
    return model.read(folder / "model.safetensors")


if __name__ == "__main__":
    main()
