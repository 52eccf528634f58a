"""Random draws that depend on nothing but their names.

Every draw comes from a generator made of (seed, purpose, ...), such as (seed, "views", epoch,
step). So a training that is resumed draws what it would have drawn, and adding a draw somewhere
changes no other. Generators live on the CPU: the same numbers are drawn whatever the device.
"""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager

import torch


def generator(seed: int, *purpose: str | int) -> torch.Generator:
    """A new CPU generator for the draws named by `seed` and `purpose`."""
    name = "/".join(map(str, (seed, *purpose)))
    digest = hashlib.sha256(name.encode()).digest()
    return torch.Generator().manual_seed(int.from_bytes(digest[:8], "big", signed=True))


@contextmanager
def seeded(seed: int, *purpose: str | int) -> Iterator[None]:
    """Let torch's global CPU draws, such as layers' initial weights, come from the named seed."""
    with torch.random.fork_rng(devices=[]):
        torch.set_rng_state(generator(seed, *purpose).get_state())
        yield
