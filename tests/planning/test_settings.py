"""What jobs ask for, and which stages a study has."""

from dataclasses import replace

import pytest

from feature_diversity.base.paths import STUDIES
from feature_diversity.base.run import Network
from feature_diversity.base.stages import MAKERS
from feature_diversity.planning import cost, settings
from feature_diversity.planning.schema import configuration
from feature_diversity.planning.study import Study
from feature_diversity.records.digest import code_digest

NETWORK = Network("simclr", 50, 1.0, "batchnorm", 1)


@pytest.fixture(scope="module")
def study():
    return Study.load(STUDIES / "cifar100.yaml")


@pytest.fixture(scope="module")
def recipe(study):
    return study.recipe_of("simclr")


def test_a_micro_batch_is_found_among_the_options_of_the_training():
    assert settings.micro_batch("--precision bfloat16  --micro-batch 32 --compile") == 32
    assert settings.micro_batch("--precision bfloat16") is None
    assert settings.micro_batch("") is None


def test_every_process_keeps_its_part_of_the_batch(recipe):
    assert settings.images_at_once(configuration(), recipe, 30) == recipe["batch_size"]
    assert settings.images_at_once(configuration(gpus=8), recipe, 30) == recipe["batch_size"] / 8


def test_a_micro_batch_is_all_that_a_process_keeps(recipe):
    config = configuration(gpus=2, training_options="--micro-batch 16")
    assert settings.images_at_once(config, recipe, 30) == 16


def test_an_untrained_network_keeps_no_batch(study, recipe):
    assert settings.images_at_once(configuration(), recipe, 0) == 1
    trained = settings.training_memory(study, configuration(), NETWORK, recipe, 30)
    assert settings.training_memory(study, configuration(), NETWORK, recipe, 0) < trained / 4


def test_a_training_asks_for_a_quarter_more_than_is_reckoned(study, recipe):
    reckoned = cost.training_memory(
        "simclr", 50, 1.0, recipe, images=study.train_images, size=study.dataset["image_size"],
        held=study.held_bytes,
    )  # fmt: skip
    asked = settings.training_memory(study, configuration(), NETWORK, recipe, 30)
    assert asked == pytest.approx(1.25 * reckoned / 1e6, abs=1)


def test_the_machines_of_a_training_share_its_memory(study, recipe):
    one = settings.training_memory(study, configuration(gpus=4), NETWORK, recipe, 30)
    two = settings.training_memory(study, configuration(gpus=4, nodes=2), NETWORK, recipe, 30)
    assert two == pytest.approx(one / 2, abs=1)


def test_more_epochs_take_more_minutes_and_more_gpus_fewer(study, recipe):
    def minutes(epochs, **given):
        return settings.training_minutes(study, configuration(**given), NETWORK, recipe, epochs)

    assert minutes(0) == 10
    assert minutes(60) - 10 == pytest.approx(2 * (minutes(30) - 10), abs=2)
    assert minutes(30, gpus=4) - 10 == pytest.approx((minutes(30) - 10) / 4, abs=2)
    assert minutes(30, device_tflops=0.06) - 10 == pytest.approx((minutes(30) - 10) / 2, abs=2)


def test_of_a_data_set_whose_size_is_unknown_jobs_ask_for_much(study, recipe):
    unknown = replace(
        study,
        dataset=study.dataset | {"name": "class_folders", "path": "x", "train": 0},
    )
    assert unknown.train_images is None
    assert settings.training_memory(unknown, configuration(), NETWORK, recipe, 30) == 8000
    assert settings.training_minutes(unknown, configuration(), NETWORK, recipe, 30) == 1440
    assert settings.linear_evaluation_memory(unknown, NETWORK) == 8000


def test_wider_networks_ask_for_more(study):
    wide = replace(NETWORK, width=2.0)
    for memory in (settings.extraction_memory, settings.linear_evaluation_memory):
        assert memory(study, wide) > memory(study, NETWORK)


@pytest.mark.parametrize(("engine", "maker"), [*MAKERS.items()])
def test_of_the_stages_that_make_networks_a_study_has_that_of_its_engine(study, engine, maker):
    stages = settings.stages_of(replace(study, engine=engine))
    assert [stage for stage in stages if stage in MAKERS.values()] == [maker]
    assert stages[0] == "data"
    assert stages[-1] == "report"
    assert "linear_eval" in stages


def test_where_errors_are_published_none_is_measured(study):
    assert "linear_eval" not in settings.stages_of(replace(study, engine="zoo", error_source="published"))


def test_the_digest_of_a_stage_has_what_it_loads_by_name(study):
    data = code_digest("stages.data", f"data.sources.{study.dataset['name']}")
    assert settings.digest_of(study, "data") == data
    assert settings.digest_of(study, "extract", "simclr") == code_digest(
        "stages.extract", "algorithms.simclr"
    )
    assert settings.digest_of(study, "energy") == code_digest("stages.energy")
    released = replace(study, engine="zoo")
    assert settings.digest_of(released, "extract", "simclr") == code_digest("stages.extract")
