# What all rules share: the study, its folders, and the values that reach the jobs.
#
# A value reaches a job only through `params`, as text that holds just what that job reads. So a changed value
# reruns the jobs that use it and no others. The same holds for the code and the environment: they enter as digests
# of their meaning. What changes no result (where things lie, how a machine computes) is `untracked`. A printed
# command has all of it.

import os
from functools import cache
from inspect import signature
from pathlib import Path
from shlex import join, split

sys.path.insert(0, str(Path(workflow.basedir) / "src"))

from snakemake.exceptions import WorkflowError
from snakemake_interface_executor_plugins.settings import DeploymentMethod

from feature_diversity.base import paths
from feature_diversity.base.errors import InputError
from feature_diversity.base.run import DEFAULT, OTHERS, OTHERS_FOLDER, RUN_FOLDER, Network
from feature_diversity.base.stages import MAKERS, TRAINING
from feature_diversity.figures.captions import CAPTIONS, TITLES
from feature_diversity.planning import settings
from feature_diversity.planning.checks import check_machine
from feature_diversity.planning.expected import expected_of
from feature_diversity.planning.images import count_images
from feature_diversity.planning.penalties import has_doses, of_training, penalties_of, reference_of
from feature_diversity.planning.schema import validate
from feature_diversity.planning.study import Study, as_json
from feature_diversity.records.digest import files_digest, lock_digest

ROOT = Path(workflow.basedir)
CONDA = DeploymentMethod.CONDA in workflow.deployment_settings.deployment_method

if set("{}:") & set(str(ROOT)):
    raise WorkflowError(
        f"the checkout lies in {ROOT}, expected a path without braces, which Snakemake fills in, and without colons, "
        "at which Python divides the path of its modules"
    )
# Jobs run this checkout's code, the code whose digest they carry, whatever else is installed. They write text as UTF-8
# in every locale.
os.environ.update(PYTHONPATH=str(ROOT / "src"), PYTHONUTF8="1")

try:
    validate(config, "config")
    study = Study.find(config["study"])
    check_machine(study, config)
    count_images(study, Path(config["data"]), Path(config["results"], study.name, paths.DATA))
except InputError as error:
    raise WorkflowError(str(error)) from None

RESULTS = f"{config['results']}/{study.name}"
LOGS, BENCHMARKS = f"{RESULTS}/{paths.LOGS}", f"{RESULTS}/{paths.BENCHMARKS}"
DATA = f"{RESULTS}/{paths.DATA}"
TABLE = f"{RESULTS}/{paths.RESULTS_CSV}"
RUN_FOLDER = OTHERS_FOLDER if study.models else RUN_FOLDER
RUN = f"{RESULTS}/{RUN_FOLDER}"

# The rule that makes the networks, and how many processes, on how many machines, train one.
MAKER = MAKERS[study.engine]
PROCESSES, NODES = settings.processes(config), config["nodes"]

# The runs that one job makes. The schedule `trajectory` leaves one at each of the study's numbers of epochs, so
# its jobs have all of them as outputs; with `budget`, every run is a training of its own. With seeds `together`,
# a job is of all the study's seeds.
TRAJECTORY, TOGETHER = study.schedule == "trajectory", study.seeds == "together"
SNAPSHOTS = study.epochs if TRAJECTORY else ["{epochs}"]
SEEDS = study.every_seed if TOGETHER else ["{seed}"]
JOB = RUN_FOLDER.replace("_ep{epochs}", "") if TRAJECTORY else RUN_FOLDER
JOB = JOB.replace("_seed{seed}", "") if TOGETHER else JOB


wildcard_constraints:
    algorithm="[A-Za-z0-9_.-]+",
    depth="[0-9]+",
    width="[0-9.]+",
    norm="[a-z]+",
    variant="(?:_[a-z][a-z0-9]*)?",
    epochs="[0-9]+",
    seed="[0-9]+",


def of_job(file, snapshots=SNAPSHOTS):
    """Pattern of a file of each run that one job makes, or of some snapshots, training by training."""
    return expand(f"{RUN}/{file}", seed=SEEDS, epochs=snapshots, allow_missing=True)


def of_study(file, epochs=study.epochs):
    """Paths of a file of every run of the study, or of those after some epochs."""
    return [f"{RESULTS}/{run.folder}/{file}" for run in study.runs() if run.epochs in epochs]


MODELS = of_job(paths.MODEL)
# Where the diversity of a layer is set: what followed, and its picture
INTERVENTION = [f"{RESULTS}/{paths.INTERVENTION}", f"{RESULTS}/{paths.FIGURES}/intervention.svg"]
INTERVENTION = INTERVENTION if has_doses(study) else []
MEASURED = study.error_source == "measured"
LINEAR = of_study(paths.LINEAR) if MEASURED else []
OUTCOMES = of_study(paths.OUTCOMES, study.outcome_epochs) if study.outcomes else []
JUDGED = study.outcome_epochs if TRAJECTORY else SNAPSHOTS  # snapshots whose outcomes are measured
PIXELS = f"{RESULTS}/{paths.PIXELS}" if MEASURED else []


def with_other(file):
    """A file of a data set, as a pattern of this file and of those of the other data sets of `transfer`."""
    return f"{Path(file).stem}{{other}}{Path(file).suffix}"


# Prepared files of the other data sets, in the order of their names
OTHERS_DATA = [
    f"{RESULTS}/{with_other(paths.DATA).format(other=f'_{name}')}" for name in sorted(study.transfer)
]


def at_hand(function):
    """The function with its signature kept: Snakemake asks for it three times a job, which took a tenth of a plan."""
    function.__signature__ = signature(function)
    return function


def code(stage):
    """Digest of a stage's code and, of networks trained by it, of the run's algorithm."""
    if study.engine != "native":
        return settings.digest_of(study, stage)
    return at_hand(lambda wildcards: settings.digest_of(study, stage, wildcards.algorithm))


def environment(name):
    """Digest of the packages in one of the locked environments."""
    return lock_digest(ROOT / "envs" / f"{name}.lock")


def untracked(*words):
    """A param of options that change no result: Snakemake compares none that is derived from the job's output."""
    given = join(map(str, words))
    return at_hand(lambda wildcards, output: given)


FOLDER = ["--folder", config["data"]]

# Where trainings are kept: the study's own store, or one that it shares with others
STORE = ["--store", f"{RESULTS}/{paths.TRAININGS}"]
STORE += ["--shared", config["shared_trainings"]] if config["shared_trainings"] else []


def variant_of(wildcards):
    """The name of the job's variant, which no folder of the default one has."""
    return wildcards.variant.removeprefix("_") or DEFAULT


def networks_of(wildcards):
    """The networks of the job's trainings."""
    values = OTHERS
    if not study.models:
        values = {"depth": int(wildcards.depth), "width": float(wildcards.width), "norm": wildcards.norm}
    values = values | {"algorithm": wildcards.algorithm, "variant": variant_of(wildcards)}
    seeds = SEEDS if TOGETHER else [int(wildcards.seed)]
    return [Network(**values, seed=seed) for seed in seeds]


@at_hand
def networks(wildcards):
    """The networks of the job's trainings, each as JSON."""
    return [as_json(network.facts) for network in networks_of(wildcards)]


recipe_of = cache(study.recipe_of)


@at_hand
def recipe(wildcards):
    """The hyper-parameters of the training's algorithm in its variant, as JSON."""
    return as_json(recipe_of(wildcards.algorithm, variant_of(wildcards)))


def training_of(wildcards):
    """The job's first training: its network, its recipe, its last epoch. The others take as much."""
    epochs = study.epochs[-1] if TRAJECTORY else int(wildcards.epochs)
    return networks_of(wildcards)[0], recipe_of(wildcards.algorithm, variant_of(wildcards)), epochs


@at_hand
def penalty(wildcards):
    """The option of the stage `pretrain` with the penalty of the job's trainings, if they have one."""
    found = of_training(study, variant_of(wildcards))
    return ["--penalty", as_json(found)] if found else []


@at_hand
def references(wildcards):
    """Histories that the penalty of the job's trainings compares with, training by training."""
    epochs = training_of(wildcards)[2]
    runs = [reference_of(study, network.after(epochs)) for network in networks_of(wildcards)]
    return [f"{RESULTS}/{run.folder}/{paths.HISTORY}" for run in runs if run]


@at_hand
def reference_options(wildcards, input, output):
    """The option with these histories, which are inputs of the job already."""
    return ["--reference", *input.references] if input.references else []


@at_hand
def features_folders(wildcards, output):
    """The folders with the features of each run."""
    return [str(Path(path).parent / paths.FEATURES) for path in output.energy]


# What jobs ask for; more when one is tried again.


@at_hand
def training_memory(wildcards, attempt):
    """Memory for a training, in MB."""
    return settings.training_memory(study, config, *training_of(wildcards)) * attempt


@at_hand
def training_minutes(wildcards, attempt):
    """Time for the job's trainings, in minutes."""
    return settings.training_minutes(study, config, *training_of(wildcards)) * len(SEEDS) * attempt


@at_hand
def extraction_memory(wildcards, attempt):
    """Memory for the features of a network, in MB."""
    return settings.extraction_memory(study, networks_of(wildcards)[0]) * attempt


@at_hand
def outcomes_memory(wildcards, attempt):
    """Memory for the outcomes of a network, in MB."""
    return settings.outcomes_memory(study, networks_of(wildcards)[0]) * attempt


@at_hand
def linear_evaluation_memory(wildcards, attempt):
    """Memory for the linear evaluation of a network, in MB."""
    return settings.linear_evaluation_memory(study, networks_of(wildcards)[0]) * attempt


def wait_for_log():
    """Wait until all that was logged is told. That happens in a thread of its own, which stops a spinner and with it
    replaces `sys.stdout`: a print at the same time may crash the interpreter."""
    if listener := workflow.logger_manager.queue_listener:
        listener.queue.join()
