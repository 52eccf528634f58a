"""Trainings killed inside Snakemake, again and again, end with the bits of undisturbed ones.

And those that outlive a killed Snakemake are not done again.
"""

import os
import random
import re
import signal
import threading
import time
from pathlib import Path

import pytest
from checkout import Checkout

pytestmark = pytest.mark.workflow
EPOCHS = 30


def kill_trainings(results: Path, done: threading.Event, seconds: list[float]) -> None:
    """SIGKILL a training some seconds after its first state was seen, once for each of `seconds`."""
    while seconds and not done.is_set():
        for lock in results.glob("*/*/resume/lock"):
            holder = re.match(r"process (\d+) on", lock.read_text())
            if holder and any(lock.parent.glob("state_*.pt")):
                time.sleep(seconds.pop())
                os.kill(int(holder[1]), signal.SIGKILL)
                lock.write_text("")
                break
        time.sleep(0.01)


def test_trainings_killed_inside_snakemake_end_with_the_same_bits(tmp_path):
    checkout = Checkout.make(tmp_path)
    checkout.edit("workflow/studies/tiny.yaml", "epochs: 2", f"epochs: {EPOCHS}")
    checkout.edit("workflow/studies/tiny.yaml", "epochs: [0, 2]", f"epochs: [0, {EPOCHS}]")
    models = [
        f"results/tiny/{name}/resnet14_w0.125_batchnorm_ep{EPOCHS}_seed1/model.safetensors"
        for name in ("simclr", "supervised")
    ]
    draws, done = random.Random(0), threading.Event()
    killer = threading.Thread(
        target=kill_trainings, args=(checkout.results, done, [draws.uniform(0, 0.3) for _ in range(3)])
    )
    killer.start()
    result = checkout.snakemake("--retries", "4", "--keep-incomplete", *models)
    done.set()
    killer.join()
    assert result.returncode == 0, result.stdout
    assert result.stdout.count("Trying to restart") == 3
    killed = [(tmp_path / model).read_bytes() for model in models]
    assert checkout.snakemake("--force", *models).returncode == 0
    assert [(tmp_path / model).read_bytes() for model in models] == killed


def test_a_training_that_outlives_its_snakemake_is_not_done_again(tmp_path):
    checkout = Checkout.make(tmp_path)
    checkout.edit("workflow/studies/tiny.yaml", "epochs: 2", f"epochs: {EPOCHS}")
    checkout.edit("workflow/studies/tiny.yaml", "epochs: [0, 2]", f"epochs: [0, {EPOCHS}]")
    run = f"results/tiny/supervised/resnet14_w0.125_batchnorm_ep{EPOCHS}_seed1"
    model, state = (tmp_path / run / name for name in ("model.safetensors", "resume"))
    with checkout.start(f"{run}/model.safetensors") as snakemake:
        while not any(state.glob("state_*.pt")):
            assert snakemake.poll() is None
            time.sleep(0.01)
        snakemake.kill()
    assert not model.exists()
    while not (state / "finished.json").exists():
        time.sleep(0.01)
    trained = model.stat().st_ino
    assert checkout.snakemake("--unlock").returncode == 0
    result = checkout.snakemake("--rerun-incomplete", f"{run}/model.safetensors")
    assert result.returncode == 0, result.stdout
    assert "Removing output files" not in result.stdout  # of a failed job
    log = checkout.results / "logs/pretrain/supervised/resnet14_w0.125_batchnorm_seed1.log"
    assert "nothing is trained again" in log.read_text()
    assert log.read_text().startswith("taken {")  # then where and when it was trained
    assert model.stat().st_ino == trained
    assert not state.exists()
