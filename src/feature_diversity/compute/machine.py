"""How a process computes: device, precision, threads, memory. Nothing of it is part of a study."""

import ctypes
import os
from dataclasses import dataclass

import torch

from feature_diversity.base.errors import InputError

# numbers of the options in glibc's malloc.h
M_TRIM_THRESHOLD, M_TOP_PAD, M_MMAP_MAX = -1, -2, -4


@dataclass(frozen=True)
class Machine:
    """How the trunk's arithmetic is done.

    precision: "float32", or "bfloat16" for the trunk's products. compile: whether torch.compile makes kernels
    for the trunk. micro_batch: images that pass through the trunk at a time, None for all of a batch.
    recompute: whether blocks keep only their input for backward.
    """

    device: torch.device
    precision: str = "float32"
    compile: bool = False
    micro_batch: int | None = None
    recompute: bool = False


def machine(
    device: str = "auto",
    precision: str = "auto",
    *,
    norm: str,
    compile: bool = False,
    micro_batch: int | None = None,
    recompute: bool = False,
) -> Machine:
    """How to compute, of what was asked for.

    Args:
        device: "auto", "cpu" or "cuda".
        precision: "auto", which is bfloat16 on a GPU, "float32" or "bfloat16".
        norm: of the network.
        compile: as in `Machine`, like micro_batch and recompute.
        micro_batch: images that pass through the trunk at a time.
        recompute: whether blocks keep only their input for backward.

    Raises:
        InputError: for a GPU that is not there, and micro-batches of less than an image or of BatchNorm.
    """
    if micro_batch is not None and micro_batch < 1:
        raise InputError(f"--micro-batch is {micro_batch}, expected 1 or more images")
    if micro_batch and norm == "batchnorm":
        raise InputError(
            "--micro-batch: BatchNorm takes its statistics over the whole batch, so its parts cannot pass "
            "one by one with the same result; use --recompute, more GPUs, or norm layernorm"
        )
    found = find_device(device)
    if precision == "auto":
        precision = "bfloat16" if found.type == "cuda" else "float32"
    return Machine(found, precision, compile, micro_batch, recompute)


def find_device(name: str) -> torch.device:
    """The device "cpu" or "cuda", or of "auto" the GPU if there is one; InputError if a GPU is not there."""
    gpu = torch.cuda.is_available()
    if name == "cuda" and not gpu:
        raise InputError("--device is cuda, but PyTorch finds no GPU here; expected cpu, auto, or a GPU")
    return torch.device("cuda" if name != "cpu" and gpu else "cpu")


def prepare(device: torch.device, threads: int) -> None:
    """Set this process up: the same bits every time, memory kept, `threads` threads.

    Never more threads than this process has cores: threads that share a core wait for each other.
    """
    torch.set_num_threads(min(threads, len(os.sched_getaffinity(0))))
    # On a GPU, an operation without a deterministic form warns instead of ending the training.
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    # Not use_deterministic_algorithms: that loads torch's compiler, for two seconds, to set it up as well.
    torch.set_deterministic_debug_mode("warn" if device.type == "cuda" else "error")
    # Determinism does not need new tensors filled with NaN, which took a tenth of a small network's step.
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]
    keep_freed_memory()


def keep_freed_memory() -> None:
    """Let malloc keep what is freed, since every step needs as much again. Nothing happens without glibc.

    Handing it back, and having it mapped and zeroed anew, took a tenth of a small network's step.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt:
        mallopt(M_MMAP_MAX, 0)
        mallopt(M_TRIM_THRESHOLD, 2**31 - 1)
        mallopt(M_TOP_PAD, 64 * 2**20)
