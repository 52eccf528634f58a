"""The command `clean_resume`: remove the states of trainings that nothing will go on from.

These are of trainings that are finished, which leave one only if they are killed in their last second, and of
runs that are in no study any more. With --all, every training that is not running begins anew when it is
started again.
"""

import argparse
import shutil
from pathlib import Path

from feature_diversity.files import InputError
from feature_diversity.lock import locked
from feature_diversity.stale import add_options, megabytes, size_of, stale_runs, study_folders


def main(argv: list[str]) -> None:
    """Command line; see --help."""
    parser = argparse.ArgumentParser(prog="feature_diversity clean_resume", description=__doc__)
    add_options(parser)
    parser.add_argument("--all", action="store_true", help="those of unfinished trainings, too")
    arguments = parser.parse_args(argv)
    removed = 0
    for folder in study_folders(arguments):
        stale = stale_runs(folder, arguments.study) or []
        for state in sorted(folder.glob("*/*/resume")):
            finished = (state.parent / "model.safetensors").exists()
            why = "finished" if finished else "in no study" if state.parent in stale else "unfinished"
            if why == "unfinished" and not arguments.all:
                print(f"kept     {megabytes(size_of(state))}  {state}: {why}")
            else:
                removed += remove(state, why)
    print(f"removed  {megabytes(removed)}  in all")


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
