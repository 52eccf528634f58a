"""What many tests need: a tiny prepared data set, trainings that take a second, the command line."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from support.pictures import picture

import feature_diversity
from feature_diversity.planning.recipe import recipe
from feature_diversity.stages import data as data_stage
from feature_diversity.stages import pretrain

torch.set_num_threads(1)

# Files whose tests take long together. They are begun first, in this order: what is short fills the end.
SLOW = [
    "workflow/test_vissl_engine.py",
    "workflow/test_slurm.py",
    "workflow/test_reruns.py",
    "workflow/test_killed_jobs.py",
    "workflow/test_imagenet_zoo.py",
    "workflow/test_cifar100.py",
    "training/test_survival.py",
    "claims/test_judge.py",
    "compute/test_launch.py",
    "figures/test_figures.py",
    "report/test_report.py",
    "report/test_report_in_browser.py",
    "workflow/test_shared_trainings.py",
    "compute/test_ranks.py",
    "claims/test_planted.py",
    "records/test_digest.py",
    "prediction/test_planted.py",
    "networks/test_resnet.py",
    "test_gpu_benchmark.py",
    "test_main.py",
    "prediction/test_edges.py",
    "claims/test_verdicts.py",
    "evaluation/test_linear.py",
    "training/test_loop.py",
    "planning/test_cost.py",
    "vissl/test_run.py",
]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    tests = Path(__file__).parent

    def place(item: pytest.Item) -> int:
        path = item.path.relative_to(tests).as_posix()
        return SLOW.index(path) if path in SLOW else len(SLOW)

    items.sort(key=place)
    for item in items:
        if place(item) < len(SLOW) or item.path.parent.name == "workflow":
            item.add_marker(pytest.mark.slow)


@pytest.fixture(autouse=True)
def _torch_settings():
    """Stages called directly change settings of the process; put them back."""
    yield
    torch.set_num_threads(1)
    torch.set_deterministic_debug_mode("default")


@pytest.fixture(scope="session")
def shared(tmp_path_factory, worker_id) -> Path:
    """A temporary folder that all processes of this run of the tests have in common."""
    own = tmp_path_factory.getbasetemp()
    return own if worker_id == "master" else own.parent


@pytest.fixture(scope="session")
def digits(tmp_path_factory) -> Path:
    """A prepared data set of 64 training, 60 validation and 80 test images, 30 of them held out."""
    path = tmp_path_factory.mktemp("digits") / "data.safetensors"
    dataset = {
        "name": "digits",
        "image_size": 32,
        "train": 64,
        "validation": 60,
        "test": 80,
        "held_out": 30,
        "seed": 0,
    }
    data_stage.main(["--folder", "nowhere", "--dataset", json.dumps(dataset), "--output", str(path)])
    return path


@pytest.fixture(scope="session")
def training(digits) -> Callable[..., list[str]]:
    """Arguments of the stage `pretrain` for the smallest network; four steps an epoch."""

    def arguments(folder: Path, *epochs: int, algorithm="simclr", seed=1, **changes) -> list[str]:
        network = {"algorithm": algorithm, "depth": 14, "width": 1 / 64, "norm": "batchnorm", "seed": seed}
        values = recipe(algorithm, small_images=True, changes={"batch_size": 16} | changes)
        models = [str(folder / f"ep{number}" / "model.safetensors") for number in epochs]
        return [
            *("--data", str(digits), "--network", json.dumps(network), "--recipe", json.dumps(values)),
            *("--epochs", *map(str, epochs), "--models", *models),
            *("--histories", *(str(folder / f"ep{number}" / "history.csv") for number in epochs)),
            *("--store", str(folder / "trainings")),
        ]

    return arguments


@pytest.fixture(scope="session")
def train(training) -> Callable[..., list[Path]]:
    """Train in this process; returns the path of the model after each of the numbers of epochs."""

    def run(folder: Path, *epochs: int, **options) -> list[Path]:
        pretrain.main(training(folder, *epochs, **options))
        return [folder / f"ep{number}" / "model.safetensors" for number in epochs]

    return run


@pytest.fixture(scope="session")
def trained(train, tmp_path_factory) -> Path:
    """The model of a training of one epoch. Tests that write beside it take a copy."""
    return train(tmp_path_factory.mktemp("trained"), 1)[0]


@pytest.fixture(scope="session")
def command() -> Callable[..., subprocess.CompletedProcess]:
    """Run `python -m feature_diversity` with the given arguments, as the workflow does."""
    source = str(Path(feature_diversity.__file__).parents[1])

    def run(*arguments: object) -> subprocess.CompletedProcess:
        return subprocess.run(
            [sys.executable, "-m", "feature_diversity", *map(str, arguments)],
            env=os.environ | {"PYTHONPATH": source},
            capture_output=True,
            text=True,
            check=False,
        )

    return run


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
def prepare_folders(class_folders) -> Callable[..., Path]:
    """Prepare those folders with some options changed; returns the prepared file, in the data folder."""

    def run(**changes) -> Path:
        options = {"name": "class_folders", "path": "pictures", "image_size": 32, "validation": 4}
        options |= {"test": 0, "train": 0, "held_out": 6, "seed": 0}
        output = class_folders / "data.safetensors"
        dataset = json.dumps(options | changes)
        data_stage.main(["--folder", str(class_folders), "--dataset", dataset, "--output", str(output)])
        return output

    return run
