"""Penalties of variants: what they are compared with, and what is refused before any job."""

import copy

import pytest
import yaml

from feature_diversity.base.errors import InputError
from feature_diversity.planning import settings
from feature_diversity.planning.checks import check_machine
from feature_diversity.planning.penalties import has_doses, of_training, reference_of
from feature_diversity.planning.study import Study

DOSE = {"layer": "trunk", "lever": "energy", "delta": -1, "kappa": 1, "reference": "untreated"}
NAMES = ["untreated", "crowded", "clamped", "spread", "turned"]
STUDY = {
    "description": "for the tests",
    "recipe": "small_images",
    "dataset": {"name": "digits", "image_size": 32, "test": 100, "validation": 50, "held_out": 20},
    "variants": {
        "untreated": {"penalty": {"layer": "trunk", "lever": "energy", "weight": 0}},
        "crowded": {"penalty": DOSE},
        "clamped": {"penalty": DOSE | {"delta": 0}},
        "spread": {"penalty": DOSE | {"delta": 1}},
        "turned": {"penalty": {"layer": "trunk", "placebo": "rotation", "reference": "crowded"}},
    },
    "figures": {
        "variants": {
            "algorithm": "simclr", "depth": 14, "width": 0.25, "norm": "batchnorm", "epochs": [0, 5],
            "seed": [1, 2], "variant": NAMES,
        }
    },
}  # fmt: skip


@pytest.fixture
def load(tmp_path):
    """Load `STUDY` with other variants, or with other variants in its grid."""

    def changed(variants: dict | None = None, names: list[str] = NAMES, **others) -> Study:
        content = copy.deepcopy(STUDY) | others
        content["variants"] |= variants or {}
        content["figures"]["variants"]["variant"] = names
        (tmp_path / "mine.yaml").write_text(yaml.safe_dump(content, sort_keys=False))
        return Study.load(tmp_path / "mine.yaml")

    return changed


def test_a_training_gets_its_penalty_and_what_it_is_compared_with_is_a_run_of_its_seed(load):
    study = load()
    assert of_training(study, "default") is None
    assert of_training(study, "untreated") == {"layer": "trunk", "lever": "energy", "weight": 0}
    assert of_training(study, "crowded") == {"layer": "trunk", "lever": "energy", "delta": -1, "kappa": 1}
    compared = {}
    for run in study.runs():
        if other := reference_of(study, run):
            assert (other.seed, other.epochs, other.algorithm) == (run.seed, run.epochs, run.algorithm)
            compared[run.variant] = other.variant
    assert compared == dict.fromkeys(["crowded", "clamped", "spread"], "untreated") | {"turned": "crowded"}


def test_a_penalty_leaves_the_recipe_as_it_is(load):
    study = load()
    assert study.recipe_of("simclr", "crowded") == study.recipe_of("simclr")


def test_only_a_study_with_doses_has_the_stage(load):
    study = load()
    assert has_doses(study)
    assert "intervention" in settings.stages_of(study)
    others = {name: {"temperature": place / 10} for place, name in enumerate(NAMES[1:], start=2)}
    study = load(others, NAMES)
    assert not has_doses(study)
    assert "intervention" not in settings.stages_of(study)


@pytest.mark.parametrize(
    ("variants", "message"),
    [
        ({"crowded": {"penalty": 3}}, "crowded: penalty is 3, expected a dictionary"),
        ({"crowded": {"penalty": DOSE | {"lever": "enegy"}}}, "lever is 'enegy', expected one of energy"),
        ({"crowded": {"penalty": DOSE | {"layer": "res9"}}}, "layer is 'res9', expected one of conv1"),
        ({"crowded": {"penalty": DOSE | {"delta": -2}}}, "delta is -2, expected a number of -1 to 1"),
        ({"crowded": {"penalty": DOSE | {"reference": "gone"}}}, "is 'gone', expected one of untreated"),
        ({"crowded": {"penalty": DOSE | {"reference": "spread"}}}, "is 'spread', expected one of untreated"),
        (
            {"turned": {"penalty": STUDY["variants"]["turned"]["penalty"] | {"layer": "res4"}}},
            "no variant is treated there",
        ),
        ({"turned": {"penalty": {"layer": "trunk", "placebo": "rotation"}}}, "reference is None"),
        ({"clamped": {"penalty": DOSE | {"delta": 1}}}, "spread trains simclr as clamped does"),
        ({"spread": {"penalty": DOSE | {"delta": 0}, "temperature": 0.5}}, "are the same dose"),
    ],
)
def test_what_is_no_penalty_is_refused_before_any_job(load, variants, message):
    with pytest.raises(InputError, match=message):
        load(variants)


def test_a_run_to_compare_with_that_no_grid_has_is_named(load):
    with pytest.raises(
        InputError, match=r"is compared with simclr/.*_untreated_ep0_seed1, which no grid has"
    ):
        load(names=["crowded", "clamped", "spread"])


@pytest.mark.parametrize("option", ["--compile", "--micro-batch 8"])
def test_options_that_split_a_batch_are_refused(load, option):
    config = {"gpus": 0, "nodes": 1, "training_options": option}
    with pytest.raises(InputError, match=f"{option.split()[0]} does not go with penalties"):
        check_machine(load(), config)


def test_vissls_engine_has_no_penalties(load):
    with pytest.raises(InputError, match="untreated has a penalty, which engine 'vissl' lacks"):
        load(engine="vissl")
