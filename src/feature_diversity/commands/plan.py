"""The command `plan`: what a study takes, how much of it is done, and what would run and why.

Nothing is computed. Which jobs there are, and why they would run, is Snakemake's to say: the command asks
it for a dry run by the executor `counts`, which puts the reasons in words
(`src/snakemake_executor_plugin_counts`).
"""

import argparse
import json
import os
import subprocess
import sys
from collections import Counter, defaultdict
from pathlib import Path

from feature_diversity.base.errors import InputError
from feature_diversity.base.paths import CHECKOUT, DATA, ENERGY, LINEAR, MODEL
from feature_diversity.base.run import Run
from feature_diversity.base.stages import TRAINING
from feature_diversity.planning import cost
from feature_diversity.planning.images import count_images
from feature_diversity.planning.remaining import remaining
from feature_diversity.planning.replaced import not_of_study, replaced_line, told
from feature_diversity.planning.schema import configuration
from feature_diversity.planning.study import Study

PARTS = {  # files of a run that tell which stages are done
    MODEL: "trained",
    ENERGY: "with energies",
    LINEAR: "evaluated",
}
FOLLOWS = "Input files updated by another job"


def main(argv: list[str]) -> None:
    """Command line; see --help."""
    parser = argparse.ArgumentParser(prog="feature_diversity plan", description=__doc__)
    parser.add_argument("--study", help="name or file of a study, if not that of config.yaml")
    parser.add_argument("--results", help="folder of all results, if not that of config.yaml")
    parser.add_argument("--device-tflops", type=float, help="what one device sustains in training, TFLOP/s")
    arguments = parser.parse_args(argv)
    given = {name: value for name, value in vars(arguments).items() if value is not None}
    config = configuration(**given)
    study = Study.find(config["study"])
    folder = Path(config["results"]) / study.name
    images = count_images(study, Path(config["data"]), folder / DATA)
    others = not_of_study(study, folder)
    rest = remaining(study, folder, others, config["device_tflops"], images) if folder.exists() else []
    print(costs(study, config["device_tflops"], images), progress(study, folder), *rest, sep="\n")
    print(
        *told(others),
        *replaced_line(study, folder, others),
        jobs(dry_run(given), current=not others),
        sep="\n",
    )


def costs(study: Study, device_tflops: float, images: int | None) -> str:
    """Runs, trainings, arithmetic, memory and disk, in a few lines. images: that a training sees."""
    if study.engine not in TRAINING:
        where = {"zoo": "released checkpoints", "model": "networks of others"}[study.engine]
        return f"{study.name}: {len(study.runs()):,} runs from {where}; nothing is trained"
    trainings = {}
    for run in study.runs():  # ascending in epochs, so that the longest snapshot is the one that stays
        trainings[run.network if study.schedule == "trajectory" else run] = run
    size = study.dataset["image_size"]
    head = f"{study.name}: {len(study.runs()):,} runs from {len(trainings):,} trainings"
    if images is None:
        return head + "; what they cost is known once dataset.train says how many images there are"
    operations, memory = Counter(), {}
    for run in trainings.values():
        recipe = study.recipe_of(run.algorithm, run.variant)
        operations[run.algorithm] += cost.training_operations(
            run.algorithm, run.depth, run.width, recipe, images=images, size=size, epochs=run.epochs
        )
        memory[run] = cost.training_memory(
            run.algorithm,
            run.depth,
            run.width,
            recipe if run.epochs else recipe | {"batch_size": 1},
            images=images,
            size=size,
            held=study.held_bytes,
        )
    largest = max(memory, key=memory.get)
    kept = sum(disk(study, run) for run in study.runs())
    states = max(cost.state_bytes(run.depth, run.width) for run in trainings.values())
    hours = {name: value / (device_tflops * 1e12) / 3600 for name, value in operations.items()}
    lines = [
        f"{head} on {images:,} images",
        f"training    {operations.total():.2g} FLOP, {sum(hours.values()):,.2f} hours on one device "
        f"at {device_tflops:g} TFLOP/s (device_tflops)",
        *(f"            {name:<14} {value:12,.2f} hours" for name, value in sorted(hours.items())),
        f"memory      {memory[largest] / 1e9:,.1f} GB on one device for {largest.folder}; "
        "less on more GPUs or with training_options",
        f"disk        {kept / 1e9:,.1f} GB kept, up to {states / 1e9:,.1f} GB more for each open training",
    ]
    return "\n".join(lines)


def disk(study: Study, run: Run) -> float:
    """Bytes of the model and the features of a run that are kept."""
    layers = study.layers if study.keep_features == "all" else ["trunk"]
    shape = run.depth, run.width, study.dataset["image_size"]
    views = 2 * cost.feature_values(*shape, ["trunk"])  # recorded for the alignment
    images = study.dataset["held_out"] + study.dataset["held_out_2"]
    features = images * (cost.feature_values(*shape, layers) + views)
    further = max(0, study.energy["measure_images"] - study.dataset["held_out"])
    features += further * cost.feature_values(run.depth, run.width, 1, study.layers)
    return cost.FLOAT * (cost.parameters(run.depth, run.width) + features)


def progress(study: Study, folder: Path) -> str:
    """How many of the runs have which of their files."""
    runs = study.runs()
    found = {word: sum((folder / run.folder / file).exists() for run in runs) for file, word in PARTS.items()}
    return f"done        of {len(runs):,} runs: " + ", ".join(
        f"{count:,} {word}" for word, count in found.items()
    )


def dry_run(given: dict[str, object]) -> list[tuple[str, list[str], int]]:
    """What Snakemake would run: rule, reasons, jobs. InputError with what it said last if it fails."""
    settings = [f"{name}={value}" for name, value in given.items()]
    command = [sys.executable, "-m", "snakemake", "--snakefile", str(CHECKOUT / "Snakefile")]
    command += ["--executor", "counts", "--nocolor", "--cores", "1", "--workflow-profile", "none"]
    command += ["--rerun-incomplete"]  # as the default profile has it
    command += ["--config", *settings] if settings else []
    path = os.pathsep.join(filter(None, [str(CHECKOUT / "src"), os.environ.get("PYTHONPATH")]))
    result = subprocess.run(
        command, capture_output=True, text=True, check=False, env=os.environ | {"PYTHONPATH": path}
    )
    if result.returncode:
        raise InputError("snakemake failed:\n" + "\n".join(result.stderr.splitlines()[-10:]))
    counted = result.stdout.strip()
    return json.loads(counted.splitlines()[-1]) if counted else []


def jobs(counted: list[tuple[str, list[str], int]], *, current: bool) -> str:
    """The jobs of a dry run by rule, and the reasons of those that do not just follow from another.

    current: whether what is there is of the study.
    """
    counts, why = Counter(), defaultdict(Counter)
    for rule, reasons, count in counted:
        if rule != "all":
            counts[rule] += count
            why[rule].update({reason: count for reason in reasons if reason != FOLLOWS})
    if not counts:
        if current:
            return "jobs        none: everything is there and up to date"
        return (
            "jobs        none: Snakemake does not remember how the runs above were made, as after a move "
            "without .snakemake; delete their folders, and they are made anew"
        )
    lines = [f"jobs        {counts.total():,} would run"]
    for rule, count in counts.items():
        reasons = ", ".join(
            f"{number:,} {reason[:1].lower() + reason[1:]}" for reason, number in sorted(why[rule].items())
        )
        lines.append(f"            {rule:<14} {count:8,}   {reasons or 'follow from the above'}")
    return "\n".join(lines)
