# What all rules share: the study, its folders, and the values that reach the jobs.
#
# A value reaches a job only through `params`, as text that holds just what that job reads. So a changed
# value reruns the jobs that use it and no others. The same holds for the code and the environment: they
# enter as digests of their meaning.

import math
from functools import cache, partial
from inspect import signature
from pathlib import Path
from shlex import quote, split

sys.path.insert(0, str(Path(workflow.basedir) / "src"))

from snakemake.common import overwrite_function_params
from snakemake.exceptions import WorkflowError
from snakemake.resources import Resource
from snakemake_interface_executor_plugins.settings import DeploymentMethod

from feature_diversity.planning import cost
from feature_diversity.figures.captions import CAPTIONS, TITLES
from feature_diversity.commands.clean_resume import forget
from feature_diversity.records.digest import code_digest, files_digest, lock_digest
from feature_diversity.base.errors import InputError
from feature_diversity.base.run import RUN_FOLDER
from feature_diversity.planning.checks import check_machine
from feature_diversity.planning.schema import validate
from feature_diversity.planning.study import Study, as_json

ROOT = Path(workflow.basedir)
CONDA = DeploymentMethod.CONDA in workflow.deployment_settings.deployment_method

try:
    validate(config, "config")
    study = Study.find(config["study"])
    check_machine(study, config)
except InputError as error:
    raise WorkflowError(str(error)) from None

# One training is as many processes, on as many machines. One machine starts them with torchrun, several with srun.
PROCESSES, NODES = max(1, config["gpus"]), config["nodes"]
SRUN = f"srun --nodes {NODES} --ntasks {PROCESSES} --cpu-bind=none --kill-on-bad-exit=1"
TORCHRUN = f"torch.distributed.run --standalone --nproc-per-node {PROCESSES} -m --"

# Jobs run this checkout's code, the code whose digest they carry, whatever else is installed. Where data sets,
# checkpoints and trainings are looked for is no param: another place does not make others. Nor is how a machine
# trains.
PLACES = {
    "PYTHONPATH": str(ROOT / "src"),
    "DATA_FOLDER": config["data"],
    "SHARED_TRAININGS": config["shared_trainings"],
    "ZOO_MIRROR": config["mirror"],
    "ZOO_OFFLINE": "--offline" if config["offline"] else "",
    "TRAINING_OPTIONS": config["training_options"],
    "SRUN": SRUN if NODES > 1 else "",
    "TORCHRUN": TORCHRUN if PROCESSES > NODES == 1 else "",
    "VISSL_PYTHON": "python" if CONDA else str(ROOT / config["vissl_python"]),
}
shell.prefix(f"export {' '.join(f'{name}={quote(place)}' for name, place in PLACES.items())}; ")

RESULTS = f"{config['results']}/{study.name}"
DATA = f"{RESULTS}/data.safetensors"
RUN = f"{RESULTS}/{RUN_FOLDER}"

# The rule that makes the networks
MAKER = {"native": "pretrain", "vissl": "vissl", "zoo": "fetch"}[study.engine]

# The runs that one training leaves. The schedule `trajectory` leaves one at each of the study's numbers of
# epochs, so its jobs have all of them as outputs; with `budget`, every run is a training of its own.
SNAPSHOTS = study.epochs if study.schedule == "trajectory" else ["{epochs}"]
TRAINING = RUN_FOLDER.replace("_ep{epochs}", "") if study.schedule == "trajectory" else RUN_FOLDER


wildcard_constraints:
    algorithm="[a-z0-9_]+",
    depth="[0-9]+",
    width="[0-9.]+",
    norm="[a-z]+",
    epochs="[0-9]+",
    seed="[0-9]+",


def of_training(file):
    """Pattern of a file of each run that one training leaves."""
    return expand(f"{RUN}/{file}", epochs=SNAPSHOTS, allow_missing=True)


def of_study(file):
    """Paths of a file of every run of the study."""
    return [f"{RESULTS}/{run.folder}/{file}" for run in study.runs()]


LINEAR = of_study("linear.json") if study.error_source == "measured" else []


def code(stage):
    """Digest of a stage's code and, of networks trained by it, of the run's algorithm."""
    if study.engine != "native":
        return code_digest(stage)
    return lambda wildcards: code_digest(stage, f"algorithms.{wildcards.algorithm}")


def environment(name):
    """Digest of the packages in one of the locked environments."""
    return lock_digest(ROOT / "envs" / f"{name}.lock")


def network(wildcards):
    """The training's network, as JSON."""
    names = {name: wildcards[name] for name in ("algorithm", "norm")}
    numbers = {name: int(wildcards[name]) for name in ("depth", "seed")}
    return as_json(names | numbers | {"width": float(wildcards.width)})


recipe_of = cache(study.recipe_of)


def recipe(wildcards):
    """The hyper-parameters of the training's algorithm, as JSON."""
    return as_json(recipe_of(wildcards.algorithm))


def images_at_once(wildcards):
    """Images that a process of a training keeps numbers of: its part of a batch or micro-batch; 1 if untrained."""
    options = split(config["training_options"])
    if wildcards.get("epochs") == "0":
        return 1
    if "--micro-batch" in options:
        return int(options[options.index("--micro-batch") + 1])
    return recipe_of(wildcards.algorithm)["batch_size"] / PROCESSES


def training_memory(wildcards, attempt):
    """Memory that a training asks for on each machine, in MB; more when it is tried again."""
    if study.train_images is None:
        return 8000 * attempt
    of_one_process = cost.training_memory(
        wildcards.algorithm,
        int(wildcards.depth),
        float(wildcards.width),
        recipe_of(wildcards.algorithm) | {"batch_size": images_at_once(wildcards)},
        images=study.train_images,
        size=study.dataset["image_size"],
        held=study.held_bytes,
    )
    return math.ceil(1.25 * PROCESSES / NODES * of_one_process / 1e6) * attempt


def extraction_memory(wildcards, attempt):
    """Memory that the features of a network ask for, in MB; more when it is tried again."""
    size = study.dataset["image_size"]
    layers = [layer for layer in study.layers if layer != "head"]
    needed = cost.extraction_memory(int(wildcards.depth), float(wildcards.width), size, layers)
    return math.ceil(1.25 * needed / 1e6) * attempt


def linear_evaluation_memory(wildcards, attempt):
    """Memory that the linear evaluation of a network asks for, in MB; more when it is tried again."""
    if study.train_images is None:
        return 8000 * attempt
    shape = int(wildcards.depth), float(wildcards.width), study.dataset["image_size"]
    needed = cost.linear_evaluation_memory(*shape, images=study.train_images, held=study.held_bytes)
    return math.ceil(1.25 * needed / 1e6) * attempt


def training_minutes(wildcards, attempt):
    """Time that a training asks for, in minutes: three times the estimate; more when it is tried again."""
    if study.train_images is None:
        return 1440 * attempt
    operations = cost.training_operations(
        wildcards.algorithm,
        int(wildcards.depth),
        float(wildcards.width),
        recipe_of(wildcards.algorithm),
        images=study.train_images,
        size=study.dataset["image_size"],
        epochs=study.epochs[-1] if study.schedule == "trajectory" else int(wildcards.epochs),
    )
    seconds = operations / (PROCESSES * config["device_tflops"] * 1e12)
    return math.ceil(10 + 3 * seconds / 60) * attempt


# Snakemake looks up the parameters of what it calls for every job, which took a tenth of the time of planning.
for function in (
    network,
    recipe,
    training_memory,
    extraction_memory,
    linear_evaluation_memory,
    training_minutes,
):
    overwrite_function_params(function, signature(function).parameters)
overwrite_function_params(Resource.evaluate, signature(partial(Resource.evaluate, None)).parameters)
