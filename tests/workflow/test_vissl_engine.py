"""VISSL itself trains SimCLR and RotNet on a folder of tiny images, through the workflow (engine: vissl)."""

import csv
import json
import os
import re
import subprocess
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from safetensors import safe_open
from support.checkout import ROOT, Checkout
from support.paths import SUPPORT
from support.pictures import picture

from feature_diversity.planning.recipe import recipe
from feature_diversity.planning.study import Study
from feature_diversity.training.step import rate_at

pytestmark = pytest.mark.workflow

PYTHON = Path(os.environ.get("VISSL_PYTHON", ROOT / ".venv-vissl/bin/python"))
needs_vissl = pytest.mark.skipif(
    not PYTHON.exists(), reason=f"VISSL's own environment is not there ({PYTHON}): make vissl-env"
)
ALGORITHMS = ("simclr", "rotnet")
EPOCHS, BATCH, IMAGES, SIZE = 3, 8, 24, 32
STUDY = {
    "description": "VISSL's own engine on a folder of tiny images",
    "engine": "vissl",
    "dataset": {
        "name": "class_folders",
        "path": "pictures",
        "image_size": SIZE,
        "validation": 8,
        "held_out": 8,
        "train": IMAGES,
    },
    "recipes": {algorithm: {"batch_size": BATCH} for algorithm in ALGORITHMS},
    "figures": {
        "figure3": {
            "algorithm": list(ALGORITHMS),
            "depth": 50,
            "width": 1,
            "norm": "batchnorm",
            "epochs": EPOCHS,
            "seed": 1,
        }
    },
}
# our layers as VISSL calls them
LAYERS = {name: name for name in ("conv1", "res2", "res3", "res4", "res5")} | {
    "trunk": "flatten",
    "head": "heads",
}


def checkout_with_study(folder: Path, python: Path) -> Checkout:
    """A checkout with that study, which looks for VISSL in the environment of that python."""
    checkout = Checkout.make(folder)
    checkout.edit("config.yaml", ".venv-vissl/bin/python", str(python))
    (folder / "workflow" / "studies" / "tiny_vissl.yaml").write_text(yaml.safe_dump(STUDY))
    return checkout


def training_of(checkout: Path, algorithm: str) -> Path:
    """The folder of an algorithm's training in the study's store."""
    for file in (checkout / "results/tiny_vissl/trainings").glob("*/settings.json"):
        if json.loads(file.read_text())["network"]["algorithm"] == algorithm:
            return file.parent
    raise FileNotFoundError(algorithm)


# A hook of VISSL's that kills RotNet's training, once, and cuts its newest checkpoint off. As a part of the
# training it comes in time however busy the machine is.
ACCIDENT = """
class Accident(ClassyHook):
    on_start = on_phase_start = on_step = on_end = ClassyHook._noop

    def on_phase_end(self, task) -> None:
        folder = Path(task.checkpoint_folder)
        newest, happened = folder / "model_phase1.torch", folder / "happened"
        if "ImgRotatePil" in str(task.config) and newest.exists() and not happened.exists():
            happened.touch()
            os.truncate(newest, 1000)
            os.kill(int((folder / "lock").read_text().split()[1]), signal.SIGKILL)
            signal.pause()


def hooks(config)"""


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Checkout:
    """The study up to its table. RotNet's training was killed in its second epoch and tried again."""
    folder = tmp_path_factory.mktemp("checkout")
    checkout = checkout_with_study(folder, PYTHON)
    make_pictures(folder / "data" / "pictures")
    driver = "src/feature_diversity/vissl/driver.py"
    checkout.edit(driver, "\ndef hooks(config)", ACCIDENT)
    checkout.edit(driver, "Tidy()]", "Tidy(), Accident()]")
    result = checkout.snakemake("--retries", "1", "results/tiny_vissl/results.csv", study="tiny_vissl")
    assert result.returncode == 0, result.stdout
    assert result.stdout.count("Trying to restart") == 1
    return checkout


def make_pictures(folder: Path) -> None:
    """Random smooth pictures of two classes: 16 each to train and validate with, 4 to test with."""
    for part, count in (("train", 16), ("test", 4)):
        for seed, name in enumerate(("cat", "dog")):
            (folder / part / name).mkdir(parents=True)
            for number in range(count):
                picture(1000 * seed + 10 * number + count).save(
                    folder / part / name / f"{number}.jpg", quality=95
                )


def run_folder(algorithm: str) -> str:
    return f"results/tiny_vissl/{algorithm}/resnet50_w1_batchnorm_ep{EPOCHS}_seed1"


@pytest.fixture(scope="module")
def vissl_features(finished: Checkout, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Folders with features of the held-out images by VISSL's own extraction from VISSL's own checkpoints."""
    with open(finished.folder / "results/tiny_vissl/held_out.csv", newline="") as file:
        paths = [str((finished.folder / row["image"]).resolve()) for row in csv.DictReader(file)]
    folders = {algorithm: tmp_path_factory.mktemp(algorithm) for algorithm in ALGORITHMS}
    trainings = []
    for algorithm, folder in folders.items():
        np.save(folder / "images.npy", np.array(paths))
        records = training_of(finished.folder, algorithm) / "records"
        checkpoint = records / f"model_final_checkpoint_phase{EPOCHS - 1}.torch"
        trainings += [records / "train_config.yaml", checkpoint, folder / "images.npy", folder]
    result = subprocess.run(
        [PYTHON, "-O", SUPPORT / "vissl_extraction.py", str(SIZE), *trainings],
        env={name: value for name, value in os.environ.items() if name != "PYTHONPATH"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stdout[-3000:]
    return folders


@needs_vissl
@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_the_features_are_those_of_vissls_own_extraction(
    finished: Checkout, vissl_features: dict[str, Path], algorithm: str
):
    for layer, name in LAYERS.items():
        features = np.load(vissl_features[algorithm] / f"rank0_chunk0_test_{name}_features.npy")
        ours = np.load(finished.folder / run_folder(algorithm) / "features" / f"{layer}.npy")
        np.testing.assert_allclose(
            ours, features.reshape(ours.shape), rtol=1e-5, atol=1e-5 * np.abs(features).max(), err_msg=layer
        )


@needs_vissl
@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_vissl_trained_with_the_recipes_learning_rates(finished: Checkout, algorithm: str):
    hyper_parameters = recipe(algorithm, changes=STUDY["recipes"][algorithm])
    history = pd.read_csv(finished.folder / run_folder(algorithm) / "history.csv")
    steps = IMAGES // BATCH
    expected = [rate_at(hyper_parameters, epoch, steps - 1, EPOCHS, steps) for epoch in range(EPOCHS)]
    np.testing.assert_allclose(history["learning_rate"], expected, rtol=1e-9)
    assert list(history["epoch"]) == [1, 2, 3]
    assert np.isfinite(history["loss"]).all()


@needs_vissl
def test_the_killed_training_went_on_from_vissls_last_whole_checkpoint(finished: Checkout):
    run = finished.folder / run_folder("rotnet")
    log = (finished.folder / f"results/tiny_vissl/logs/vissl/rotnet/{run.name}.log").read_text()
    assert re.findall(r"warning: .*/(.*) is damaged", log) == ["model_phase1.torch"]
    assert re.findall(r"Resume from file: .*/(.*)", log) == ["model_phase0.torch"]
    names = {path.name for path in training_of(finished.folder, "rotnet").iterdir()}
    assert names == {"finished.json", "lock", "records", "settings.json", f"snapshot_{EPOCHS:06}"}


@needs_vissl
def test_a_model_says_that_vissl_trained_it_and_how(finished: Checkout):
    path = finished.folder / run_folder("simclr") / "model.safetensors"
    with safe_open(str(path), framework="numpy") as file:
        facts = json.loads(file.metadata()["facts"])
    assert (facts["engine"], facts["packages"]["vissl"], facts["epochs"]) == ("vissl", "0.1.6", EPOCHS)
    assert facts["recipe"] == recipe("simclr", changes={"batch_size": BATCH})
    assert facts["network"]["algorithm"] == "simclr"


@needs_vissl
def test_the_table_has_the_runs_and_nothing_is_left_to_do(finished: Checkout):
    table = pd.read_csv(finished.folder / "results/tiny_vissl/results.csv")
    assert set(table["engine"]) == {"vissl"}
    assert set(table["algorithm"]) == set(ALGORITHMS)
    assert np.isfinite(table["test_error"]).all()
    again = finished.snakemake("--dry-run", "results/tiny_vissl/results.csv", study="tiny_vissl")
    assert "Nothing to be done" in again.stdout


def test_without_vissls_environment_a_message_says_how_to_make_it(tmp_path):
    result = checkout_with_study(tmp_path, Path("nowhere/bin/python")).snakemake(
        "--dry-run", study="tiny_vissl"
    )
    assert result.returncode == 1
    assert "nowhere/bin/python does not exist: say `make vissl-env`" in result.stdout


def test_the_study_is_valid(tmp_path):
    path = tmp_path / "tiny_vissl.yaml"
    path.write_text(yaml.safe_dump(STUDY))
    assert Study.load(path).engine == "vissl"
