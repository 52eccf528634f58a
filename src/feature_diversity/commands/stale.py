"""The command `stale`: results and trainings that no study asks for any more, what was left half written.

A study that leaves out a run, or that is renamed or removed, leaves results behind, which may have cost days.
One whose settings change leaves trainings in its store, which are found again when they are changed back.
Nothing is deleted.
"""

import argparse
import json
import re
import stat
import sys
import time
from collections import Counter
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from feature_diversity.base.errors import InputError
from feature_diversity.base.paths import STUDIES, TRAININGS
from feature_diversity.base.run import OTHERS_FOLDER, RUN_FOLDER, Network
from feature_diversity.base.stages import MAKERS
from feature_diversity.planning.penalties import of_training
from feature_diversity.planning.schema import configuration
from feature_diversity.planning.settings import digest_of
from feature_diversity.planning.study import Study
from feature_diversity.training.store import NOTE, SETTINGS

HALF_WRITTEN = 3600  # seconds without a byte, after which a temporary file is left behind: a stage writes on


def main(argv: list[str]) -> None:
    """Run the command; see --help."""
    parser = argparse.ArgumentParser(prog="feature_diversity stale", description=__doc__)
    add_options(parser)
    arguments = parser.parse_args(argv)
    runs: list[Path] = []
    unused: dict[Path, str] = {}
    parts: dict[Path, str] = {}
    for folder in study_folders(arguments):
        study = study_of(folder, arguments.study)
        if study is None:
            print(f"{folder}: no study {folder.name!r}; if it lies elsewhere, name its file with --study")
        kept = {folder / run.folder for run in study.runs()} if study else set()
        runs += [run for run in run_folders(folder) if run not in kept]
        unused |= {path: why for path, why in why_unused(folder, study).items() if why}
        parts |= dict.fromkeys(half_written(folder), "half written by a process that was killed")
    why = unused | parts
    sizes = freed([*runs, *why])
    for size, path in zip(sizes, [*runs, *why], strict=True):
        print(f"{megabytes(size)}  {path}" + (f": {why[path]}" if path in why else ""))
    found = f"{len(runs):,} runs of no study and {len(unused):,} trainings that no run uses"
    found += f", {len(parts):,} files half written" if parts else ""
    print(f"{megabytes(sum(sizes))}  in {found}. Nothing was deleted.")


def add_options(parser: argparse.ArgumentParser) -> None:
    """Where results are, and studies that are not in `workflow/studies`."""
    parser.add_argument("--results", help="folder of all results, if not that of config.yaml")
    parser.add_argument("--study", nargs="+", type=Path, default=[], help="files of studies kept elsewhere")


def study_folders(arguments: argparse.Namespace) -> list[Path]:
    """Folders of results, one for each study that has any. InputError for a folder that is not there.

    A study's file that config.yaml names is added to `arguments.study`.
    """
    config = configuration(**({"results": arguments.results} if arguments.results else {}))
    for file in arguments.study:
        if not (file.is_file() or (STUDIES / f"{file}.yaml").is_file()):
            raise InputError(f"--study {file} does not exist, expected the file of a study")
    if Path(config["study"]).suffix:
        arguments.study.append(Path(config["study"]))
    results = Path(config["results"])
    if not results.is_dir():
        raise InputError(f"{results} is not there, expected the folder of all results")
    return [folder for folder in sorted(results.iterdir()) if run_folders(folder) or trainings(folder)]


def run_folders(folder: Path) -> list[Path]:
    """Folders of runs in a study's results, whatever study they are of."""
    patterns = [re.sub(r"({\w+})+", "*", form) for form in (RUN_FOLDER, OTHERS_FOLDER)]
    return sorted(path for pattern in patterns for path in folder.glob(pattern) if path.is_dir())


def trainings(folder: Path) -> list[Path]:
    """Folders of trainings in a study's own store."""
    return sorted(path.parent for path in (folder / TRAININGS).glob(f"*/{SETTINGS}"))


def half_written(folder: Path) -> list[Path]:
    """Temporary files in a study's results that nobody has written to for HALF_WRITTEN seconds."""
    parts = []
    for path in folder.rglob(".*.part"):
        with suppress(FileNotFoundError):  # it has got its name meanwhile
            if time.time() - path.lstat().st_mtime > HALF_WRITTEN:
                parts.append(path)
    return sorted(parts)


def study_of(folder: Path, elsewhere: list[Path]) -> Study | None:
    """The study that results in a folder are of, if there is one of that name.

    elsewhere: files of studies that are not in `workflow/studies`.
    """
    files = [*(path for path in elsewhere if path.stem == folder.name), STUDIES / f"{folder.name}.yaml"]
    file = next((path for path in files if path.exists()), None)
    return file and Study.load(file)


def why_unused(folder: Path, study: Study | None) -> dict[Path, str]:
    """Of each training in a study's own store, why no run uses it or will go on with it; empty if one does.

    A finished one is used if results are links to it, which cannot be told on a disk without links.
    """
    runs = study.runs() if study else []
    last = max(run.epochs for run in runs) if study and study.schedule == "trajectory" else None
    wanted = {(run.network, last or run.epochs) for run in runs}
    return {path: _why_unused(path, study, wanted) for path in trainings(folder)}


def _why_unused(training: Path, study: Study | None, wanted: set[tuple[Network, int]]) -> str:
    """wanted: the trainings of the study's runs, each with its last epoch."""
    try:
        settings = json.loads((training / SETTINGS).read_text(encoding="utf-8"))
        network = Network(**settings["network"])
    except (ValueError, KeyError, TypeError) as error:
        print(f"warning: {training / SETTINGS} is damaged ({error}); the training is kept", file=sys.stderr)
        return ""
    if study is None or (network, settings["schedule_epochs"]) not in wanted:
        return "in no study"
    if (training / NOTE).exists():
        linked = any(path.stat().st_nlink > 1 for path in training.glob("snapshot_*/*"))
        return "" if linked else "finished, no result is of it"
    found = [settings[name] for name in ("engine", "recipe", "code")]
    code = digest_of(study, MAKERS[study.engine], network.algorithm)
    same = found == [study.engine, study.recipe_of(network.algorithm, network.variant), code]
    same = same and settings.get("penalty") == of_training(study, network.variant)
    return "" if same else "unfinished, of another recipe, penalty or code"


def freed(folders: Iterable[Path]) -> list[int]:
    """Bytes that become free with each folder when all are removed, one after the other.

    A file counts where the last of its names goes, so that of files with names elsewhere nothing is free.
    """
    names: Counter[int] = Counter()
    sizes = []
    for folder in folders:
        size = 0
        for path in folder.rglob("*") if folder.is_dir() else [folder]:
            with suppress(FileNotFoundError):  # a running training's temporary files come and go
                status = path.lstat()
                if not stat.S_ISDIR(status.st_mode):
                    names[status.st_ino] += 1
                    size += status.st_size if names[status.st_ino] == status.st_nlink else 0
        sizes.append(size)
    return sizes


def megabytes(size: int) -> str:
    """A number of bytes as text of fixed width."""
    return f"{size / 1e6:12,.1f} MB"
