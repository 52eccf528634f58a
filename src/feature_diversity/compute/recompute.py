"""Activation checkpointing (Chen et al. 2016, arXiv 1604.06174): less memory for more arithmetic."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager, nullcontext
from functools import partial

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.utils.checkpoint import checkpoint


def recompute_in_backward(blocks: Iterable[nn.Module]) -> None:
    """Let each block keep nothing but its input for backward, and compute the rest anew there.

    Results are the same bits: BatchNorm's running statistics learn from the first computation only.

    Args:
        blocks: modules of one input and one output; their `forward` is replaced.
    """
    for block in blocks:
        block.forward = partial(_recomputed, block, block.forward)


def in_parts(module: nn.Module, x: Tensor, rows: int) -> Tensor:
    """Compute module(x) with the activations of few rows in memory at a time, also in backward.

    Args:
        module: one that treats rows one by one (no BatchNorm); then the result is module(x) but for rounding.
        x: N x ...
        rows: how many pass at a time.
    """
    if not torch.is_grad_enabled():
        return torch.cat([module(part) for part in x.split(rows)])
    return torch.cat(
        [checkpoint(module, part, use_reentrant=False, preserve_rng_state=False) for part in x.split(rows)]
    )


def _recomputed(block: nn.Module, forward: partial, x: Tensor) -> Tensor:
    if not torch.is_grad_enabled():
        return forward(x)
    return checkpoint(
        forward,
        x,
        use_reentrant=False,
        preserve_rng_state=False,  # nothing is drawn
        context_fn=lambda: (nullcontext(), _without_statistics(block)),
    )


@contextmanager
def _without_statistics(block: nn.Module) -> Iterator[None]:
    """Let BatchNorm update copies of its running statistics, which are then forgotten."""
    norms = [module for module in block.modules() if isinstance(module, _BatchNorm)]
    kept = [dict(norm.named_buffers(recurse=False)) for norm in norms]
    for norm, buffers in zip(norms, kept, strict=True):
        for name, buffer in buffers.items():
            setattr(norm, name, buffer.clone())
    try:
        yield
    finally:  # the computation is broken off by an exception once backward has what it needs
        for norm, buffers in zip(norms, kept, strict=True):
            for name, buffer in buffers.items():
                setattr(norm, name, buffer)
