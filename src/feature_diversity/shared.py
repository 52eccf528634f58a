"""Finished trainings in a folder that studies, checkouts and users share, so that each is done once.

A training is found by all that its bits depend on, as the metadata of its models say it: the run, the
recipe, the last epoch, digests of the training images and of the code, the packages, the precision. The
name of a study and paths are not among them. Networks are copied to and fro, so that a study stays whole
when the folder is emptied, and nothing that happens to a study's files reaches the folder.
"""

import hashlib
import json
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from feature_diversity.distributed import agree, rank, say, world_size
from feature_diversity.files import atomic_write
from feature_diversity.lock import locked
from feature_diversity.origin import machine
from feature_diversity.progress import announce_ready

Outputs = dict[int, tuple[Path, Path]]  # number of epochs: model.safetensors, history.csv


@contextmanager
def claimed(folder: str, facts: dict[str, Any], outputs: Outputs) -> Iterator[Callable[[Path], None] | None]:
    """Copy a training to `outputs` from the shared folder and yield None, or hold its place there.

    Then it is for the caller to train, and to call what is yielded with the folder of the snapshots. A
    process waits for another that trains the same; several that train together, and would keep several
    devices waiting, raise InputError. folder: empty for none. facts: metadata that all the models have.
    """
    if not folder:
        yield lambda snapshots: None
        return
    text = json.dumps(facts, sort_keys=True)
    place = Path(folder) / hashlib.sha256(text.encode()).hexdigest()[:32]
    if take(place, outputs):
        yield None
        return
    with locked(place / "lock", wait=world_size() == 1) if rank() == 0 else nullcontext():
        yield None if take(place, outputs) else partial(give, place, outputs)


def take(place: Path, outputs: Outputs) -> bool:
    """Copy the snapshots, if all are there, to the outputs on rank 0."""
    there = all((place / f"snapshot_{epochs:06d}" / "model.safetensors").exists() for epochs in outputs)
    found = bool(agree(int(rank() == 0 and there))[0])
    if found and rank() == 0:
        announce_ready()
        copy(place, outputs)
        say("taken " + (place / "origin.json").read_text())
    return found


def give(place: Path, outputs: Outputs, snapshots: Path) -> None:
    """Copy the snapshots, from a folder that has them, to their place, with what trained them and when."""
    origin = {"from": str(place), "machine": machine(), "processes": world_size()}
    origin |= {"finished": datetime.now(UTC).isoformat(timespec="seconds")}
    with atomic_write(place / "origin.json") as path:
        path.write_text(json.dumps(origin))
    to = {epochs: place / f"snapshot_{epochs:06d}" for epochs in outputs}
    names = ("model.safetensors", "history.csv")
    copy(snapshots, {epochs: tuple(folder / name for name in names) for epochs, folder in to.items()})


def copy(snapshots: Path, outputs: Outputs) -> None:
    """Copy snapshots from a folder that has them; each model last, so that where it is, all of it is."""
    for epochs, (model, history) in outputs.items():
        source = snapshots / f"snapshot_{epochs:06d}"
        for name, path in (("history.csv", history), ("model.safetensors", model)):
            with atomic_write(path) as temporary:
                shutil.copyfile(source / name, temporary)
