"""A training is killed, stopped, doubled and starved, and ends with the bits of one that was left alone."""

import multiprocessing
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pandas as pd
import pytest
from support.disk import small_disk

import feature_diversity
from feature_diversity.base.errors import InputError
from feature_diversity.planning.recipe import algorithms
from feature_diversity.stages import pretrain

CHANGES = {
    "barlow_twins": {"projector": [32, 24, 16]},
    "byol": {"projector": [32, 16], "predictor_size": 24},
    "deepclusterv2": {"prototypes": [5, 4, 3]},
    "dino": {"projector": [32, 24, 16], "prototypes": 20},
    "lejepa": {"projector": [32, 24, 16], "directions": 8},
    "mocov2": {"queue_size": 50},
    "npid": {"negatives": 32, "loss_type": "nce"},
    "pirl": {"negatives": 32},
    "simsiam": {"projector": [32, 16], "predictor_size": 8},
    "swav": {"projector": [32, 16], "prototypes": 8},
    "vicreg": {"projector": [32, 24, 16]},
}
EVERY_STEP = ("--save-minutes", "0")


def train_with(permits: multiprocessing.Semaphore, arguments: list[str]) -> None:
    """The stage, which takes a permit for each new state and each snapshot before it has its name.

    So it gets no further than it may, however late the test comes to see what it has done.
    """

    def wait(event: str, values: tuple) -> None:
        if event == "os.rename":
            path = Path(os.fspath(values[1]))
            if (path.match("state_*.pt") and not path.exists()) or path.match("snapshot_*/history.csv"):
                permits.acquire()

    sys.addaudithook(wait)
    pretrain.main(arguments)


@pytest.fixture(scope="module")
def start() -> Callable[[list[str]], multiprocessing.Process]:
    """Start the stage in a process of its own, forked from one in which torch is loaded already."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(Path(feature_diversity.__file__).parents[1]))
        context = multiprocessing.get_context("forkserver")
        context.set_forkserver_preload(
            ["feature_diversity.stages.pretrain", "feature_diversity.algorithms.pirl"]
        )

        def run(arguments: list[str], permits: int = 1000) -> multiprocessing.Process:
            left = context.Semaphore(permits)
            process = context.Process(target=train_with, args=(left, arguments))
            process.permits = left
            process.start()
            return process

        yield run


def states(folder: Path) -> list[int]:
    """Numbers of steps after which states in a folder's store were saved, oldest first."""
    return sorted(int(path.stem.removeprefix("state_")) for path in folder.glob("trainings/*/state_*.pt"))


def wait_until(happened: Callable[[], object], process: multiprocessing.Process) -> None:
    """Wait as long as the process lives."""
    while process.is_alive() and not happened():
        time.sleep(0.001)


def kill_after(process: multiprocessing.Process, folder: Path, steps: int, seconds: float) -> int:
    """SIGKILL some seconds after the training has done that many further steps; returns the exit code.

    It has no permits yet, and gets those for the steps.
    """
    goal = max(states(folder), default=0) + steps
    for _ in range(steps):
        process.permits.release()
    wait_until(lambda: max(states(folder), default=0) >= goal, process)
    time.sleep(seconds)
    process.kill()
    process.join()
    return process.exitcode


@pytest.mark.parametrize("algorithm", algorithms())
def test_a_training_killed_again_and_again_ends_with_the_same_bits(
    algorithm, train, training, start, tmp_path
):
    options = {"algorithm": algorithm} | CHANGES.get(algorithm, {})
    [undisturbed] = train(tmp_path / "undisturbed", 6, **options)
    arguments = training(tmp_path, 6, **options)
    draws = random.Random(algorithm)
    exits = [
        kill_after(start([*arguments, *EVERY_STEP], 0), tmp_path, draws.randint(1, 6), draws.uniform(0, 0.02))
        for _ in range(3)
    ]
    assert exits == [-signal.SIGKILL] * 3
    pretrain.main(arguments)
    assert (tmp_path / "ep6" / "model.safetensors").read_bytes() == undisturbed.read_bytes()


def test_a_newest_state_that_is_cut_short_is_passed_over(train, training, start, tmp_path, capfd):
    [undisturbed] = train(tmp_path / "undisturbed", 4)
    arguments = training(tmp_path, 4)
    kill_after(start([*arguments, *EVERY_STEP], 0), tmp_path, 3, 0)
    [newest] = tmp_path.glob(f"trainings/*/state_{states(tmp_path)[-1]:09d}.pt")
    os.truncate(newest, newest.stat().st_size // 2)
    pretrain.main(arguments)
    assert f"{newest} is damaged" in capfd.readouterr().err
    assert (tmp_path / "ep4" / "model.safetensors").read_bytes() == undisturbed.read_bytes()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_training_asked_to_stop_saves_the_step_it_is_at(number, train, training, start, tmp_path):
    options = {"algorithm": "supervised", "batch_size": 2}  # 32 steps an epoch
    *_, undisturbed = train(tmp_path / "undisturbed", 0, 1, **options)
    arguments = training(tmp_path, 0, 1, **options)
    process = start(arguments, 0)
    wait_until(lambda: [*tmp_path.glob("trainings/*/snapshot_000000/model.safetensors")], process)
    os.kill(process.pid, number)
    process.permits.release()  # for the snapshot
    process.permits.release()  # for the state
    process.join()
    assert process.exitcode == 128 + number
    assert 1 <= states(tmp_path)[-1] < 32
    pretrain.main(arguments)
    assert (tmp_path / "ep1" / "model.safetensors").read_bytes() == undisturbed.read_bytes()


def test_of_two_copies_started_at_once_one_trains(train, training, start, tmp_path):
    [undisturbed] = train(tmp_path / "undisturbed", 6)
    copies = [start(training(tmp_path, 6), 0) for _ in range(2)]
    while all(copy.is_alive() for copy in copies):
        time.sleep(0.001)
    for copy in copies:
        for _ in range(100):
            copy.permits.release()
        copy.join()
    assert sorted(copy.exitcode for copy in copies) == [0, 1]
    assert (tmp_path / "ep6" / "model.safetensors").read_bytes() == undisturbed.read_bytes()


@pytest.fixture
def disk(tmp_path) -> Iterator[Path]:
    """A file system of 4 MB in memory."""
    with small_disk(tmp_path / "disk", "4m") as folder:
        yield folder


def test_a_full_disk_costs_nothing_that_was_saved(train, training, start, disk, tmp_path):
    [undisturbed] = train(tmp_path / "undisturbed", 6)
    arguments = training(disk, 6)
    kill_after(start([*arguments, *EVERY_STEP], 0), disk, 5, 0)
    saved = states(disk)
    with pytest.raises(OSError, match="No space left"):
        (disk / "filler").write_bytes(bytes(5 * 2**20))
    with pytest.raises(InputError, match=r"state_.* cannot be written: No space left on device"):
        pretrain.main(arguments)
    assert states(disk) == saved
    (disk / "filler").unlink()
    pretrain.main(arguments)
    assert (disk / "ep6" / "model.safetensors").read_bytes() == undisturbed.read_bytes()


def test_a_folder_that_may_not_be_written_is_named_before_training(training, disk, capfd):
    subprocess.run(["mount", "-o", "remount,ro", disk], check=True)
    with pytest.raises(InputError, match=r"lock cannot be written: Read-only file system"):
        pretrain.main(training(disk, 1))
    assert "ready" not in capfd.readouterr().err


def test_the_log_of_a_training_that_was_killed_is_that_of_one_that_was_not(training, start, tmp_path):
    log = ["--log-every", "1"]
    pretrain.main([*training(tmp_path / "undisturbed", 4), *log])
    arguments = [*training(tmp_path, 4), *log]
    kill_after(start([*arguments, *EVERY_STEP], 0), tmp_path, 6, 0)
    pretrain.main(arguments)
    undisturbed, killed = (
        pd.read_csv(folder / "ep4" / "history.csv").drop(columns="images_per_second")
        for folder in (tmp_path / "undisturbed", tmp_path)
    )
    pd.testing.assert_frame_equal(undisturbed, killed, check_exact=True)
