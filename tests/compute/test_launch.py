"""The stage `pretrain` as several processes: how it starts, what it leaves, how it ends."""

import csv
import multiprocessing
import os
import signal
import socket
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import pytest
from safetensors.torch import load_file
from support.accident import after_saves, send
from support.paths import SOURCE

from feature_diversity import __main__
from feature_diversity.base.errors import InputError
from feature_diversity.compute import launch
from feature_diversity.stages import pretrain

# Its memory bank is of all images, and so has a part in every process.
NPID = {"algorithm": "npid", "negatives": 32}


def command(arguments: list[str], environment: dict[str, str], errors: Path, stop: bool) -> None:
    """`python -m feature_diversity pretrain ...` in this process; stop: until it has saved a state."""
    if stop:
        after_saves(1, partial(send, signal.SIGSTOP))
    os.environ |= environment
    os.dup2(os.open(errors, os.O_WRONLY | os.O_CREAT | os.O_APPEND), 2)
    sys.argv = ["feature_diversity", "pretrain", *arguments]
    sys.exit(__main__.main())


@pytest.fixture(scope="module")
def start():
    """Start the stage as srun does, with as many tasks as asked; returns the processes.

    What they say is in the file `errors`. They are forked from one in which torch is loaded already.
    """
    context = multiprocessing.get_context("forkserver")
    modules = ["feature_diversity.stages.pretrain", "feature_diversity.algorithms.npid", "torch._dynamo"]
    context.set_forkserver_preload(modules)

    def run(
        arguments: list[str], errors: Path, tasks: int = 2, stop: bool = False
    ) -> list[multiprocessing.Process]:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        processes = []
        for task in range(tasks):
            environment = slurm(task, tasks) | {"MASTER_PORT": str(port)}
            processes.append(context.Process(target=command, args=(arguments, environment, errors, stop)))
            processes[-1].start()
        return processes

    return run


@pytest.fixture
def run_several():
    """Start the stage as several processes, which it does itself by torchrun."""

    def run(processes: int, arguments: list[str]) -> subprocess.CompletedProcess:
        return subprocess.run(
            [sys.executable, "-m", "feature_diversity", "pretrain", "--gpus", str(processes), *arguments],
            env=os.environ | {"PYTHONPATH": str(SOURCE)},
            capture_output=True,
            text=True,
            check=False,
        )

    return run


def slurm(task: int, tasks: int, nodes: str = "localhost", **more: str) -> dict[str, str]:
    """What srun tells one of its tasks."""
    return {
        "SLURM_JOB_ID": "1234567",
        "SLURM_STEP_ID": "0",
        "SLURM_STEP_NODELIST": nodes,
        "SLURM_STEP_NUM_TASKS": str(tasks),
        "SLURM_PROCID": str(task),
        "SLURM_LOCALID": str(task),
    } | more


def exits(processes) -> list[int]:
    """Their exit codes."""
    for process in processes:
        process.join()
    return [process.exitcode for process in processes]


def wait_for_state(folder, processes, errors: Path) -> None:
    """Until a first state is there, in the store of the folder's trainings, which these processes save."""
    while not list(folder.glob("trainings/*/state_*.pt")):
        assert all(process.is_alive() for process in processes), errors.read_text()
        time.sleep(0.001)


def losses(model) -> list[float]:
    """Of each epoch."""
    with open(model.with_name("history.csv"), newline="") as file:
        return [float(row["loss"]) for row in csv.DictReader(file)]


# --- start to end ---


def test_two_processes_that_torchrun_starts_train_what_one_would(training, train, tmp_path, run_several):
    done = run_several(2, training(tmp_path / "two", 0, 1))
    assert done.returncode == 0, done.stderr
    assert [line.split()[0] for line in done.stderr.splitlines() if line].count("epoch") == 1
    _, one = train(tmp_path / "one", 0, 1)
    two = tmp_path / "two" / "ep1" / "model.safetensors"
    assert losses(two) == pytest.approx(losses(one), rel=1e-3)
    assert load_file(two).keys() == load_file(one).keys()
    assert sorted(os.listdir(two.parent)) == ["history.csv", "model.safetensors"]


@pytest.mark.parametrize(("before", "after"), [(2, 1), (1, 2)])
def test_another_number_of_processes_goes_on_at_the_end_of_an_epoch(start, training, tmp_path, before, after):
    arguments = training(tmp_path, 4, **NPID)
    processes = start(arguments, tmp_path / "before", before, stop=True)
    wait_for_state(tmp_path, processes, tmp_path / "before")
    for process in processes:
        process.kill()
    exits(processes)
    assert exits(start(arguments, tmp_path / "after", after)) == [0] * after
    assert (tmp_path / "after").read_text().count("going on after epoch ") == 1
    assert len(losses(tmp_path / "ep4" / "model.safetensors")) == 4


def test_within_an_epoch_another_number_of_processes_is_refused(start, training, tmp_path):
    arguments = training(tmp_path, 400, **NPID)
    processes = start(arguments, tmp_path / "errors")
    wait_for_state(tmp_path, processes, tmp_path / "errors")
    os.kill(processes[1].pid, signal.SIGTERM)  # one of them is enough
    assert exits(processes) == [128 + signal.SIGTERM] * 2
    assert (tmp_path / "errors").read_text().count("asked to stop: epoch ") == 1
    with pytest.raises(InputError, match="within an epoch, of 2 processes, not 1: go on with 2"):
        pretrain.main(arguments)


def test_its_exit_code_is_that_of_the_processes_it_started(training, tmp_path, run_several):
    done = run_several(2, training(tmp_path, 1, batch_size=15))
    assert done.returncode == 1
    assert "batch_size is 15, expected a multiple of the number of processes, 2" in done.stderr


def test_on_several_machines_srun_starts_it(training, tmp_path, run_several, monkeypatch):
    srun = tmp_path / "srun"
    srun.write_text('#!/bin/sh\necho srun "$@"; exit 5\n')
    srun.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    arguments = ["--nodes", "2", *training(tmp_path, 1)]
    done = run_several(4, arguments)
    assert done.returncode == 5
    options, stage = done.stdout.split(f" {sys.executable} ")
    assert options == "srun --nodes 2 --ntasks 4 --cpu-bind=none --kill-on-bad-exit=1"
    assert stage.startswith("-m feature_diversity pretrain --gpus 4 --nodes 2 --data ")


def test_processes_that_machines_cannot_share_evenly_are_refused(training, tmp_path, run_several):
    done = run_several(3, ["--nodes", "2", *training(tmp_path, 1)])
    assert done.returncode == 1
    assert done.stderr == "error: --gpus is 3, expected a multiple of --nodes, 2\n"


def test_without_slurm_several_machines_are_refused(training, tmp_path, run_several, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    done = run_several(2, ["--nodes", "2", *training(tmp_path, 1)])
    assert done.stderr == "error: --nodes is 2, which needs SLURM: srun: No such file or directory\n"


# --- how it fails ---


def test_what_is_wrong_for_all_is_said_once(start, training, tmp_path):
    assert exits(start(training(tmp_path, 1, batch_size=15), tmp_path / "errors")) == [1, 1]
    errors = (tmp_path / "errors").read_text()
    assert errors.count("error: ") == 1
    assert "simclr: batch_size is 15, expected a multiple of the number of processes, 2" in errors
    assert "Traceback" not in errors


@pytest.mark.parametrize("killed", [0, 1])
def test_a_process_that_is_killed_ends_the_others(start, training, tmp_path, killed):
    processes = start(training(tmp_path, 400), tmp_path / "errors")
    wait_for_state(tmp_path, processes, tmp_path / "errors")
    processes[killed].kill()
    assert sorted(exits(processes)) == [-signal.SIGKILL, 1]
    errors = (tmp_path / "errors").read_text()
    assert "Traceback" not in errors
    if killed == 1:  # the first holds what they have in common; its end is for srun or torchrun to tell
        assert errors.splitlines()[-1] == "error: another process of this training was ended"


def test_a_second_training_of_the_same_run_is_refused_once(start, training, tmp_path):
    arguments = training(tmp_path, 400)
    processes = start(arguments, tmp_path / "errors")
    wait_for_state(tmp_path, processes, tmp_path / "errors")
    assert exits(start(arguments, tmp_path / "second")) == [1, 1]
    assert (tmp_path / "second").read_text().count("error: ") == 1
    assert "error: another process trains this run: process " in (tmp_path / "second").read_text()
    for process in processes:
        process.kill()
    exits(processes)


# --- what srun says ---


@pytest.mark.parametrize(
    ("nodes", "first"),
    [
        ("gpu7", "gpu7"),
        ("gpu[07-11,13]", "gpu07"),
        ("a12,b[3-4]", "a12"),
        ("rack[2-3]-node[01-16],x1", "rack2-node01"),
        ("gpu[3,5].cluster", "gpu3.cluster"),
    ],
)
def test_the_first_host_of_the_step_is_where_processes_meet(nodes, first):
    assert launch.slurm_variables(slurm(3, 8, nodes))["MASTER_ADDR"] == first


def test_torchruns_variables_are_made_of_sruns():
    assert launch.slurm_variables(slurm(3, 8)) == {
        "RANK": "3",
        "WORLD_SIZE": "8",
        "LOCAL_RANK": "3",
        "MASTER_ADDR": "localhost",
        "MASTER_PORT": "24567",
    }


@pytest.mark.parametrize("environment", [{}, slurm(0, 1), slurm(0, 8, WORLD_SIZE="4", RANK="1")])
def test_one_task_is_alone_and_torchrun_comes_first(environment):
    assert launch.slurm_variables(environment) == {}


def test_every_process_has_a_gpu():
    assert [launch.gpu(task, 4) for task in range(4)] == [0, 1, 2, 3]
    assert launch.gpu(3, 1) == 0  # a machine that shows each process its own
    with pytest.raises(InputError, match="process 2 of this machine has no GPU: there are 2"):
        launch.gpu(2, 2)
