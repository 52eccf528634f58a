"""The command `clean_resume`: remove the states of unfinished trainings that nothing will go on from.

Also files that killed processes have left half written, in results.
These are of trainings in a study's own store that no run of the study will go on with. With --all, every
unfinished training that is not running begins anew when it is started again.
"""

import argparse
import shutil
from pathlib import Path

from feature_diversity.base.errors import InputError
from feature_diversity.base.lock import locked
from feature_diversity.commands.stale import (
    add_options,
    freed,
    half_written,
    megabytes,
    study_folders,
    study_of,
    why_unused,
)
from feature_diversity.training.store import LOCK, NOTE


def main(argv: list[str]) -> None:
    """Run the command; see --help."""
    parser = argparse.ArgumentParser(prog="feature_diversity clean_resume", description=__doc__)
    add_options(parser)
    parser.add_argument("--all", action="store_true", help="those that runs would go on with, too")
    arguments = parser.parse_args(argv)
    removed = 0
    for folder in study_folders(arguments):
        study = study_of(folder, arguments.study)
        for training, why in why_unused(folder, study).items():
            if (training / NOTE).exists():
                continue
            if study is None and not arguments.all:
                size = megabytes(*freed([training]))
                print(f"kept     {size}  {training}: no study {folder.name} here; name its file with --study")
            elif why or arguments.all:
                removed += remove(training, why or "unfinished")
            else:
                print(f"kept     {megabytes(*freed([training]))}  {training}: unfinished")
        for path in half_written(folder):
            [size] = freed([path])
            path.unlink(missing_ok=True)
            print(f"removed  {megabytes(size)}  {path}: half written by a process that was killed")
            removed += size
    print(f"removed  {megabytes(removed)}  in all")


def remove(training: Path, why: str) -> int:
    """Remove the folder of a training, unless a process trains in it; returns the bytes removed."""
    [size] = freed([training])
    try:
        with locked(training / LOCK):
            # a network disk keeps a file that is open, such as our lock, and so its folder until it is closed
            shutil.rmtree(training, ignore_errors=True)
    except InputError as error:
        print(f"kept     {megabytes(size)}  {training}: {error}")
        return 0
    print(f"removed  {megabytes(size)}  {training}: {why}")
    return size
