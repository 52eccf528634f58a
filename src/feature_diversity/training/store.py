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
from functools import partial
from pathlib import Path
from typing import Any

from feature_diversity.base.errors import InputError
from feature_diversity.base.files import atomic_write
from feature_diversity.base.lock import locked
from feature_diversity.base.timing import announce_ready
from feature_diversity.compute.ranks import agree, rank, say, world_size
from feature_diversity.records.origin import machine, now
from feature_diversity.training.finished import FILES, Outputs, snapshot

ORIGIN = "origin.json"


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
    """Copy the snapshots, if all are there and whole, to the outputs on rank 0."""
    found = bool(agree(int(rank() == 0 and whole(place, outputs)))[0])
    if found and rank() == 0:
        announce_ready()
        copy(place, outputs)
        origin = origin_of(place)
        del origin["files"]  # they are checked; what is left is where the training comes from
        say("taken " + json.dumps(origin))
    return found


def whole(place: Path, outputs: Outputs) -> bool:
    """Are the snapshots all there, as they were given? A damaged one is reported.

    Raises InputError for a folder or file that may not be read.
    """
    try:
        known = origin_of(place)["files"]
        for name in names(outputs):
            if name not in known:
                return False
            with open(place / name, "rb") as file:
                if hashlib.file_digest(file, "sha256").hexdigest() != known[name]:
                    raise ValueError(f"{name} is not what was put there")
    except FileNotFoundError as error:
        if (place / ORIGIN).exists():
            say(f"warning: {place} is damaged ({error.filename} is missing); training anew")
        return False
    except OSError as error:
        raise InputError(f"{error.filename or place} cannot be read: {error.strerror}") from None
    except (ValueError, KeyError, TypeError) as error:
        say(f"warning: {place} is damaged ({error}); training anew")
        return False
    return True


def origin_of(place: Path) -> dict[str, Any]:
    """What trained the snapshots in a place, and the SHA-256 of each of its files."""
    return json.loads((place / ORIGIN).read_text())


def names(outputs: Outputs) -> list[str]:
    """The files of the snapshots, below their place."""
    return [f"{snapshot(epochs)}/{name}" for epochs in outputs for name in FILES]


def give(place: Path, outputs: Outputs, snapshots: Path) -> None:
    """Copy the snapshots, from a folder that has them, to their place; then say what they are.

    Where that cannot be done, the training itself is as good as ever: a warning says so.
    """
    try:
        copy(
            snapshots,
            {epochs: tuple(place / snapshot(epochs) / name for name in FILES) for epochs in outputs},
        )
        try:
            files = origin_of(place)["files"]
        except (OSError, ValueError, KeyError, TypeError):
            files = {}
        for name in names(outputs):
            with open(place / name, "rb") as file:
                files[name] = hashlib.file_digest(file, "sha256").hexdigest()
        origin = {"from": str(place), "machine": machine(), "processes": world_size()}
        origin |= {"finished": now(), "files": files}
        with atomic_write(place / ORIGIN) as path:
            path.write_text(json.dumps(origin))
    except (InputError, OSError) as error:
        say(f"warning: the training is not shared: {error}")


def copy(snapshots: Path, outputs: Outputs) -> None:
    """Copy snapshots from a folder that has them; each model last, so that where it is, all of it is."""
    for epochs, (model, history) in outputs.items():
        source = snapshots / snapshot(epochs)
        for name, path in (("history.csv", history), ("model.safetensors", model)):
            with atomic_write(path) as temporary:
                shutil.copyfile(source / name, temporary)
