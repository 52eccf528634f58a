"""Trainings killed inside Snakemake, again and again, end with the bits of undisturbed ones.

And those that outlive a killed Snakemake are not done again.
"""

import json
import os
import random
import re
import shutil
import signal
import threading
import time
from pathlib import Path

import pytest
import yaml
from support.checkout import Checkout

from feature_diversity.planning.recipe import algorithms

pytestmark = pytest.mark.workflow
EPOCHS = 30
KILLS = 2  # of each algorithm's training
RECIPES = {  # for 128 images
    "deepclusterv2": {"prototypes": [5, 4, 3]},
    "npid": {"negatives": 32},
    "pirl": {"negatives": 32},
}


def kill_trainings(results: Path, done: threading.Event, kills: dict[str, int], draws: random.Random) -> None:
    """SIGKILL each algorithm's training so many times, shortly after its first state was seen."""
    while any(kills.values()) and not done.is_set():
        for settings in results.glob("trainings/*/settings.json"):
            algorithm = json.loads(settings.read_text())["network"]["algorithm"]
            lock = settings.with_name("lock")
            holder = re.match(r"process (\d+) on", lock.read_text())
            if kills[algorithm] and holder and any(lock.parent.glob("state_*.pt")):
                time.sleep(draws.uniform(0, 0.1))
                os.kill(int(holder[1]), signal.SIGKILL)
                lock.write_text("")
                kills[algorithm] -= 1
        time.sleep(0.005)


def test_trainings_killed_inside_snakemake_end_with_the_same_bits(tmp_path):
    checkout = Checkout.make(tmp_path)
    file = tmp_path / "workflow/studies/tiny.yaml"
    study = yaml.safe_load(file.read_text())
    study["recipes"] = {name: {"batch_size": 64} | RECIPES.get(name, {}) for name in algorithms()}
    study["figures"] = {
        "figure3": study["figures"]["figure3"] | {"algorithm": algorithms(), "epochs": EPOCHS}
    }
    file.write_text(yaml.safe_dump(study))
    folder = f"resnet14_w0.125_batchnorm_ep{EPOCHS}_seed1"
    models = [f"results/tiny/{name}/{folder}/model.safetensors" for name in algorithms()]
    kills, done = dict.fromkeys(algorithms(), KILLS), threading.Event()
    killer = threading.Thread(target=kill_trainings, args=(checkout.results, done, kills, random.Random(0)))
    killer.start()
    result = checkout.snakemake("--retries", str(KILLS), "--keep-incomplete", *models)
    done.set()
    killer.join()
    assert result.returncode == 0, result.stdout
    assert kills == dict.fromkeys(algorithms(), 0)
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
    with checkout.start(f"{run}/model.safetensors") as snakemake:
        while not any(store.glob("*/state_*.pt")):
            assert snakemake.poll() is None
            time.sleep(0.01)
        snakemake.kill()
    assert not model.exists()
    while not any(store.glob("*/finished.json")) or not model.exists():
        time.sleep(0.01)
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
