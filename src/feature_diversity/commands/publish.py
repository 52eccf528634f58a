"""The command `publish`: what others need of a finished study, in one small folder that can be committed.

    python -m feature_diversity publish docs/studies/objectives_small --study objectives_small

That is the table of results, the verdicts, the predictions, the figures, the report, the study file, and
`cost.json`, which says what it took. `reproduce` makes it anew from there and compares.
"""

import argparse
import json
import shutil
import subprocess
from collections import defaultdict
from pathlib import Path

import pandas as pd

from feature_diversity.base import paths
from feature_diversity.base.errors import InputError
from feature_diversity.base.files import atomic_write
from feature_diversity.base.run import RUN, Run
from feature_diversity.interventions.result import read_interventions
from feature_diversity.planning.penalties import has_doses
from feature_diversity.planning.replaced import not_of_study
from feature_diversity.planning.schema import configuration
from feature_diversity.planning.study import Study, study_file
from feature_diversity.prediction.answer import read_prediction
from feature_diversity.report.verdicts import read_claims
from feature_diversity.results.table import read_image_counts, read_results

TABLES = (paths.RESULTS_PARQUET, paths.CLAIMS, paths.PREDICTION)
PAGES = (paths.SUMMARY, paths.VERDICTS, paths.REPORT, paths.PROVENANCE)
STUDY_FILE, COST = "study.yaml", "cost.json"
PICTURES = (".svg", ".png")


def main(argv: list[str]) -> None:
    """Command line; see --help."""
    parser = argparse.ArgumentParser(
        prog="feature_diversity publish", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("folder", type=Path, help="the folder to write")
    parser.add_argument("--study", help="name or file of a study, if not that of config.yaml")
    parser.add_argument("--results", help="folder of all results, if not that of config.yaml")
    arguments = parser.parse_args(argv)
    given = {name: value for name in ("study", "results") if (value := getattr(arguments, name))}
    config = configuration(**given)
    study = Study.find(config["study"])
    written = publish(study, study_file(config["study"]), Path(config["results"]), arguments.folder)
    size = sum(path.stat().st_size for path in written)
    print(f"{len(written)} files, {size / 1e6:,.1f} MB, in {arguments.folder}")


def publish(study: Study, file: Path, results: Path, folder: Path) -> list[Path]:
    """Copy what is to be published of a finished study; returns the files written.

    Raises InputError naming what is not there yet, and runs that are not of the study as it is now.
    """
    source = results / study.name
    wanted = [source / name for name in (*TABLES, *PAGES)]
    if has_doses(study):
        wanted.append(source / paths.INTERVENTION)
    if study.energy["measure_images"]:
        wanted.append(source / paths.IMAGE_COUNTS)
    if missing := [path for path in wanted if not path.exists()]:
        raise InputError(f"{missing[0]} does not exist: the study {study.name} is not finished")
    refuse_damaged(source, wanted)
    refuse_results_of_another_study(study, source)
    pictures = sorted(path for path in (source / paths.FIGURES).iterdir() if path.suffix in PICTURES)
    target = folder / paths.FIGURES
    copies = {path: folder / path.name for path in wanted} | {path: target / path.name for path in pictures}
    copies[file] = folder / STUDY_FILE
    for path, copy in copies.items():
        with atomic_write(copy) as part:
            shutil.copyfile(path, part)
    with atomic_write(folder / COST) as part:
        part.write_text(json.dumps(cost_of(study, source), indent=1) + "\n", encoding="utf-8")
    return [*copies.values(), folder / COST]


def refuse_damaged(source: Path, wanted: list[Path]) -> None:
    """Raise InputError for a table, a page or a text that cannot be read or is empty."""
    readers = {
        paths.RESULTS_PARQUET: read_results,
        paths.CLAIMS: read_claims,
        paths.PREDICTION: read_prediction,
        paths.INTERVENTION: read_interventions,
        paths.IMAGE_COUNTS: read_image_counts,
    }
    for path in wanted:
        try:
            if not path.is_file() or not path.stat().st_size:
                raise ValueError("it is empty, or no file")
            if path.name in readers:
                readers[path.name](path)
            elif path.suffix == ".json":
                json.loads(path.read_text(encoding="utf-8"))
        except ValueError as error:
            raise InputError(f"{path} cannot be published: {error}; run the study again") from None
    if not (source / paths.FIGURES).is_dir():
        raise InputError(f"{source / paths.FIGURES} is not there; run the study again")


def refuse_results_of_another_study(study: Study, source: Path) -> None:
    """Raise InputError where a study was edited since its results were made."""
    again = "run the study again first; `make plan` says what would run"
    table = pd.read_parquet(source / paths.RESULTS_PARQUET, columns=RUN).drop_duplicates()
    tabulated, asked = {Run(**row) for row in table.to_dict("records")}, set(study.runs())
    for runs, other in (
        (asked - tabulated, "of the study and not of its table"),
        (tabulated - asked, "of its table and not of the study"),
    ):
        if runs:
            raise InputError(f"{len(runs):,} runs are {other}, such as {min(runs).folder}; {again}")
    if others := not_of_study(study, source):
        run, reasons = next(iter(others.items()))
        raise InputError(f"{len(others):,} runs are stale, such as {run.folder}: {reasons[0]}; {again}")


def cost_of(study: Study, source: Path) -> dict[str, object]:
    """What the study took: its runs, hours of all jobs by stage, and the commit of the code.

    A job that was repeated counts once, as it ran last.
    """
    seconds: dict[str, float] = defaultdict(float)
    for path in sorted((source / paths.BENCHMARKS).rglob("*.tsv")):
        stage = path.relative_to(source / paths.BENCHMARKS).parts[0].removesuffix(".tsv")
        seconds[stage] += float(pd.read_csv(path, sep="\t")["s"].iloc[-1])
    return {
        "study": study.name,
        "runs": len(study.runs()),
        "hours": round(sum(seconds.values()) / 3600, 2),
        "hours_of": {stage: round(value / 3600, 3) for stage, value in seconds.items()},
        "commit": commit(),
    }


def commit() -> str:
    """The commit of the checkout; unknown without git."""
    command = ["git", "-C", str(paths.CHECKOUT), "rev-parse", "HEAD"]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
