"""Random draws that depend on nothing but their names.

Every draw comes from a generator made of (seed, purpose, ...), such as (seed, "views", epoch,
step). So a training that is resumed draws what it would have drawn, and adding a draw somewhere
changes no other. Generators live on the CPU: the same numbers are drawn whatever the device.

Draws for the images of a batch are made by `rand` and `randint`: where a batch is shared out among
several ranks, each gets the draws of its own images, the same as if there were one rank.
"""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor


class Generator(torch.Generator):
    """torch's, and the share of a batch that it draws for: of (rank, W), images rank, rank + W, ..."""

    share: tuple[int, int]


def generator(seed: int, *purpose: str | int, share: tuple[int, int] = (0, 1)) -> Generator:
    """Make a CPU generator for the draws named by `seed` and `purpose`.

    Args:
        seed: of the run.
        *purpose: what the draws are for, such as "views", epoch, step.
        share: (rank, W): which images of a batch `rand` and `randint` draw for; by default all.
    """
    name = "/".join(map(str, (seed, *purpose)))
    digest = hashlib.sha256(name.encode()).digest()
    made = Generator()
    made.manual_seed(int.from_bytes(digest[:8], "big", signed=True))
    made.share = share
    return made


def rand(shape: int | tuple[int, ...], generator: torch.Generator) -> Tensor:
    """Draw uniformly from [0, 1) for the images of a batch.

    Draws are made for the whole batch, of which this rank's are returned.

    Args:
        shape: of what is returned. Its rows follow the images, once or several times over (all first crops,
            then all second crops).
        generator: of `generator`.

    Returns:
        float32, on the CPU.
    """
    first, ranks = getattr(generator, "share", (0, 1))
    return torch.rand(_whole(shape, ranks), generator=generator)[first::ranks]


def randint(low: int, high: int, shape: int | tuple[int, ...], generator: torch.Generator) -> Tensor:
    """Draw integers from [low, high) for the images of a batch, as `rand`: int64, on the CPU."""
    first, ranks = getattr(generator, "share", (0, 1))
    return torch.randint(low, high, _whole(shape, ranks), generator=generator)[first::ranks]


def _whole(shape: int | tuple[int, ...], ranks: int) -> tuple[int, ...]:
    rows, *rest = (shape,) if isinstance(shape, int) else shape
    return (rows * ranks, *rest)


@contextmanager
def seeded(seed: int, *purpose: str | int) -> Iterator[None]:
    """Let torch's global CPU draws, such as layers' initial weights, come from the named seed."""
    with torch.random.fork_rng(devices=[]):
        torch.set_rng_state(generator(seed, *purpose).get_state())
        yield
