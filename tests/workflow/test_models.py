"""A study of ten networks of others goes to its report, killed once on its way and resumed."""

import contextlib
import os
import signal
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
import yaml
from support.checkout import Checkout

from feature_diversity.base.run import Network
from feature_diversity.networks import model
from feature_diversity.networks.resnet import resnet

pytestmark = pytest.mark.workflow
SEEDS = [1, 2, 3, 4, 5]
STUDY = {
    "description": "networks of others",
    "engine": "model",
    "seeds": "together",  # processes that import torch would take most of the time
    "dataset": {
        "name": "digits",
        "image_size": 32,
        "train": 128,
        "test": 100,
        "validation": 50,
        "held_out": 30,
    },
    "linear_evaluation": {"penalties": [0.1]},
    "energy": {"vectors": ["flatten"], "powers": [1]},
    "models": [
        {"source": "file", "name": "ours", "weights": "w/{seed}.safetensors", "epochs": 7, "seed": SEEDS},
        {"source": "timm", "name": "test_resnet", "preprocessing": "study", "seed": SEEDS},
    ],
}


def descendants(process: int) -> list[int]:
    """The processes that a process has started, and that these have."""
    parents = {}
    for file in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            parents[int(file.parent.name)] = int(file.read_text().rpartition(")")[2].split()[1])
    found = [process]
    for parent in found:
        found += [child for child, of in parents.items() if of == parent]
    return found[1:]


@pytest.fixture(scope="module")
def killed(tmp_path_factory) -> Checkout:
    """The study with weights of five networks of this package, killed once models were taken, and resumed."""
    checkout = Checkout.make(tmp_path_factory.mktemp("checkout"))
    (checkout.folder / "w").mkdir()
    for seed in SEEDS:
        torch.manual_seed(seed)
        trunk = resnet(14, 1 / 16)
        facts = {"network": Network("simclr", 14, 1 / 16, "batchnorm", seed=seed).facts, "head": None}
        model.write(checkout.folder / f"w/{seed}.safetensors", trunk, None, facts)
    (checkout.folder / "workflow/studies/ten.yaml").write_text(yaml.safe_dump(STUDY))
    with checkout.start(study="ten") as snakemake:
        while not [*checkout.folder.glob("results/ten/*/*/model.safetensors")]:
            assert snakemake.poll() is None, snakemake.stdout.read()
            time.sleep(0.05)
        for process in (snakemake.pid, *descendants(snakemake.pid)):
            with contextlib.suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)
    assert not (checkout.folder / "results/ten/results.csv").exists()
    assert checkout.snakemake("--unlock", study="ten").returncode == 0
    result = checkout.snakemake("--rerun-incomplete", study="ten")
    assert result.returncode == 0, result.stdout
    return checkout


@pytest.fixture(scope="module")
def table(killed: Checkout) -> pd.DataFrame:
    return pd.read_csv(killed.folder / "results/ten/results.csv")


def test_the_study_goes_to_its_report_and_nothing_is_left_to_do(killed: Checkout):
    folder = killed.folder / "results/ten"
    page = (folder / "report.html").read_text()
    assert "10 runs on digits" in page
    assert "ours, test_resnet; 0, 7 epochs; 5 seeds" in " ".join(page.split())
    assert "ResNet-0" not in page
    for ending in ("svg", "pdf", "png"):
        assert (folder / f"figures/figure3.{ending}").stat().st_size > 1000
    assert "trunk" in (folder / "figures/figure3.svg").read_text()
    assert "ours" in (folder / "summary.txt").read_text()
    assert "Nothing to be done" in killed.snakemake("--dry-run", study="ten").stdout


def test_every_model_has_all_layers_and_readings(table: pd.DataFrame):
    assert len(table) == 10 * 6 * 2  # models, layers, centred or not
    assert list(table["layer"].unique()) == ["fifth1", "fifth2", "fifth3", "fifth4", "fifth5", "trunk"]
    assert np.isfinite(table[["energy", "test_error", "rankme"]]).all(axis=None)
    models = table.drop_duplicates(["algorithm", "seed"])
    assert set(models["engine"]) == {"model"}
    assert dict(models.groupby("algorithm")["epochs"].first()) == {"ours": 7, "test_resnet": 0}
    trunk = sum(weight.numel() for weight in resnet(14, 1 / 16).parameters())
    assert set(models.loc[models["algorithm"] == "ours", "n_params"]) == {trunk}


def test_only_models_with_trained_weights_are_compared(killed: Checkout):
    prediction = pd.read_csv(killed.folder / "results/ten/prediction.csv")
    of_names = prediction[prediction["axis"] == "algorithm"]
    assert {"fifth1", "trunk"} <= set(of_names["layer"])
    assert set(of_names["note"]) == {"not testable: all runs have one algorithm"}  # test_resnet is random


def test_other_weights_in_a_file_are_taken_anew_and_nothing_else(killed: Checkout):
    torch.manual_seed(6)
    facts = {"network": Network("simclr", 14, 1 / 16, "batchnorm", seed=6).facts, "head": None}
    model.write(killed.folder / "w/5.safetensors", resnet(14, 1 / 16), None, facts)
    planned = killed.snakemake("--dry-run", study="ten").stdout
    assert planned.count("rule model:") == 1
    assert "rule data:" not in planned


def test_a_file_that_is_not_there_ends_before_any_job(killed: Checkout):
    (killed.folder / "w/4.safetensors").rename(killed.folder / "w/four.safetensors")
    result = killed.snakemake("--dry-run", study="ten")
    assert result.returncode != 0
    assert (
        "models: weights: w/4.safetensors does not exist, expected a file for ours/model_ep7_seed4"
        in result.stdout
    )
