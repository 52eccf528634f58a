"""Training state on disk: saved atomically, checked when read."""

import hashlib
import io
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from feature_diversity.base.errors import InputError
from feature_diversity.base.files import atomic_write
from feature_diversity.base.paths import MODEL
from feature_diversity.compute.ranks import agree, rank, rank_0_first, say, world_size
from feature_diversity.training.state import Training
from feature_diversity.training.store import snapshot_folder

KEPT = 2  # the newest state, and the one before it in case the newest is damaged


@dataclass
class Saves:
    """When and where a training's state is saved.

    Attributes:
        folder: the training's, in a store.
        steps: number of steps of an epoch.
        minutes: between two saves within an epoch.
    """

    folder: Path
    steps: int
    minutes: float

    def __post_init__(self) -> None:
        self.last = time.monotonic()

    def steps_done(self, training: Training) -> int:
        """Of the whole training."""
        return training.epoch * self.steps + len(training.losses)

    def due(self) -> bool:
        """Whether the last save was long ago."""
        return time.monotonic() - self.last >= 60 * self.minutes

    def save(self, training: Training) -> None:
        """Save the state; InputError, and nothing saved, if a loss was not finite."""
        state = training.state() | {"ranks": world_size()}
        if rank() == 0:
            save_state(self.folder, self.steps_done(training), state)
        self.last = time.monotonic()

    def resume(self, training: Training, snapshots: list[int]) -> None:
        """Put the training into its newest saved state, if there is one that can be continued."""
        with rank_0_first():
            state = load_state(self.folder)
        if state is not None and self.continues(state, snapshots):
            training.restore(state)
            say(f"going on after epoch {training.epoch}, step {len(training.losses)}")
        steps = self.steps_done(training)
        if agree(steps, -steps) != [steps, -steps]:
            raise InputError(f"the processes find different states in {self.folder}; is it on a shared disk?")

    def continues(self, state: dict[str, Any], snapshots: list[int]) -> bool:
        """Whether the snapshots from before a state are there.

        Raises:
            InputError: if the state is from within an epoch and of another number of ranks.
        """
        if state["losses"] and state["ranks"] != world_size():
            raise InputError(
                f"{self.folder} has a state from within an epoch, of {state['ranks']} processes, not "
                f"{world_size()}: go on with {state['ranks']} at least until the epoch is over"
            )
        begun = state["epoch"] + bool(state["losses"])
        if all(
            (self.folder / snapshot_folder(epochs) / MODEL).exists() for epochs in snapshots if epochs < begun
        ):
            return True
        say(f"warning: a snapshot is missing in {self.folder}; training begins anew")
        return False


def save_state(folder: Path, steps: int, state: dict[str, Any]) -> None:
    """Write a training's state; keep the newest two.

    Args:
        folder: the training's own: only a training with the same settings may go on from there.
        steps: number of steps that the whole training has done.
        state: tensors, numbers, texts, and lists and dictionaries of those.
    """
    buffer = io.BytesIO()
    torch.save(state, buffer)
    payload = buffer.getbuffer()  # not copied: it is as large as the network and its optimiser together
    with atomic_write(folder / f"state_{steps:09d}.pt") as path, open(path, "wb") as file:
        file.write(hashlib.sha256(payload).digest())
        file.write(payload)
    for old in sorted(folder.glob("state_*.pt"))[:-KEPT]:
        old.unlink()


def load_state(folder: Path) -> dict[str, Any] | None:
    """The newest whole state, or None. A damaged file is reported and passed over."""
    for path in sorted(folder.glob("state_*.pt"), reverse=True):
        content = path.read_bytes()
        if hashlib.sha256(content[32:]).digest() == content[:32]:
            return torch.load(io.BytesIO(content[32:]), weights_only=True)
        print(f"warning: {path} is damaged; trying the state before it", file=sys.stderr)
    return None
