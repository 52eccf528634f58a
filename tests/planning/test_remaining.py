"""What remains of a study: by the speed of what is done, by what the store has, by how long stages took."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from safetensors.numpy import save_file

from feature_diversity.planning import remaining
from feature_diversity.planning.cost import training_operations
from feature_diversity.planning.expected import expected_of
from feature_diversity.planning.replaced import not_of_study, replaced_line
from feature_diversity.planning.settings import digest_of
from feature_diversity.planning.study import Study
from feature_diversity.training import store

IMAGES, BATCH = 640, 64


@pytest.fixture
def study(tmp_path: Path) -> Study:
    """Two networks of two seeds, to ten epochs."""
    network = {"depth": 14, "width": 0.125, "norm": "batchnorm", "seed": [1, 2]}
    written = {
        "description": "planted",
        "dataset": {"name": "digits", "image_size": 32, "train": IMAGES, "test": 100, "validation": 50},
        "schedule": "trajectory",
        "recipe": "small_images",
        "recipes": {"simclr": {"batch_size": BATCH}},
        "figures": {"figure1": network | {"algorithm": "simclr", "epochs": [0, 5, 10]}},
    }
    written["dataset"]["held_out"] = 30
    path = tmp_path / "planted.yaml"
    path.write_text(yaml.safe_dump(written))
    return Study.load(path)


def facts_of_run(study: Study, run) -> dict:
    """What the model of a run says of itself."""
    expected = expected_of(study)
    return {
        "network": run.network.facts,
        "recipe": study.recipe_of(run.algorithm),
        "engine": "native",
        "dataset": expected["dataset"],
        "schedule_epochs": 10,
        "train_images": IMAGES,
        "code": digest_of(study, "pretrain", run.algorithm),
    }


def finish(study: Study, folder: Path, seed: int, speed: float, **other: object) -> None:
    """Plant the models and histories of a training of so many images a second."""
    for run in study.runs():
        if run.seed == seed:
            place = folder / run.folder
            place.mkdir(parents=True)
            facts = json.dumps(facts_of_run(study, run) | other)
            save_file({"x": np.zeros(1)}, place / "model.safetensors", metadata={"facts": facts})
            epochs = range(1, run.epochs + 1)
            columns = {"loss": 1.0, "learning_rate": 0.1, "images_per_second": speed}
            pd.DataFrame({"epoch": epochs} | columns).to_csv(place / "history.csv", index=False)


def test_a_training_takes_as_long_as_those_that_are_done(study: Study, tmp_path: Path):
    finish(study, tmp_path, 1, speed=64.0)  # ten epochs of ten seconds
    lines = remaining.remaining(study, tmp_path, [], 1e9, IMAGES)
    assert lines == ["left        1 of 2 trainings: 2 min, as fast as those that are done"]


def test_without_any_it_takes_what_the_device_sustains(study: Study, tmp_path: Path):
    operations = 2 * training_operations(
        "simclr", 14, 0.125, study.recipe_of("simclr"), images=IMAGES, size=32, epochs=10
    )
    (line,) = remaining.remaining(study, tmp_path, [], operations / 40 / 1e12, IMAGES)
    assert line == "left        2 of 2 trainings: 40 s, by device_tflops"


def test_a_training_under_way_is_told_with_its_epoch_and_costs_the_rest(study: Study, tmp_path: Path):
    finish(study, tmp_path, 1, speed=64.0)
    run = next(run for run in study.runs() if run.seed == 2 and run.epochs == 10)
    open_one = tmp_path / "trainings" / "digest"
    open_one.mkdir(parents=True)
    (open_one / store.SETTINGS).write_text(json.dumps(facts_of_run(study, run)))
    (open_one / "state_000000060.pt").touch()  # of ten steps an epoch
    lines = remaining.remaining(study, tmp_path, [], 1e9, IMAGES)
    assert lines[:2] == [
        "left        1 of 2 trainings: 40 s, as fast as those that are done",
        "            simclr seed 2: after epoch 6 of 10",
    ]
    (open_one / store.NOTE).write_text("{}")
    assert remaining.remaining(study, tmp_path, [], 1e9, IMAGES) == []


def test_a_stage_takes_what_it_took(study: Study, tmp_path: Path):
    for seed in (1, 2):
        finish(study, tmp_path, seed, speed=64.0)
    for run in study.runs():
        if run.seed == 1:
            (tmp_path / run.folder / "energy.csv").touch()
    times = tmp_path / "benchmarks" / "energy" / "simclr.tsv"
    times.parent.mkdir(parents=True)
    times.write_text("s\th:m:s\n30\t0:00:30\n")
    assert remaining.remaining(study, tmp_path, [], 1e9, IMAGES) == ["left        energy of 3 runs: 30 s"]


def test_outcomes_of_the_last_networks_alone_leave_nothing_to_do(study: Study, tmp_path: Path):
    for seed in (1, 2):
        finish(study, tmp_path, seed, speed=64.0)
    for run in study.runs():
        if (run.seed, run.epochs) == (1, study.epochs[-1]):
            (tmp_path / run.folder / "outcomes.json").touch()
    times = tmp_path / "benchmarks" / "outcomes" / "simclr.tsv"
    times.parent.mkdir(parents=True)
    times.write_text("s\th:m:s\n30\t0:00:30\n")
    last = replace(study, outcomes_of="last")
    assert remaining.remaining(last, tmp_path, [], 1e9, IMAGES) == ["left        outcomes of 1 runs: 30 s"]


def test_networks_of_other_settings_are_told_with_what_they_took(study: Study, tmp_path: Path):
    finish(study, tmp_path, 1, speed=64.0)
    assert not not_of_study(study, tmp_path)
    finish(study, tmp_path, 2, speed=64.0, recipe=study.recipe_of("simclr") | {"temperature": 0.7})
    others = not_of_study(study, tmp_path)
    assert {run.seed for run in others} == {2}
    (line,) = replaced_line(study, tmp_path, others)
    assert line.startswith("replaces    1 finished network (2 min of training)")


def test_the_names_in_the_store_are_the_store_s():
    assert (remaining.SETTINGS, remaining.NOTE) == (store.SETTINGS, store.NOTE)


def test_times_are_told_as_people_say_them():
    assert [remaining.told_hours(seconds) for seconds in (40, 720, 11_160)] == ["40 s", "12 min", "3.1 h"]
