"""Trainings killed inside Snakemake, again and again, end with the bits of undisturbed ones.

And those that outlive a killed Snakemake are not done again.
"""

import os
import re
import shutil
import signal
import time

import pytest
import yaml
from support.accident import Accidents, alive
from support.checkout import Checkout

pytestmark = pytest.mark.workflow
EPOCHS = 6  # an accident comes after the first or second that a process has trained
KILLS = 2  # of each algorithm's training
# The paper's algorithms, and one with each further kind of state: a momentum network, a queue. All others are
# killed in tests/training/test_survival.py.
ALGORITHMS = ["deepclusterv2", "jigsaw", "npid", "pirl", "rotnet", "simclr", "supervised", "byol", "mocov2"]
RECIPES = {  # for 128 images
    "byol": {"projector": [32, 16], "predictor_size": 24},
    "deepclusterv2": {"prototypes": [5, 4, 3]},
    "mocov2": {"queue_size": 50},
    "npid": {"negatives": 32},
    "pirl": {"negatives": 32},
}


def test_trainings_killed_inside_snakemake_end_with_the_same_bits(tmp_path):
    checkout = Checkout.make(tmp_path)
    file = tmp_path / "workflow/studies/tiny.yaml"
    study = yaml.safe_load(file.read_text())
    study["recipes"] = {name: {"batch_size": 64} | RECIPES.get(name, {}) for name in ALGORITHMS}
    study["figures"] = {"figure3": study["figures"]["figure3"] | {"algorithm": ALGORITHMS, "epochs": EPOCHS}}
    file.write_text(yaml.safe_dump(study))
    folder = f"resnet14_w0.125_batchnorm_ep{EPOCHS}_seed1"
    models = [f"results/tiny/{name}/{folder}/model.safetensors" for name in ALGORITHMS]
    kills = dict.fromkeys(ALGORITHMS, KILLS)
    accidents = Accidents.prepare(checkout, kills, signal.SIGKILL, seconds=0.05)
    result = checkout.snakemake("--retries", str(KILLS), "--keep-incomplete", *models)
    assert result.returncode == 0, result.stdout
    assert accidents.left() == []
    assert result.stdout.count("Trying to restart") == KILLS * len(kills)
    killed = [(tmp_path / model).read_bytes() for model in models]
    shutil.rmtree(checkout.results / "trainings")  # else they are found there again
    assert checkout.snakemake("--force", *models).returncode == 0
    assert [(tmp_path / model).read_bytes() for model in models] == killed


def test_a_training_that_outlives_its_snakemake_is_not_done_again(tmp_path):
    checkout = Checkout.make(tmp_path)
    checkout.edit("workflow/studies/tiny.yaml", "epochs: 2", f"epochs: {EPOCHS}")
    checkout.edit("workflow/studies/tiny.yaml", "epochs: [0, 2]", f"epochs: [0, {EPOCHS}]")
    run = f"results/tiny/supervised/resnet14_w0.125_batchnorm_ep{EPOCHS}_seed1"
    model, store = tmp_path / run / "model.safetensors", checkout.results / "trainings"
    accidents = Accidents.prepare(checkout, {"supervised": 1}, signal.SIGSTOP)
    with checkout.start(f"{run}/model.safetensors") as snakemake:
        training = accidents.stopped("supervised.0", lambda: snakemake.poll() is not None)
        snakemake.kill()
    assert not model.exists()
    os.kill(training, signal.SIGCONT)
    while alive(training):
        time.sleep(0.01)
    assert model.exists()
    assert len(list(store.glob("*/finished.json"))) == 1
    trained = model.stat().st_ino
    assert checkout.snakemake("--unlock").returncode == 0
    result = checkout.snakemake("--rerun-incomplete", f"{run}/model.safetensors")
    assert result.returncode == 0, result.stdout
    assert "Removing output files" not in result.stdout  # of a failed job
    log = checkout.results / "logs/pretrain/supervised/resnet14_w0.125_batchnorm_seed1.log"
    assert "nothing is trained again" in log.read_text()
    assert re.search(r"^taken \{", log.read_text(), re.MULTILINE)  # where and when it was trained
    assert model.stat().st_ino == trained
    assert checkout.planned(f"{run}/model.safetensors") == {}
    assert not any(store.glob("*/state_*.pt"))
