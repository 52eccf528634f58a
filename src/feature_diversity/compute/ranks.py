"""Several processes, one training: what its ranks share out and exchange.

Rank r of W has the images r, r + W, r + 2W, ... of every batch, and the rows r, r + W, ... of every
table of all images. A loss is shared out, too: the mean of what the ranks return is the batch's loss,
and the mean of the ranks' gradients its gradient. Without a process group there is one rank, and
nothing here does or costs anything.
"""

import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from types import EllipsisType
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn


def world_size() -> int:
    """Count the ranks, W."""
    return dist.get_world_size() if dist.is_initialized() else 1


def rank() -> int:
    """Give the number of this rank, 0 ... W - 1."""
    return dist.get_rank() if dist.is_initialized() else 0


def share() -> tuple[int, int]:
    """Give (rank, W), as `draws.generator` and slices take it."""
    return rank(), world_size()


def say(text: str) -> None:
    """Write a line to standard error, on rank 0 alone."""
    if rank() == 0:
        print(text, file=sys.stderr)


def agree(*numbers: int) -> list[int]:
    """Find, of each number, the largest that a rank has. The ranks wait for each other."""
    if world_size() == 1:
        return list(numbers)
    largest = torch.tensor(numbers)
    dist.all_reduce(largest, dist.ReduceOp.MAX)
    return largest.tolist()


@contextmanager
def rank_0_first() -> Iterator[None]:
    """Let rank 0 go through the block before the others, which find files as it left them."""
    if rank() > 0:
        agree(0)
    yield
    if rank() == 0:
        agree(0)


# --- batches ---


def gather(x: Tensor) -> Tensor:
    """Collect the rows of all ranks, ordered as one rank would have them. Gradients flow back to every rank.

    Args:
        x: N x ..., of the same shape on every rank. Its rows follow the images, once or several times over
            (all first views, then all second views).

    Returns:
        WN x ...; row i of rank r becomes row Wi + r.
    """
    return _Gather.apply(x) if world_size() > 1 else x


def own_rows(x: Tensor) -> Tensor:
    """Say where `gather(x)` has the rows of this rank's x: int64, N."""
    return torch.arange(len(x), device=x.device) * world_size() + rank()


def total(x: Tensor) -> Tensor:
    """Sum over all ranks, elementwise, without gradients; x itself stays as it is."""
    x = x.detach()
    if world_size() > 1:
        x = x.clone(memory_format=torch.contiguous_format)
        dist.all_reduce(x)
    return x


def average_gradients(parameters: Iterable[nn.Parameter]) -> Callable[[], None]:
    """Let backward send each gradient from now on as soon as it has it, while it computes others.

    Args:
        parameters: whose gradients are averaged.

    Returns:
        What to call after backward: it waits until every gradient is the mean of the ranks'.
    """
    travelling = []

    def send(parameter: nn.Parameter) -> None:
        travelling.append(dist.all_reduce(parameter.grad.div_(world_size()), async_op=True))

    def wait() -> None:
        while travelling:
            travelling.pop().wait()

    if world_size() > 1:
        for parameter in parameters:
            parameter.register_post_accumulate_grad_hook(send)
    return wait


class _Gather(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        rows = x.new_empty(world_size() * len(x), *x.shape[1:])
        dist.all_gather_into_tensor(rows, x.contiguous())
        return rows.unflatten(0, (world_size(), len(x))).transpose(0, 1).flatten(0, 1)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        return total(gradient)[rank() :: world_size()]


# --- tables ---


class Table(nn.Module):
    """A row for each image, shared out among the ranks.

    Row i is rank i % W's, at i // W. The state dictionary holds the whole table, so that any number of
    ranks can go on from it; `state_dict` must therefore be called on all ranks at once.

    Args:
        table: images x ..., the whole, the same on all ranks.

    Attributes:
        images: rows of the whole.
        rows: those that this rank has.
    """

    def __init__(self, table: Tensor):
        super().__init__()
        self.images = len(table)
        self.register_buffer("rows", table[rank() :: world_size()].clone())

    def read(self, numbers: Tensor) -> Tensor:
        """Give rows to every rank.

        Args:
            numbers: int64, N, the same on all ranks.

        Returns:
            N x ..., without gradients.
        """
        found = self.rows.new_zeros(len(numbers), *self.rows.shape[1:])
        mine = here(numbers)
        found[mine] = self.rows[place(numbers[mine])]
        return total(found)

    def write(self, numbers: Tensor, values: Tensor) -> None:
        """Replace rows.

        Args:
            numbers: int64, N, the same on all ranks.
            values: N x ..., the same on all ranks.
        """
        mine = here(numbers)
        self.rows[place(numbers[mine])] = values[mine].to(self.rows.dtype)

    def _save_to_state_dict(self, destination: dict, prefix: str, keep_vars: bool) -> None:
        destination[prefix + "rows"] = whole(self.rows.detach(), self.images)

    def _load_from_state_dict(self, state_dict: dict, prefix: str, *rest: Any) -> None:
        key = prefix + "rows"
        mine = {key: state_dict[key][rank() :: world_size()]} if key in state_dict else {}
        super()._load_from_state_dict(mine, prefix, *rest)


def here(numbers: Tensor) -> Tensor | EllipsisType:
    """Give an index of those row numbers of a table that are this rank's: a mask, or `...` for one rank."""
    return numbers % world_size() == rank() if world_size() > 1 else ...


def place(numbers: Tensor) -> Tensor:
    """Say where in its rank's part of a table a row is."""
    return numbers // world_size() if world_size() > 1 else numbers


def whole(part: Tensor, images: int) -> Tensor:
    """Join the ranks' parts of a table to the whole, on every rank.

    Args:
        part: this rank's rows.
        images: rows of the whole.

    Returns:
        images x ...
    """
    if world_size() == 1:
        return part
    padded = part.new_zeros(-(-images // world_size()), *part.shape[1:])
    padded[: len(part)] = part
    return gather(padded)[:images]
