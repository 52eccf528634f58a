"""Finished trainings that Snakemake has not taken note of yet.

A training can outlive the Snakemake that started it, if that was killed or lost its machine. The next
Snakemake finds outputs that nobody vouches for, removes them and starts the training again. So the
snapshots of a finished training stay in the folder of its state, as further names of the same files, which
take no disk, until a Snakemake has ended well or `make clean-resume` is said.
"""

import base64
import binascii
import json
import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

from feature_diversity.files import InputError, atomic_write
from feature_diversity.lock import locked
from feature_diversity.origin import machine, now

FILES = ("model.safetensors", "history.csv")  # of a snapshot
Outputs = dict[int, tuple[Path, Path]]  # number of epochs: model.safetensors, history.csv
NOTE = "finished.json"
INCOMPLETE = Path(".snakemake/incomplete")  # where Snakemake marks outputs of jobs that it has not seen end


def snapshot(epochs: int) -> str:
    """The folder of a snapshot, in the folder of a training's state and where trainings are shared."""
    return f"snapshot_{epochs:06d}"


def publish(folder: Path, outputs: Outputs) -> None:
    """Give the snapshots in a folder the names of the outputs.

    Each model comes last, so that where it is, all of its snapshot is.
    """
    for epochs, paths in outputs.items():
        for name, path in reversed(list(zip(FILES, paths, strict=True))):
            with atomic_write(path) as temporary:
                temporary.unlink()
                try:
                    os.link(folder / snapshot(epochs) / name, temporary)
                    os.utime(temporary)  # newer than what it was made from, as Snakemake expects
                except OSError:  # a disk without links
                    shutil.copyfile(folder / snapshot(epochs) / name, temporary)


def keep(folder: Path, key: str, outputs: Outputs) -> None:
    """Reduce the folder of a training that has published its outputs to what `restore` needs.

    key: names run, options and code, as that of the training's states.
    """
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


def clear(folder: Path, keep: set[str]) -> None:
    """Remove all from a folder but what is named."""
    for path in folder.iterdir():
        if path.name not in keep:
            shutil.rmtree(path) if path.is_dir() else path.unlink()


def unknown_outputs() -> set[Path]:
    """Outputs of jobs that Snakemake, in the present folder, has started and not seen end."""
    return set(_marked(INCOMPLETE)) if INCOMPLETE.is_dir() else set()


def _marked(marks: Path) -> Iterator[Path]:
    """A mark is a file whose path, but for an @ before each folder, is the output's in base64."""
    for file in marks.rglob("*"):
        if not file.is_dir():
            name = "".join(part.removeprefix("@") for part in file.relative_to(marks).parts)
            try:
                yield Path(base64.urlsafe_b64decode(name).decode()).absolute()
            except (binascii.Error, UnicodeDecodeError):  # no mark
                continue


def forget(results: Path) -> None:
    """Remove the folders of a study's finished trainings whose outputs Snakemake knows."""
    unknown = unknown_outputs()
    for note in results.glob(f"*/*/resume/{NOTE}"):
        if unknown.isdisjoint(Path(path).absolute() for path in json.loads(note.read_text())["outputs"]):
            try:
                with locked(note.with_name("lock")):
                    shutil.rmtree(note.parent)
            except InputError:  # it is being trained anew
                continue
