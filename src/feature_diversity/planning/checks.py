"""Checks of what a study asks for, and of the machine that shall do it, before anything is computed."""

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from feature_diversity.base.batches import check_batch_size
from feature_diversity.base.errors import InputError
from feature_diversity.base.literals import literal
from feature_diversity.base.paths import SOURCES
from feature_diversity.base.run import DEFAULT
from feature_diversity.base.stages import TRAINING
from feature_diversity.networks.released.table import of_run
from feature_diversity.planning.models import check_models
from feature_diversity.planning.penalties import check_penalties, penalties_of
from feature_diversity.planning.variants import check_variants
from feature_diversity.vissl import config as vissl_config

ALWAYS_MEASURED = ("test_error", "knn_test_error")  # of networks, whatever a study's `outcomes`
CORRUPTED_SIDE = 32  # pixels, as `data.corruptions.corrupt`, which loads torch

if TYPE_CHECKING:
    from feature_diversity.planning.study import Study


def check_study(study: "Study") -> None:
    """InputError for whatever of a study can be known to be wrong before its data set is loaded."""
    _check_dataset(study)
    _check_errors(study)
    _check_outcomes(study)
    if study.engine == "zoo":
        _check_released(study)
    elif study.engine == "model":
        check_models(study)
    else:
        _check_recipes(study)
    if study.engine == "vissl":
        _check_vissl(study)
    if study.seeds == "together" and study.engine not in ("native", "model"):
        raise InputError(f"seeds is 'together', expected 'apart' with engine {study.engine!r}")
    if study.log_every and study.engine != "native":
        raise InputError(f"log_every is {study.log_every}, expected 0 with engine {study.engine!r}")


def check_machine(study: "Study", config: dict[str, Any]) -> None:
    """InputError where the machines that config.yaml names cannot train what the study asks for."""
    processes = max(1, config["gpus"])
    if processes % config["nodes"]:
        raise InputError(f"gpus is {config['gpus']}, expected a multiple of nodes, {config['nodes']}")
    trained = study.runs() if study.engine in TRAINING else []
    for algorithm, variant in sorted({(run.algorithm, run.variant) for run in trained}):
        batch_size = study.recipe_of(algorithm, variant)["batch_size"]
        if batch_size % processes:
            raise InputError(
                f"gpus is {processes}, which cannot share out the batch of {algorithm}, {batch_size} images, "
                "evenly"
            )
    penalised = next(iter(penalties_of(study)), None)
    whole = [option for option in ("--compile", "--micro-batch") if option in config["training_options"]]
    if penalised and whole:
        raise InputError(
            f"training_options: {whole[0]} does not go with penalties, which see whole batches, and variant "
            f"{penalised} of {study.name} has one"
        )
    # VISSL takes no such options
    mixed = study.engine == "native" and any(run.norm == "batchnorm" for run in trained)
    if mixed and "--micro-batch" in config["training_options"]:
        raise InputError(
            f"training_options: --micro-batch is not for networks with batchnorm, and {study.name} has some; "
            "use --recompute or more gpus"
        )


def data_sets() -> list[str]:
    """Names of all data sets: one for each file in `data/sources`."""
    return sorted(path.stem for path in SOURCES.glob("*.py") if not path.stem.startswith("_"))


def _check_dataset(study: "Study") -> None:
    """InputError for an unknown data set and impossible splits.

    Of a data set whose size is not known before it is loaded, what can be known is checked.
    """
    dataset = study.dataset
    if dataset["name"] not in data_sets():
        raise InputError(f"dataset.name is {dataset['name']!r}, expected one of {', '.join(data_sets())}")
    if dataset["held_out_2"] == 1:
        raise InputError("dataset.held_out_2 is 1, expected 0 or at least 2: one image has no energy")
    _ = study.train_images  # raises where splits are impossible
    held_out = dataset["held_out"] + dataset["held_out_2"]
    if 0 < dataset["test"] < held_out:
        raise InputError(
            f"dataset.held_out and held_out_2 are {held_out}, expected at most {dataset['test']}, "
            "the test images"
        )

    _check_measure_images(study)


def _check_measure_images(study: "Study") -> None:
    """InputError for no more images than are held out, and for more than there are to test."""
    held_out, images = study.dataset["held_out"], study.energy["measure_images"]
    published = literal(SOURCES / f"{study.dataset['name']}.py", "IMAGES", default=None)
    test = study.dataset["test"] or (published[1] if published else 0)
    if images and (images <= held_out or 0 < test < images):
        most = f" and at most {test}, the test images" if test else ""
        raise InputError(
            f"energy.measure_images is {images}, expected 0 or more than the {held_out} held-out images{most}"
        )


def _check_recipes(study: "Study") -> None:
    """InputError for an unknown algorithm, a bad recipe or variant, and a batch above the images."""
    for algorithm in sorted({run.algorithm for run in study.runs()} | set(study.recipes), key=str):
        study.recipe_of(algorithm)
    check_variants(study)
    check_penalties(study)
    if study.train_images is not None:
        check_batches(study, study.train_images)


def check_batches(study: "Study", images: int) -> None:
    """InputError for a batch of one image, and for a batch above the images that a training has."""
    if study.engine not in TRAINING:
        return
    asked = {(run.algorithm, run.variant, run.epochs > 0) for run in study.runs()}
    for algorithm, variant, trained in sorted(asked):
        batch_size = study.recipe_of(algorithm, variant)["batch_size"]
        where = "recipes" if variant == DEFAULT else f"variants: {variant}"
        check_batch_size(algorithm, batch_size, images, trained=trained, where=where)


def _check_vissl(study: "Study") -> None:
    """InputError for a run that VISSL cannot train."""
    for run in study.runs():
        vissl_config.check(run.network, study.recipe_of(run.algorithm, run.variant))


def _check_errors(study: "Study") -> None:
    """InputError for published errors of networks trained here, and for measured ones without validation."""
    if study.error_source == "published" and study.engine != "zoo":
        raise InputError(
            f"error_source is 'published', expected 'measured': with engine {study.engine!r} there is no "
            "publication"
        )
    if study.error_source == "measured" and not study.dataset["validation"]:
        raise InputError("dataset.validation is 0, expected at least 1 image, by which errors are measured")


def _check_outcomes(study: "Study") -> None:
    """InputError for outcomes that cannot be measured, as far as that is known before images are loaded."""
    corruptions, few_shot = study.outcomes.get("corruptions"), study.outcomes.get("few_shot")
    measured = [*ALWAYS_MEASURED, *(["corrupted_test_error"] if corruptions else [])]
    measured += [f"few_shot_{shots}_test_error" for shots in (few_shot or {"shots": []})["shots"]]
    measured += [f"transfer_{name}_test_error" for name in study.transfer]
    if study.outcome not in measured:
        expected = f"{', '.join(measured)}, or another that `outcomes` asks for"
        raise InputError(f"outcome is {study.outcome!r}, expected {expected}")
    if study.outcomes and study.error_source == "published":
        raise InputError("outcomes: error_source is 'published', expected 'measured', by which they are")
    size, protocol = study.dataset["image_size"], study.linear_evaluation["protocol"]
    if corruptions and size != CORRUPTED_SIDE:
        raise InputError(
            f"outcomes.corruptions: dataset.image_size is {size}, expected {CORRUPTED_SIDE}, for which their "
            "constants were published"
        )
    if corruptions and protocol != "cached":
        raise InputError(
            f"outcomes.corruptions: linear_evaluation.protocol is {protocol!r}, expected 'cached', whose "
            "classifier is fitted again"
        )
    images = study.train_images
    if few_shot and images is not None and 2 * max(few_shot["shots"]) > images:
        raise InputError(
            f"outcomes.few_shot.shots has {max(few_shot['shots'])}, expected as many of the {images:,} "
            "training images in each of at least two classes"
        )
    if study.transfer and protocol != "cached":
        raise InputError(
            f"outcomes.transfer: linear_evaluation.protocol is {protocol!r}, expected 'cached', whose "
            "penalties are tried there"
        )
    for name, dataset in study.transfer.items():
        where = f"outcomes.transfer.{name}"
        if dataset["name"] not in data_sets():
            raise InputError(f"{where}.name is {dataset['name']!r}, expected one of {', '.join(data_sets())}")
        try:
            _ = replace(study, dataset=dataset).train_images
        except InputError as error:
            raise InputError(str(error).replace("dataset.", f"{where}.", 1)) from None


def _check_released(study: "Study") -> None:
    """InputError where the table of released checkpoints does not have what the study asks for."""
    of_trainings = {
        "schedule": study.schedule != "budget",
        "recipes": study.recipes,
        "variants": study.variants,
    }
    for key, given in of_trainings.items():
        if given:
            raise InputError(f"{key}: with engine 'zoo' nothing is trained, so leave it out")
    headless = [row.name for row in map(of_run, study.runs()) if not row.head]
    if headless and "head" in study.layers:
        raise InputError(
            f"layers: {', '.join(headless)} were released without their heads; leave head out of the layers"
        )
