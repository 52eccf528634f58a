"""The command `clean_resume`: remove the states of trainings that nothing will go on from.

These are of trainings that are finished, and of runs that are in no study any more. With --all, every
training that is not running begins anew when it is started again, also one that is finished and whose outputs
Snakemake does not know yet.
"""

import argparse
import base64
import binascii
import json
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from feature_diversity.base.errors import InputError
from feature_diversity.base.lock import locked
from feature_diversity.commands.stale import add_options, megabytes, size_of, stale_runs, study_folders
from feature_diversity.training import finished

INCOMPLETE = Path(".snakemake/incomplete")  # where Snakemake marks outputs of jobs that it has not seen end
KEPT = ("unfinished", "finished, but Snakemake has not taken note of it; run it again first")


def main(argv: list[str]) -> None:
    """Command line; see --help."""
    parser = argparse.ArgumentParser(prog="feature_diversity clean_resume", description=__doc__)
    add_options(parser)
    parser.add_argument("--all", action="store_true", help="those of unfinished trainings, too")
    arguments = parser.parse_args(argv)
    removed = 0
    unknown = unknown_outputs()
    for folder in study_folders(arguments):
        stale = stale_runs(folder, arguments.study) or []
        for state in sorted(folder.glob("*/*/resume")):
            why = fate(state, unknown, in_study=state.parent not in stale)
            if why in KEPT and not arguments.all:
                print(f"kept     {megabytes(size_of(state))}  {state}: {why}")
            else:
                removed += remove(state, why)
    print(f"removed  {megabytes(removed)}  in all")


def fate(state: Path, unknown: set[Path], *, in_study: bool) -> str:
    """Of a training's state, why it can be removed or should be kept. unknown: as of `unknown_outputs`."""
    model = state.parent / "model.safetensors"
    if model.exists() and model.absolute() in unknown:
        return KEPT[1]
    if model.exists():
        return "finished"
    return KEPT[0] if in_study else "in no study"


def remove(state: Path, why: str) -> int:
    """Remove the folder of a training's state, unless a process trains in it; returns the bytes removed."""
    try:
        with locked(state / "lock"):
            size = size_of(state)
            finished.clear(state)
    except InputError as error:
        print(f"kept     {megabytes(size_of(state))}  {state}: {error}")
        return 0
    print(f"removed  {megabytes(size)}  {state}: {why}")
    return size


def forget(results: Path) -> None:
    """Remove the folders of a study's finished trainings whose outputs are there and known to Snakemake."""
    unknown = unknown_outputs()
    for note in results.glob(f"*/*/resume/{finished.NOTE}"):
        with suppress(OSError, InputError):  # another Snakemake trains it anew, or has removed it just now
            outputs = [Path(path).absolute() for path in json.loads(note.read_text())["outputs"]]
            if unknown.isdisjoint(outputs) and all(path.exists() for path in outputs):
                with locked(note.with_name("lock")):
                    finished.clear(note.parent)


def unknown_outputs() -> set[Path]:
    """Outputs of jobs that Snakemake, in the present folder, has started and not seen end."""
    return set(_marked(INCOMPLETE)) if INCOMPLETE.is_dir() else set()


def _marked(marks: Path) -> Iterator[Path]:
    """A mark is a file whose path, but for an @ before each folder, is the output's in base64."""
    for file in marks.rglob("*"):
        if not file.is_dir():
            name = "".join(part.removeprefix("@") for part in file.relative_to(marks).parts)
            with suppress(binascii.Error, UnicodeDecodeError):  # no mark
                yield Path(base64.urlsafe_b64decode(name).decode()).absolute()
