"""The store of trainings: each is done once, and found again by all that its bits depend on.

A store is a folder: a study's own, or one that studies, checkouts and users share. Each training has a folder
in it, named by the key of its settings, with

    lock               held by the process that trains
    settings.json      what the bits depend on, for people and for the command `stale`
    state_*.pt         from where to go on, until the training is finished
    snapshot_000010/   model.safetensors and history.csv after 10 epochs
    finished.json      written last: the machine, the time, and the SHA-256 of each snapshot's files

A study's results are hard links into its own store, so they take no disk. From a shared store they are
copies: links would share their times, which Snakemake sets, and what happens to a study's files must not
reach the others'.
"""

import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterable
from contextlib import nullcontext
from pathlib import Path
from typing import Any

from feature_diversity.base.errors import InputError, StorageError
from feature_diversity.base.files import atomic_write
from feature_diversity.base.lock import locked
from feature_diversity.base.paths import HISTORY, MODEL
from feature_diversity.base.timing import announce_ready
from feature_diversity.compute.ranks import agree, rank, say, world_size
from feature_diversity.records.origin import machine, now
from feature_diversity.training.settings import Settings

LOCK, SETTINGS, NOTE = "lock", "settings.json", "finished.json"
FILES = (MODEL, HISTORY)  # of a snapshot
RECORDS = "records"  # folder of what else a training leaves to be read
Outputs = dict[int, tuple[Path, Path]]  # number of epochs: model.safetensors, history.csv
Train = Callable[..., None]


def snapshot_folder(epochs: int) -> str:
    """Name of the folder of a snapshot in that of its training."""
    return f"snapshot_{epochs:06d}"


def obtain(
    store: Path, settings: Settings, outputs: Outputs, train: Train, *, shared: Path | None = None
) -> None:
    """Put a training's snapshots where they are wanted, and train for those that no store has.

    All ranks call this together; the first takes care of the files.

    Args:
        store: the study's own.
        settings: what the bits depend on.
        outputs: where the snapshots are wanted.
        train: given numbers of epochs, ascending, and `folder`, leaves those snapshots in it.
        shared: a store that others use, too, in place of the study's own. Then the outputs are copies, and a
            process waits for another that trains the same. Several processes that train together do not
            wait, which would keep several devices waiting. A shared store that cannot be read or written is
            warned of, and the training kept in the study's own.

    Raises:
        InputError: if another process trains the same, and where the study's own store cannot be read or
            written.
    """
    own = store / settings.key
    if shared is not None and missing(own, outputs):
        try:
            provide(shared / settings.key, settings, outputs, train, shared=True)
            publish(shared / settings.key, outputs, copies=True)
            return
        except (StorageError, OSError) as error:
            if world_size() > 1:  # the others do not know of it
                raise
            say(f"warning: the training is not shared, but kept in {store}: {error}")
    provide(own, settings, outputs, train, shared=False)
    publish(own, outputs, copies=False)


def provide(folder: Path, settings: Settings, outputs: Outputs, train: Train, *, shared: bool) -> None:
    """Train, unless a store has the snapshots already, which then is said.

    Raises:
        StorageError, OSError: where the store cannot be read or written.
        InputError: if another process trains the same and is not waited for.
    """
    if shared and not missing(folder, outputs):  # without the lock: the store may be another's to write
        say_taken(folder)
        return
    with locked(folder / LOCK, wait=shared and world_size() == 1) if rank() == 0 else nullcontext():
        wanted = missing(folder, outputs)
        if not wanted:
            say_taken(folder)
        else:
            if rank() == 0:
                begin(folder, settings, wanted)
            train(wanted, folder=folder)
            if rank() == 0:
                finish(folder, wanted, shared=shared)
        if rank() == 0 and (folder / NOTE).exists():
            clear(folder)


def missing(folder: Path, outputs: Iterable[int]) -> list[int]:
    """Those of the snapshots that the store does not have as they were trained, ascending; on all ranks.

    A damaged one is reported. Raises InputError for a file that may not be read.
    """
    epochs = sorted(outputs)
    known = known_files(folder) if rank() == 0 else {}
    flags = [int(rank() == 0 and not is_whole(folder, number, known)) for number in epochs]
    return [number for number, flag in zip(epochs, agree(*flags), strict=True) if flag]


def known_files(folder: Path) -> dict[str, str]:
    """SHA-256 of the files of all finished snapshots, by their paths in `folder`; none if it is damaged."""
    try:
        return dict(read_note(folder)["files"])
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise StorageError(f"{folder / NOTE} cannot be read: {error.strerror}") from None
    except (ValueError, KeyError, TypeError) as error:
        say(f"warning: {folder} is damaged ({NOTE}: {error}); training anew")
        return {}


def read_note(folder: Path) -> dict[str, Any]:
    """What finished a training: machine, processes, time, and its files' checksums."""
    return json.loads((folder / NOTE).read_text(encoding="utf-8"))


def is_whole(folder: Path, epochs: int, known: dict[str, str]) -> bool:
    """Whether a snapshot is there as it was trained; if it is damaged, that is said."""
    for name in FILES:
        path = folder / snapshot_folder(epochs) / name
        checksum = known.get(f"{snapshot_folder(epochs)}/{name}")
        if checksum is None:
            return False
        try:
            if sha256(path) == checksum:
                continue
            why = "it is not what was trained"
        except FileNotFoundError:
            why = "it is missing"
        except OSError as error:
            raise StorageError(f"{path} cannot be read: {error.strerror}") from None
        say(f"warning: {path} is damaged ({why}); training anew")
        return False
    return True


def sha256(path: Path) -> str:
    """SHA-256 of a file's bytes, in hexadecimal digits."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def say_taken(folder: Path) -> None:
    """Say when and where a finished training was trained."""
    if rank() == 0:
        announce_ready()
        origin = {"from": str(folder)} | read_note(folder)
        del origin["files"]  # they are checked; what is left is where the training comes from
        say("taken " + json.dumps(origin))
        say("this training is finished already: nothing is trained again")


def begin(folder: Path, settings: Settings, wanted: list[int]) -> None:
    """Say in the training's folder what it is, and remove what is damaged of the snapshots."""
    known = known_files(folder)
    for epochs in wanted:
        if any(name.startswith(snapshot_folder(epochs)) for name in known):
            shutil.rmtree(folder / snapshot_folder(epochs), ignore_errors=True)
    if not (folder / SETTINGS).exists():
        with atomic_write(folder / SETTINGS) as path:
            path.write_text(json.dumps(settings.metadata(), indent=2), encoding="utf-8")


def finish(folder: Path, epochs: list[int], *, shared: bool) -> None:
    """Note snapshots as finished. If a shared store is full, a warning: the training is as good as ever."""
    try:
        names = [f"{snapshot_folder(number)}/{name}" for number in epochs for name in FILES]
        files = known_files(folder) | {name: sha256(folder / name) for name in names}
        note = {"machine": machine(), "processes": world_size(), "finished": now(), "files": files}
        with atomic_write(folder / NOTE, locked=True) as path:
            path.write_text(json.dumps(note, indent=2), encoding="utf-8")
    except (InputError, OSError) as error:
        if not shared:
            raise
        say(f"warning: the training is not shared: {error}")


def publish(folder: Path, outputs: Outputs, *, copies: bool) -> None:
    """Give the snapshots the names of the outputs: further names of the same files, or copies.

    Each model comes last, so that where it is, all of its snapshot is.
    """
    for epochs, paths in outputs.items() if rank() == 0 else ():
        for name, path in reversed(list(zip(FILES, paths, strict=True))):
            source = folder / snapshot_folder(epochs) / name
            with atomic_write(path) as temporary:
                if copies or not link(source, temporary):
                    copy(source, temporary)


def link(source: Path, path: Path) -> bool:
    """Make `path` a second name of a file, new as of now; False where the disk has no links.

    It must be newer than what it was made from, as Snakemake expects.
    """
    path.unlink(missing_ok=True)
    try:
        os.link(source, path)
        os.utime(path)
    except OSError:
        path.unlink(missing_ok=True)
        return False
    return True


def copy(source: Path, path: Path) -> None:
    """Copy a file's bytes; on a disk that can, both share them until one changes."""
    with open(source, "rb") as old, open(path, "wb") as new:
        try:
            while os.copy_file_range(old.fileno(), new.fileno(), 2**30):
                pass
        except OSError:  # between two disks, or on one that cannot
            old.seek(0)
            new.seek(0)
            shutil.copyfileobj(old, new)


def clear(folder: Path) -> None:
    """Remove all from a training's folder but what a finished one needs."""
    for path in folder.iterdir():
        if path.name not in (LOCK, SETTINGS, NOTE, RECORDS) and not path.name.startswith("snapshot_"):
            shutil.rmtree(path) if path.is_dir() else path.unlink()
