"""The command `stale`: results of runs that no study asks for any more, and their sizes. It deletes nothing.

A study that leaves out a run, or that is renamed or removed, leaves results behind, which may have cost days.
"""

import argparse
import stat
from collections import Counter
from contextlib import suppress
from pathlib import Path

from feature_diversity.base.errors import InputError
from feature_diversity.base.paths import STUDIES
from feature_diversity.planning.schema import configuration
from feature_diversity.planning.study import Study


def main(argv: list[str]) -> None:
    """Command line; see --help."""
    parser = argparse.ArgumentParser(prog="feature_diversity stale", description=__doc__)
    add_options(parser)
    arguments = parser.parse_args(argv)
    total = count = 0
    for folder in study_folders(arguments):
        found = stale_runs(folder, arguments.study)
        if found is None:
            print(f"{folder}: no study {folder.name!r}; if it lies elsewhere, name its file with --study")
            found = run_folders(folder)
        for run in found:
            size = size_of(run)
            print(f"{megabytes(size)}  {run}")
            total, count = total + size, count + 1
    print(f"{megabytes(total)}  in {count:,} runs of no study. Nothing was deleted.")


def add_options(parser: argparse.ArgumentParser) -> None:
    """Where results are, and studies that are not in `workflow/studies`."""
    parser.add_argument("--results", help="folder of all results, if not that of config.yaml")
    parser.add_argument("--study", nargs="+", type=Path, default=[], help="files of studies kept elsewhere")


def study_folders(arguments: argparse.Namespace) -> list[Path]:
    """Folders of results, one for each study that has any. InputError for a folder that is not there.

    A study's file that config.yaml names is added to `arguments.study`.
    """
    config = configuration(**({"results": arguments.results} if arguments.results else {}))
    if Path(config["study"]).suffix:
        arguments.study.append(Path(config["study"]))
    results = Path(config["results"])
    if not results.is_dir():
        raise InputError(f"{results} is not there, expected the folder of all results")
    return [folder for folder in sorted(results.iterdir()) if run_folders(folder)]


def run_folders(folder: Path) -> list[Path]:
    """Folders of runs in a study's results, whatever study they are of."""
    return sorted(path for path in folder.glob("*/resnet*_w*_*_ep*_seed*") if path.is_dir())


def stale_runs(folder: Path, elsewhere: list[Path]) -> list[Path] | None:
    """Those of a study's results that are of no run of the study; None if there is no such study.

    elsewhere: files of studies that are not in `workflow/studies`.
    """
    files = [*(path for path in elsewhere if path.stem == folder.name), STUDIES / f"{folder.name}.yaml"]
    file = next((path for path in files if path.exists()), None)
    if file is None:
        return None
    kept = {folder / run.folder for run in Study.load(file).runs()}
    return [run for run in run_folders(folder) if run not in kept]


def size_of(folder: Path) -> int:
    """Bytes that are free once a folder is removed: of its files that have no name elsewhere."""
    sizes, names = {}, Counter()
    for path in folder.rglob("*"):
        with suppress(FileNotFoundError):  # a running training's temporary files come and go
            status = path.lstat()
            if not stat.S_ISDIR(status.st_mode):
                names[status.st_ino] += 1
                sizes[status.st_ino] = (status.st_size, status.st_nlink)
    return sum(size for inode, (size, links) in sizes.items() if names[inode] == links)


def megabytes(size: int) -> str:
    """A number of bytes as text of fixed width."""
    return f"{size / 1e6:12,.1f} MB"
