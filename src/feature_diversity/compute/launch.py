"""How the processes of one training find each other, started by torchrun or by srun, and how they end."""

import os
import re
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import NoReturn

import torch
import torch.distributed as dist

from feature_diversity.base.errors import InputError


def is_one_of_several(environment: Mapping[str, str]) -> bool:
    """Whether torchrun or srun has started this process among others."""
    return "WORLD_SIZE" in environment or bool(slurm_variables(environment))


def start(stage: str, arguments: list[str], *, processes: int, nodes: int) -> NoReturn:
    """Become torchrun or, on several machines, srun, which starts a stage as so many processes.

    It ends as they do: signals reach it, and its exit code is theirs.

    Args:
        stage: its name on the command line.
        arguments: its own, which all processes get.
        processes: how many, on all machines together.
        nodes: number of machines.

    Raises:
        InputError: if the processes cannot be divided among the machines, or there is no srun.
    """
    if processes % nodes:
        raise InputError(f"--gpus is {processes}, expected a multiple of --nodes, {nodes}")
    python = [sys.executable, "-m"]
    if nodes > 1:
        command = ["srun", "--nodes", str(nodes), "--ntasks", str(processes), "--cpu-bind=none"]
        command += ["--kill-on-bad-exit=1", *python, "feature_diversity", stage]
    else:
        command = [*python, "torch.distributed.run", "--standalone", "--nproc-per-node", str(processes)]
        command += ["-m", "--", "feature_diversity", stage]
    try:
        os.execvp(command[0], [*command, *arguments])
    except OSError as error:
        raise InputError(f"--nodes is {nodes}, which needs SLURM: {command[0]}: {error.strerror}") from None


@contextmanager
def joined() -> Iterator[None]:
    """Join the other processes of this training, if there are any; every process runs what is inside.

    When one fails, all end: the first with its exception, the others without a word, exit code 1.
    Raises InputError if they do not find each other, if a GPU is missing, and if another process vanished.
    """
    os.environ.update(slurm_variables(os.environ))
    if int(os.environ.get("WORLD_SIZE", 1)) == 1:
        yield
        return
    backend = "gloo"
    if torch.cuda.is_available():
        torch.cuda.set_device(gpu(int(os.environ["LOCAL_RANK"]), torch.cuda.device_count()))
        backend = "cpu:gloo,cuda:nccl"
    try:
        store, rank, ranks = next(dist.rendezvous("env://"))
        dist.init_process_group(backend, store=store, rank=rank, world_size=ranks)
    except (dist.DistError, ValueError) as error:
        raise InputError(f"the processes of this training did not find each other: {error}") from None
    try:
        yield
    except Exception as error:
        if not first_to_fail(store):
            time.sleep(1)  # torchrun ends all once one has ended: let the first finish speaking
            raise SystemExit(1) from None
        if lost(error):
            raise InputError("another process of this training was ended") from None
        raise
    dist.destroy_process_group()  # not after a failure: it may wait for processes that are gone


def slurm_variables(environment: Mapping[str, str]) -> dict[str, str]:
    """torchrun's variables from srun's; none where torchrun's are set or there is one task."""
    if "WORLD_SIZE" in environment or int(environment.get("SLURM_STEP_NUM_TASKS", 1)) == 1:
        return {}
    first_host = re.sub(r"\[(\d+)[^]]*\]", r"\1", environment["SLURM_STEP_NODELIST"]).split(",")[0]
    step = int(environment["SLURM_JOB_ID"]) + int(environment["SLURM_STEP_ID"])
    return {
        "RANK": environment["SLURM_PROCID"],
        "WORLD_SIZE": environment["SLURM_STEP_NUM_TASKS"],
        "LOCAL_RANK": environment["SLURM_LOCALID"],
        "MASTER_ADDR": environment.get("MASTER_ADDR", first_host),
        "MASTER_PORT": environment.get("MASTER_PORT", str(20000 + step % 10000)),  # below Linux's own choices
    }


def gpu(local_rank: int, count: int) -> int:
    """Number of the GPU for a process. count: GPUs it sees; SLURM may show each process one of its own."""
    if count > 1 and local_rank >= count:
        raise InputError(f"process {local_rank} of this machine has no GPU: there are {count}")
    return local_rank if count > 1 else 0


def first_to_fail(store: dist.Store) -> bool:
    """Whether no process failed before; if the store is gone, the one that held it did."""
    try:
        return store.add("failed", 1) == 1
    except dist.DistError:
        return False


def lost(error: Exception) -> bool:
    """Whether an exception is that of talking to a process that is gone."""
    return isinstance(error, dist.DistError) or "gloo" in str(error)
