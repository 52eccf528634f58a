"""What the workflow's jobs ask for, and which stages a study has: functions of the study and of config.yaml.

Memory is in MB and time in minutes, as Snakemake counts them, both for a job's first attempt.
"""

import math
from dataclasses import replace
from shlex import split
from typing import Any

from feature_diversity.base.run import OTHERS, Network
from feature_diversity.base.stages import MAKERS, STAGES
from feature_diversity.planning import cost
from feature_diversity.planning.penalties import has_doses
from feature_diversity.planning.study import Study
from feature_diversity.records.digest import stage_digest

SPARE = 1.25  # of the memory that is reckoned, a job asks for so much
# Of a data set whose size is known only once it is loaded, and of networks of others
UNKNOWN_MEMORY, UNKNOWN_MINUTES = 8000, 1440


def processes(config: dict[str, Any]) -> int:
    """How many processes train one network together: one for each GPU."""
    return max(1, config["gpus"])


def micro_batch(training_options: str) -> int | None:
    """The images that pass through the trunk at a time, if the options of the training say so."""
    options = split(training_options)
    return int(options[options.index("--micro-batch") + 1]) if "--micro-batch" in options else None


def images_at_once(config: dict[str, Any], recipe: dict[str, Any], epochs: int) -> float:
    """Images that a process of a training keeps numbers of: its part of a batch, or a micro-batch.

    Args:
        config: What config.yaml says.
        recipe: The training's hyper-parameters.
        epochs: Of the training; one that takes no step keeps none, which is counted as one image.
    """
    if epochs == 0:
        return 1
    return micro_batch(config["training_options"]) or recipe["batch_size"] / processes(config)


def training_memory(
    study: Study, config: dict[str, Any], network: Network, recipe: dict[str, Any], epochs: int
) -> int:
    """Memory for a training to so many epochs, in MB, on each of its machines."""
    if study.train_images is None:
        return UNKNOWN_MEMORY
    of_one_process = cost.training_memory(
        network.algorithm,
        network.depth,
        network.width,
        recipe | {"batch_size": images_at_once(config, recipe, epochs)},
        images=study.train_images,
        size=study.dataset["image_size"],
        held=study.held_bytes,
    )
    return _megabytes(processes(config) / config["nodes"] * of_one_process)


def training_minutes(
    study: Study, config: dict[str, Any], network: Network, recipe: dict[str, Any], epochs: int
) -> int:
    """Time for a training to so many epochs, in minutes: ten, and three times the estimate."""
    if study.train_images is None:
        return UNKNOWN_MINUTES
    operations = cost.training_operations(
        network.algorithm,
        network.depth,
        network.width,
        recipe,
        images=study.train_images,
        size=study.dataset["image_size"],
        epochs=epochs,
    )
    seconds = operations / (processes(config) * config["device_tflops"] * 1e12)
    return math.ceil(10 + 3 * seconds / 60)


def extraction_memory(study: Study, network: Network) -> int:
    """Memory for the features of a network, in MB."""
    if network.norm == OTHERS["norm"]:
        return UNKNOWN_MEMORY
    layers = [layer for layer in study.layers if layer != "head"]
    size = study.dataset["image_size"]
    return _megabytes(cost.extraction_memory(network.depth, network.width, size, layers))


def linear_evaluation_memory(study: Study, network: Network) -> int:
    """Memory for the linear evaluation of a network, in MB."""
    if study.train_images is None or network.norm == OTHERS["norm"]:
        return UNKNOWN_MEMORY
    return _megabytes(
        cost.linear_evaluation_memory(
            network.depth,
            network.width,
            study.dataset["image_size"],
            images=study.train_images,
            held=study.held_bytes,
        )
    )


def outcomes_memory(study: Study, network: Network) -> int:
    """Memory for the outcomes of a network, in MB: a linear evaluation, and the corrupted images."""
    if study.train_images is None or network.norm == OTHERS["norm"]:
        return UNKNOWN_MEMORY
    corruptions = study.outcomes.get("corruptions", {"names": [], "severities": [], "images": 0})
    images = len(corruptions["names"]) * len(corruptions["severities"]) * corruptions["images"]
    pictures = _megabytes(3 * images * study.dataset["image_size"] ** 2)
    data_sets = [study, *(replace(study, dataset=study.dataset | other) for other in study.transfer.values())]
    return max(linear_evaluation_memory(of_images, network) for of_images in data_sets) + pictures


def stages_of(study: Study) -> list[str]:
    """Names of the study's stages, in their order: of those that make networks, the one of its engine."""
    others = set(MAKERS.values()) - {MAKERS[study.engine]}
    if study.error_source == "published":
        others |= {"linear_eval", "pixels"}
    if not has_doses(study):
        others.add("intervention")
    if not study.outcomes:
        others.add("outcomes")
    return [stage for stage in STAGES if stage not in others]


def digest_of(study: Study, stage: str, algorithm: str | None = None) -> str:
    """Digest of the code of one of the study's stages, with what it loads by name.

    That is the source of the data set in the stage `data` and, wherever networks are read that were trained
    by the engine `native`, the algorithm.

    Args:
        study: The study.
        stage: Its name.
        algorithm: Of the job, where it is of one.

    Returns:
        16 hexadecimal digits.
    """
    if stage == "data":
        return data_digest(study.dataset["name"])
    if study.engine == "native" and algorithm:
        return stage_digest(stage, f"algorithms.{algorithm}")
    return stage_digest(stage)


def data_digest(name: str) -> str:
    """Digest of the code of the stage `data`, with the source of the data set of that name."""
    return stage_digest("data", f"data.sources.{name}")


def _megabytes(reckoned: float) -> int:
    """What a job asks for whose memory is reckoned, in bytes."""
    return math.ceil(SPARE * reckoned / 1e6)
