"""Finished trainings that Snakemake has not taken note of yet.

A training can outlive the Snakemake that started it, if that was killed or lost its machine. The next
Snakemake finds outputs that nobody vouches for, removes them and starts the training again. So the
snapshots of a finished training stay in the folder of its state, as further names of the same files, which
take no disk, until a Snakemake has ended well or `make clean-resume` is said.
"""

import json
import os
import shutil
import sys
from collections.abc import Collection
from pathlib import Path

from feature_diversity.base.files import atomic_write
from feature_diversity.records.origin import machine, now

FILES = ("model.safetensors", "history.csv")  # of a snapshot
Outputs = dict[int, tuple[Path, Path]]  # number of epochs: model.safetensors, history.csv
NOTE = "finished.json"


def snapshot(epochs: int) -> str:
    """The folder of a snapshot, in the folder of a training's state and where trainings are shared."""
    return f"snapshot_{epochs:06d}"


def publish(folder: Path, outputs: Outputs) -> None:
    """Give the snapshots in a folder the names of the outputs; copies on a disk that has no links.

    Each model comes last, so that where it is, all of its snapshot is.
    """
    for epochs, paths in outputs.items():
        for name, path in reversed(list(zip(FILES, paths, strict=True))):
            source = folder / snapshot(epochs) / name
            with atomic_write(path) as temporary:
                temporary.unlink()
                try:
                    os.link(source, temporary)
                    os.utime(temporary)  # newer than what it was made from, as Snakemake expects
                except OSError:
                    temporary.unlink(missing_ok=True)
                    shutil.copyfile(source, temporary)


def keep(folder: Path, key: str, outputs: Outputs) -> None:
    """Reduce the folder of a training that has published its outputs to what `restore` needs.

    key: names run, options and code, as that of the training's states. Of copies, nothing is kept.
    """
    if any((folder / snapshot(epochs) / name).stat().st_nlink == 1 for epochs in outputs for name in FILES):
        clear(folder)
        return
    origin = {"from": str(folder), "machine": machine(), "finished": now()}
    note = {"key": key, "outputs": [str(model) for model, _ in outputs.values()], "origin": origin}
    with atomic_write(folder / NOTE) as path:
        path.write_text(json.dumps(note))
    clear(folder, keep={NOTE, "lock", *map(snapshot, outputs)})


def restore(folder: Path, key: str, outputs: Outputs) -> bool:
    """Publish the outputs again if the folder has the finished training with that key.

    Says on standard error when and where it was trained. What another training has left there is removed.
    """
    if not (folder / NOTE).exists():
        return False
    note = json.loads((folder / NOTE).read_text())
    if note["key"] != key:
        clear(folder, keep={"lock"})
        return False
    publish(folder, outputs)
    print("taken " + json.dumps(note["origin"]), file=sys.stderr)
    return True


def clear(folder: Path, keep: Collection[str] = ()) -> None:
    """Remove all from a folder but what is named, and the folder itself if that is nothing.

    The note goes first, since it says that the rest is there.
    """
    if NOTE not in keep:
        (folder / NOTE).unlink(missing_ok=True)
    if not keep:
        # a network disk keeps a file that is open, such as our lock, and so its folder, until it is closed
        shutil.rmtree(folder, ignore_errors=True)
        return
    for path in folder.iterdir():
        if path.name not in keep:
            shutil.rmtree(path) if path.is_dir() else path.unlink()
