"""The command `reproduce`: make what was published of a study anew, and compare.

    python -m feature_diversity reproduce docs/studies/objectives_small

The verdicts and predictions are made from the published table of results, in seconds. Then the smallest
network of the study is trained and measured anew, with one seed, in minutes; with --all every one is. On the
machine that made the table every number has the same bits. A processor of another kind rounds otherwise, and
training enlarges that: there untrained networks are the same, and trained ones are compared with other seeds.
"""

import argparse
import io
import os
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pandas as pd
import yaml

from feature_diversity.base import paths
from feature_diversity.base.errors import InputError
from feature_diversity.base.reading import READING
from feature_diversity.base.run import CELL, RUN, Network
from feature_diversity.base.stages import TRAINING
from feature_diversity.claims.gated import judge_with_and_without
from feature_diversity.claims.judge import read_table
from feature_diversity.commands.publish import STUDY_FILE
from feature_diversity.interventions.analysis import analysed
from feature_diversity.interventions.result import read_interventions
from feature_diversity.interventions.table import SETTING
from feature_diversity.planning import cost
from feature_diversity.planning.penalties import penalties_of, reference_of
from feature_diversity.planning.schema import configuration
from feature_diversity.planning.study import Study
from feature_diversity.prediction.predict import prediction_of
from feature_diversity.results.table import read_results, reading

KEYS = {
    paths.CLAIMS: ["claim", "vector", "centred", "s"],
    paths.PREDICTION: ["measure", "layer", "reading", "outcome", "statistic", "axis"],
    paths.INTERVENTION: [*SETTING, "layer", "statistic", "outcome", "lever", "variant", "delta"],
    paths.RESULTS_PARQUET: [*RUN, "layer", *READING],
}
OF_STUDY = ("figures",)  # columns that say which figures show a run
ROUNDING = 1e-9  # absolute and relative: processors of another kind add up in another order
UNTRAINED = 1e-4  # the same, after the sums of a network in float32
REPETITION = 4  # standard deviations of what two seeds differ by: more is no repetition


def main(argv: list[str]) -> None:
    """Command line; see --help."""
    parser = argparse.ArgumentParser(
        prog="feature_diversity reproduce", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("folder", type=Path, help="what `publish` wrote of a study")
    parser.add_argument("--all", action="store_true", help="train and measure every network anew")
    parser.add_argument(
        "--tables", action="store_true", help="train nothing: only what follows from the table"
    )
    parser.add_argument(
        "--work", type=Path, default=Path("build/reproduce"), help="where it is made anew (%(default)s)"
    )
    parser.add_argument("--cores", type=int, default=len(os.sched_getaffinity(0)), help="(%(default)s)")
    arguments = parser.parse_args(argv)
    study = Study.load(arguments.folder / STUDY_FILE)
    different = compare_verdicts(study, arguments.folder)
    if not arguments.tables:
        different |= compare_numbers(study, arguments)
    if different:
        raise InputError(f"{arguments.folder} was not reproduced; see above")


def compare_verdicts(study: Study, folder: Path) -> bool:
    """Make the verdicts from the published table, say how they compare; whether any differs."""
    table = folder / paths.RESULTS_PARQUET
    results = read_results(table)
    again, interventions = {}, None
    if (folder / paths.INTERVENTION).exists():
        interventions = read_interventions(folder / paths.INTERVENTION)
        penalties = dict.fromkeys(study.variants) | penalties_of(study)
        again[paths.INTERVENTION] = analysed(results, penalties)
    again[paths.CLAIMS] = judge_with_and_without(read_table(table), interventions)
    again[paths.PREDICTION] = prediction_of(results)
    different = False
    for name, made in again.items():
        there = pd.read_csv(io.StringIO(made.to_csv(index=False)), low_memory=False)
        published = pd.read_csv(folder / name, low_memory=False)
        count, lines = differences(published, there, KEYS[name], ROUNDING)
        if lacking := [column for column in there if column not in published]:
            lines.append(f"what was published has no column {', '.join(lacking)}")
        different |= told(name, count, lines)
    return different


def compare_numbers(study: Study, arguments: argparse.Namespace) -> bool:
    """Train and measure one network of the study, or all, say how it compares; whether any number differs."""
    if study.engine not in TRAINING:
        raise InputError(
            f"{arguments.folder}: its networks were not trained here; --tables compares the rest"
        )
    work, published = arguments.work.resolve(), pd.read_parquet(arguments.folder / paths.RESULTS_PARQUET)
    content = yaml.safe_load((arguments.folder / STUDY_FILE).read_text(encoding="utf-8"))
    if not arguments.all:
        network = smallest(study)
        print(f"trains {network.after(max(study.epochs)).folder} anew", flush=True)
        grid = {axis: value for axis, value in asdict(network).items() if axis != "variant"}
        if study.variants:
            grid["variant"] = network.variant
            content["variants"] = {
                name: changes for name, changes in content["variants"].items() if name == network.variant
            }
        content["figures"] = {"figure1": grid | {"epochs": study.epochs}}
    name = f"{arguments.folder.resolve().name}_again"
    work.mkdir(parents=True, exist_ok=True)
    file = work / f"{name}.yaml"
    file.write_text(yaml.safe_dump(content, sort_keys=False), encoding="utf-8")
    target = work / name / paths.RESULTS_PARQUET
    run_workflow(file, work, target, arguments.cores)
    again = pd.read_parquet(target)
    of_these = published.merge(again[list(RUN)].drop_duplicates(), on=list(RUN))
    of_these = of_these.drop(columns=list(OF_STUDY), errors="ignore")
    what = f"{len(again[list(RUN)].drop_duplicates()):,} runs"
    count, lines = differences(of_these, again, KEYS[target.name], 0)
    apart = seeds_apart(published, of_these, again) if lines else 0.0
    if lines and apart <= REPETITION:
        print(
            f"{what}: {count:,} values, OTHER BITS, of a repetition, as on a processor of another kind. "
            f"Untrained networks are the same; test error and diversity of trained ones differ by at most "
            f"{apart:.1f} standard deviations of what two seeds differ by"
        )
        return False
    return told(what, count, lines)


def seeds_apart(published: pd.DataFrame, before: pd.DataFrame, again: pd.DataFrame) -> float:
    """How far networks lie from the published ones, beside how far other seeds do.

    Args:
        published: the whole table, which says what seeds differ by.
        before: its rows of the networks that were made anew.
        again: these.

    Returns:
        The largest difference of test error or headline diversity, in standard deviations of the difference
        of two seeds. Infinite where an untrained network has other features, where something differs that no
        seed changes, or where there is one seed.
    """
    key, cell = KEYS[paths.RESULTS_PARQUET], [*CELL, "layer"]
    groups = published.groupby([column for column in key if column != "seed"], dropna=False)
    of_seeds = groups.nunique(dropna=False).max()
    fixed = [column for column in before if column not in key and of_seeds[column] == 1]
    parts = [(before[[*key, *fixed]], again, ROUNDING)]
    if (before["epochs"] == 0).any():
        untrained = before.loc[before["epochs"] == 0, [*key, "diversity"]]
        parts.append((untrained, again[again["epochs"] == 0], UNTRAINED))
    if any(differences(old, new, key, rounding)[1] for old, new, rounding in parts):
        return float("inf")
    values = ["diversity", "test_error"]
    old, new = (reading(table).set_index([*cell, "seed"])[values].sort_index() for table in (before, again))
    between = reading(published).groupby(cell)[values].std() * np.sqrt(2)
    apart = (new - old).abs().reset_index("seed", drop=True)
    shares = (apart / between.reindex(apart.index)).where(apart > 0, 0)
    return float(shares.fillna(np.inf).max(axis=None))


def smallest(study: Study) -> Network:
    """The network whose training takes least and is compared with no other, with the first of its seeds."""

    def operations(network: Network) -> float:
        recipe = study.recipe_of(network.algorithm, network.variant)
        images, size = study.train_images or 1, study.dataset["image_size"]
        shape = network.algorithm, network.depth, network.width
        return cost.training_operations(*shape, recipe, images=images, size=size, epochs=max(study.epochs))

    alone = {run.network for run in study.runs() if not reference_of(study, run)}
    return min(sorted(alone), key=operations)


def run_workflow(study: Path, results: Path, target: Path, cores: int) -> None:
    """Make one file of a study with Snakemake, in the checkout; InputError if that fails."""
    data = configuration()["data"]
    command = [sys.executable, "-m", "snakemake", "--snakefile", str(paths.CHECKOUT / "Snakefile")]
    command += ["--directory", str(paths.CHECKOUT), "--cores", str(cores), str(target)]
    command += ["--config", f"study={study}", f"results={results}", f"data={data}"]
    if subprocess.run(command, check=False).returncode:
        raise InputError(f"snakemake could not make {target}; see above")


def differences(
    published: pd.DataFrame, again: pd.DataFrame, key: list[str], rounding: float
) -> tuple[int, list[str]]:
    """Compare two tables by key: all their rows, in the columns of the published one.

    Args:
        published: The table that was published.
        again: The same, made anew.
        key: Columns that name a row; those that the published table lacks are left out.
        rounding: Difference, plus that share of the value, up to which numbers count as the same; 0: they
            have the same bits.

    Returns:
        The number of values compared, and what differs, a line for each column.
    """
    key = [column for column in key if column in published and column in again]
    columns = [column for column in published if column not in key]
    if missing := [column for column in columns if column not in again]:
        return 0, [f"no column {', '.join(missing)}"]
    rows = published[key].merge(again, on=key, how="left", indicator="found", validate="one_to_one")
    lines = [f"{lost:,} rows are missing"] if (lost := int((rows["found"] != "both").sum())) else []
    if further := len(again) - (len(rows) - lost):
        lines.append(f"{further:,} rows were not published")
    for column in columns:
        before, after = published[column].reset_index(drop=True), rows[column]
        both = before.isna() & after.isna()
        if pd.api.types.is_numeric_dtype(before) and pd.api.types.is_numeric_dtype(after):
            x, y = before.to_numpy(float), after.to_numpy(float)
            with np.errstate(invalid="ignore"):  # infinities of one sign are the same
                apart = np.where(x == y, 0, np.abs(x - y))
            other = ~both & ~(apart <= rounding * (1 + np.abs(x)))
            known = apart[other & ~np.isnan(apart)]
            most = f", by at most {known.max():.1e}" if len(known) else ""
        else:
            other, most = ~both & (before.astype(str) != after.astype(str)), ""
        if other.any():
            lines.append(f"{column}: {int(other.sum()):,} of {len(rows):,} differ{most}")
    return len(rows) * len(columns), lines


def told(what: str, count: int, lines: list[str]) -> bool:
    """Print how a comparison ended; whether anything differs."""
    print(f"{what}: {count:,} values, " + ("DIFFERENT" if lines else "the same"))
    for line in lines:
        print(f"  {line}")
    return bool(lines)
