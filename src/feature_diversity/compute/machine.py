"""How a process computes: device, precision, threads, memory. Nothing of it is part of a study."""

import argparse
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


def add_options(parser: argparse.ArgumentParser) -> None:
    """Command line options that say how to compute, not what."""
    group = parser.add_argument_group("the machine; nothing here is part of a study")
    group.add_argument("--device", choices=["auto", "cpu", "cuda"], default="auto")
    group.add_argument(
        "--precision",
        choices=["auto", "float32", "bfloat16"],
        default="auto",
        help="of the trunk's products; auto is bfloat16 on a GPU",
    )
    group.add_argument("--threads", type=int, default=1, help="at most as many as there are cores")
    group.add_argument("--compile", action="store_true", help="let torch.compile make kernels for the trunk")
    group.add_argument(
        "--micro-batch",
        type=int,
        help="images that pass through the trunk at a time: less memory, more arithmetic; not with batchnorm",
    )
    group.add_argument(
        "--recompute",
        action="store_true",
        help="activation checkpointing: less memory, a third more arithmetic, the same bits",
    )


def from_options(options: argparse.Namespace) -> Machine:
    """What the options, and the run among them, say; InputError for what cannot be done."""
    if options.micro_batch is not None and options.micro_batch < 1:
        raise InputError(f"--micro-batch is {options.micro_batch}, expected 1 or more images")
    if options.micro_batch and options.run["norm"] == "batchnorm":
        raise InputError(
            "--micro-batch: BatchNorm takes its statistics over the whole batch, so its parts cannot pass "
            "one by one with the same result; use --recompute, more GPUs, or norm layernorm"
        )
    device = find_device(options.device)
    automatic = "bfloat16" if device.type == "cuda" else "float32"
    precision = automatic if options.precision == "auto" else options.precision
    return Machine(device, precision, options.compile, options.micro_batch, options.recompute)


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
    torch.utils.deterministic.fill_uninitialized_memory = False
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
