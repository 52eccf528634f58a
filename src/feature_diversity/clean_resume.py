"""The command `clean_resume`: remove the states of trainings that nothing will go on from.

These are of trainings that are finished, and of runs that are in no study any more. With --all, every
training that is not running begins anew when it is started again.
"""

import argparse
import shutil
from pathlib import Path

from feature_diversity import finished
from feature_diversity.files import InputError
from feature_diversity.lock import locked
from feature_diversity.stale import add_options, megabytes, size_of, stale_runs, study_folders

KEPT = ("unfinished", "finished, but Snakemake has not taken note of it; run it again first")


def main(argv: list[str]) -> None:
    """Command line; see --help."""
    parser = argparse.ArgumentParser(prog="feature_diversity clean_resume", description=__doc__)
    add_options(parser)
    parser.add_argument("--all", action="store_true", help="those of unfinished trainings, too")
    arguments = parser.parse_args(argv)
    removed = 0
    unknown = finished.unknown_outputs()
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
            shutil.rmtree(state)
    except InputError as error:
        print(f"kept     {megabytes(size_of(state))}  {state}: {error}")
        return 0
    print(f"removed  {megabytes(size)}  {state}: {why}")
    return size
