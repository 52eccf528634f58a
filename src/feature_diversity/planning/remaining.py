"""How long the rest of a study takes, by how long that of it took which is done."""

import json
from collections import defaultdict
from collections.abc import Collection
from pathlib import Path

import pandas as pd

from feature_diversity.base.errors import InputError
from feature_diversity.base.paths import (
    BENCHMARKS,
    DATA,
    ENERGY,
    FEATURES,
    HISTORY,
    LINEAR,
    MODEL,
    ORIGIN,
    OUTCOMES,
    TRAININGS,
)
from feature_diversity.base.run import Network, Run
from feature_diversity.base.stages import MAKERS, TRAINING
from feature_diversity.planning import cost
from feature_diversity.planning.expected import expected_of
from feature_diversity.planning.images import HELD_OUT, changed_since
from feature_diversity.planning.settings import digest_of
from feature_diversity.planning.study import Study
from feature_diversity.results.origins import differences, facts_of

# The stages that are done run by run after the training, and the file of a run that each leaves
FILES = {"extract": f"{FEATURES}/{ORIGIN}", "energy": ENERGY, "linear_eval": LINEAR, "outcomes": OUTCOMES}
ANY = "any"  # algorithm
SETTINGS, NOTE = "settings.json", "finished.json"  # as in training.store, which loads torch


def training_seconds(history: Path, model: Path) -> float:
    """What the epochs of a training took together, also of one that was interrupted, in seconds.

    By its history's images a second and the images of its model; 0 where a file is missing or damaged.
    """
    try:
        speeds = pd.read_csv(history)["images_per_second"]
    except (OSError, ValueError, KeyError):
        return 0.0
    images: int = facts_of(model).get("train_images", 0)
    return float((images / speeds[speeds > 0]).sum())


def told_hours(seconds: float) -> str:
    """A time as people say it: 40 s, 12 min, 3.1 h."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:,.1f} h"


def remaining(
    study: Study, folder: Path, stale: Collection[Run], device_tflops: float, images: int | None
) -> list[str]:
    """Lines on what is still to be done and the time it takes on one core or device; none where nothing is.

    A training takes as long for its arithmetic as those of its algorithm that are done, else as all that are
    done, else as `device_tflops` says. Another stage takes for a run what it took for those that are done.

    Args:
        study: whose runs they are.
        folder: its results.
        stale: runs that will be made anew.
        device_tflops: what one device sustains, in TFLOP/s.
        images: that a training sees; None where that is not known yet.
    """
    lines, seconds = [], 0.0
    if study.engine in TRAINING and images:
        work = training_work(study, images)
        done = [run for run in work if run not in stale and (folder / run.folder / MODEL).exists()]
        shares = dict.fromkeys(work, 0.0)
        others = [reason for reason in changed_since(study, folder / DATA) if not reason.startswith(HELD_OUT)]
        if not others:  # else the store's are of other images
            shares |= shares_in_store(study, folder / TRAININGS, images)
        shares |= dict.fromkeys(done, 1.0)
        there = [run for run in work if (folder / run.folder / MODEL).exists()]  # of before a change as well
        speeds = measured_speeds({run: folder / run.folder for run in there}, work)
        for run, operations in work.items():
            speed = speeds.get(run.algorithm) or speeds.get(ANY) or device_tflops * 1e12
            seconds += (1 - shares[run]) * operations / speed
        if left := sum(share < 1 for share in shares.values()):
            by = "as fast as those that are done" if speeds else "by device_tflops"
            lines.append(f"left        {left:,} of {len(work):,} trainings: {told_hours(seconds)}, {by}")
        for run, share in sorted(shares.items()):
            if 0 < share < 1:
                at = f"after epoch {share * run.epochs:.0f} of {run.epochs}"
                lines.append(f"            {run.algorithm} seed {run.seed}: {at}")
    for stage, file in FILES.items():
        asked = [run for run in study.runs() if stage != "outcomes" or run.epochs in study.outcome_epochs]
        made = [run for run in asked if (folder / run.folder / file).exists()]
        rest = len(asked) - sum(run not in stale for run in made)
        took = stage_seconds(folder / BENCHMARKS / stage)
        if rest and made and took:
            seconds += rest * took / len(made)
            words = f"{stage} of {rest:,} runs: {told_hours(rest * took / len(made))}"
            lines.append(f"{'' if lines else 'left':<12}{words}")
    if len(lines) > 1:
        lines.append(f"            together {told_hours(seconds)} on one core or device")
    return lines


def training_work(study: Study, images: int) -> dict[Run, float]:
    """Floating-point operations of each training, by the run with which it ends."""
    last = {run.network if study.schedule == "trajectory" else run: run for run in study.runs() if run.epochs}
    size = study.dataset["image_size"]
    return {
        run: cost.training_operations(
            run.algorithm,
            run.depth,
            run.width,
            study.recipe_of(run.algorithm, run.variant),
            images=images,
            size=size,
            epochs=run.epochs,
        )
        for run in last.values()
    }


def measured_speeds(folders: dict[Run, Path], work: dict[Run, float]) -> dict[str, float]:
    """Operations a second of each algorithm's trainings that are done, and, as ANY, of all of them."""
    operations: dict[str, float] = defaultdict(float)
    seconds: dict[str, float] = defaultdict(float)
    for run, folder in folders.items():
        try:
            took = training_seconds(folder / HISTORY, folder / MODEL)
        except InputError:
            continue  # a damaged one tells nothing
        if took:
            for name in (run.algorithm, ANY):
                operations[name] += work[run]
                seconds[name] += took
    return {name: operations[name] / seconds[name] for name in seconds}


def shares_in_store(study: Study, store: Path, images: int) -> dict[Run, float]:
    """How much of each of the study's trainings the store has, 0 to 1, by the run with which it ends."""
    runs, expected, shares = set(study.runs()), expected_of(study), {}
    for path in store.glob(f"*/{SETTINGS}"):
        try:
            facts = json.loads(path.read_text(encoding="utf-8"))
            run = Network(**facts["network"]).after(facts["schedule_epochs"])
        except (OSError, ValueError, KeyError, TypeError):
            continue  # a damaged one is trained anew
        if run not in runs or not run.epochs or differences(run, facts, expected):
            continue
        if facts.get("code") != digest_of(study, MAKERS[study.engine], run.algorithm):
            continue
        steps = [int(state.stem.removeprefix("state_")) for state in path.parent.glob("state_*.pt")]
        batch = min(facts["recipe"]["batch_size"], images)
        share = max(steps, default=0) / (run.epochs * (images // batch))
        shares[run] = 1.0 if (path.parent / NOTE).exists() else min(1.0, share)
    return shares


def stage_seconds(folder: Path) -> float:
    """What the jobs of a stage took as they ran last, in seconds, by their benchmark files."""
    return sum(float(pd.read_csv(path, sep="\t")["s"].iloc[-1]) for path in folder.rglob("*.tsv"))
