"""What the logger plugin tells: how far jobs are, how long they take, why they failed, what was stopped."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from support.checkout import Checkout, environment

from snakemake_logger_plugin_progress.estimate import Estimate, told
from snakemake_logger_plugin_progress.joblog import Position, begun, position, reason, saved

pytestmark = pytest.mark.workflow

HALF = """ready after 2.0 s
training 1 of 8: seed 1
epoch 1/2: loss 6.1, 610 images/s
epoch 2/2: loss 5.9, 696 images/s
training 2 of 8: seed 2
epoch 1/2: loss 6.0, 713 images/s
"""


def test_the_position_of_a_training_is_read_in_its_log():
    assert position(HALF) == Position(done=1, trainings=8, epoch=1, epochs=2)
    assert position(HALF).share == 1.5 / 8
    assert str(position(HALF)) == "training 2 of 8, epoch 1 of 2"
    assert position(HALF + "training 3 of 8: seed 3\n").share == 2 / 8
    assert str(position("epoch 3/20: loss 1.0\n")) == "epoch 3 of 20"
    assert position("ready after 2.0 s\n") is None


def test_what_a_job_said_last_is_the_reason_whole():
    text = HALF + "error: recipes: batch_size is 1000,\nexpected 2 to 360\n"
    assert reason(text) == "recipes: batch_size is 1000,\nexpected 2 to 360"
    assert reason(HALF + "Traceback (most recent call last):\nKeyError: 3\n") is None
    assert saved(HALF + "asked to stop: epoch 2, step 5 is saved\n") == 2
    assert saved(HALF) is None


def test_the_time_left_is_that_of_jobs_whose_time_is_known():
    """Two jobs at a time: four of 100 s, then four of 10 s. After 150 s, 50 + 100/2... of work are left."""
    estimate = Estimate()
    estimate.waiting = {"train": 4, "measure": 4}
    for job in (0, 1):
        estimate.start(job, "train", 0.0)
    assert estimate.seconds_left(50.0) is None  # nothing tells how long a training takes
    estimate.shares = {0: 0.5, 1: 0.5}  # now they do: 100 s each, and what follows is taken for a tenth of it
    assert estimate.seconds_left(50.0) == pytest.approx((2 * 50 + 2 * 100 + 4 * 10) / 2)
    for job in (0, 1):
        estimate.finish(job, 100.0)
        estimate.start(job + 2, "train", 100.0)
    for job in (2, 3):
        estimate.finish(job, 200.0)
        estimate.start(job + 2, "measure", 200.0)
        estimate.finish(job + 2, 210.0)
    assert estimate.seconds_left(210.0) == pytest.approx(2 * 10 / 2)


def test_a_training_that_goes_on_from_a_saved_state_is_judged_by_what_it_does_itself():
    estimate = Estimate()
    estimate.start(0, "train", 0.0)
    estimate.shares, estimate.begun = {0: 0.6}, {0: 0.5}
    assert estimate.seconds_left(10.0) == pytest.approx(40)  # a tenth in 10 s, four tenths to go
    estimate.finish(0, 50.0)
    assert estimate.durations["train"] == [100.0]  # what a whole one takes


def test_where_a_job_began_is_in_the_head_of_its_log():
    assert begun("training 1 of 8: seed 1\nepoch 1/20: loss 1\nepoch 2/20: loss 1\n") == 0
    assert begun("training 1 of 8: seed 1\nepoch 11/20: loss 1\n") == 0.5 / 8
    assert begun("training 1 of 4: 1\nfinished\ntraining 2 of 4: 2\nepoch 1/20: loss\n") == 0.25
    assert begun("epoch 5/20: loss 1\n") == 0.2
    assert begun("ready after 2.0 s\n") == 0


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (None, "time left not known yet"),
        (20, "less than a minute left"),
        (300, "about 5 min left"),
        (9000, "about 2.5 h left"),
        (90_000, "about 25 h left"),
    ],
)
def test_times_are_told_as_people_do(seconds: float | None, text: str):
    assert told(seconds) == text


def test_an_error_of_several_jobs_is_told_once_in_its_sentence(tmp_path: Path):
    checkout = Checkout.make(tmp_path)
    options = ["--workflow-profile", "profiles/default"]
    checkout.snakemake(*options, "results/tiny/data.safetensors")
    data = checkout.results / "data.safetensors"
    times = data.stat()
    data.write_bytes(data.read_bytes()[:-1000])  # as a disk does it: Snakemake sees the same times
    os.utime(data, ns=(times.st_atime_ns, times.st_mtime_ns))
    printed = checkout.snakemake(*options).stdout
    sentence = "results/tiny/data.safetensors is not a prepared data set"
    lines = [line for line in printed.splitlines() if sentence in line]
    assert len(lines) == 2, printed
    assert lines[0].startswith(f"error: {sentence}")
    orders = "3 jobs (2 pretrain, 1 pixels) ended", "3 jobs (1 pixels, 2 pretrain) ended"
    assert lines[1].startswith(orders)
    assert "ended with the same error: " in lines[1]
    for word in ("RuleException", "CalledProcessError", "python -m feature_diversity", "Traceback"):
        assert word not in printed
    assert "python -m feature_diversity" in checkout.snakemake(*options, "--printshellcmds").stdout


def test_snakemake_finds_the_default_profile_by_itself(tmp_path: Path):
    folder = Checkout.make(tmp_path).folder
    command = [sys.executable, "-m", "snakemake", "--dry-run", "--config", "study=tiny"]
    result = subprocess.run(command, cwd=folder, env=environment(), capture_output=True, text=True)
    assert "Using workflow specific profile profiles/default" in result.stderr
    assert "pretrain" in result.stderr + result.stdout


def test_ctrl_c_ends_with_what_was_saved(tmp_path: Path):
    checkout = Checkout.make(tmp_path)
    checkout.edit("workflow/studies/tiny.yaml", "epochs: [0, 2]", "epochs: [0, 5000]")
    checkout.edit("workflow/studies/tiny.yaml", "epochs: 2\n", "epochs: 5000\n")
    process = checkout.start("--workflow-profile", "profiles/default", "--until", "pretrain", session=True)
    logs = checkout.results / "logs" / "pretrain"
    while len([log for log in logs.rglob("*.log") if "epoch 1/" in log.read_text()]) < 2:
        assert process.poll() is None, process.stdout.read()
        time.sleep(0.2)
    os.killpg(process.pid, signal.SIGINT)
    printed = process.communicate()[0]
    assert process.returncode != 0
    last = printed.strip().splitlines()[-1]
    assert last.endswith("; the same command goes on"), printed
    assert last.count("saved in epoch") >= 1
    assert "of 5000" in last
    assert "Failed" not in printed
    assert "Traceback" not in printed
