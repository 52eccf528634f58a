"""Variants of a study: what they change, and what is refused before any job."""

import copy
import itertools

import pytest
import yaml

from feature_diversity.base.errors import InputError
from feature_diversity.commands.plan import costs
from feature_diversity.planning.checks import check_machine
from feature_diversity.planning.recipe import algorithms, recipe
from feature_diversity.planning.schema import configuration
from feature_diversity.planning.study import Study
from feature_diversity.planning.variants import changes_of

GRID = {"algorithm": ["simclr", "npid"], "depth": 14, "width": 0.25, "norm": "batchnorm"}
GRID |= {"epochs": [0, 5], "seed": 1}
STUDY = {
    "description": "for the tests",
    "recipe": "small_images",
    "dataset": {"name": "digits", "image_size": 32, "test": 100, "validation": 50, "held_out": 20},
    "variants": {
        "warm": {"temperature": 0.5},
        "weak": {"crop_scale": [0.6, 1.0], "simclr": {"colour_strength": 0.1, "crop_scale": [0.5, 1.0]}},
    },
    "figures": {"figure1": GRID, "variants": GRID | {"variant": ["default", "warm", "weak"]}},
}


@pytest.fixture
def load(tmp_path):
    """Load `STUDY`, its variants or its grid of variants changed, or other keys."""

    def changed(variants: dict | None = None, grid: dict | None = None, **others) -> Study:
        content = copy.deepcopy(STUDY) | others
        content["variants"] |= variants or {}
        content["figures"]["variants"] |= grid or {}
        (tmp_path / "mine.yaml").write_text(yaml.safe_dump(content))
        return Study.load(tmp_path / "mine.yaml")

    return changed


def test_a_grid_lists_variants_and_without_them_the_default_one_is_meant(load):
    study = load()
    assert {run.variant for run in study.runs("figure1")} == {"default"}
    assert {run.variant for run in study.runs("variants")} == {"default", "warm", "weak"}
    assert len(study.runs()) == 12  # those of figure 1 are among them


def test_a_variant_changes_the_recipe_of_every_algorithm(load):
    study = load()
    for algorithm in ("simclr", "npid"):
        plain = study.recipe_of(algorithm)
        assert plain == recipe(algorithm, small_images=True)
        assert study.recipe_of(algorithm, "warm") == plain | {"temperature": 0.5}


def test_what_stands_under_an_algorithm_is_for_it_alone_and_comes_last(load):
    study = load()
    assert study.recipe_of("npid", "weak") == study.recipe_of("npid") | {"crop_scale": [0.6, 1.0]}
    changed = {"crop_scale": [0.5, 1.0], "colour_strength": 0.1}
    assert study.recipe_of("simclr", "weak") == study.recipe_of("simclr") | changed


def test_a_variant_comes_after_the_studys_own_changes(load):
    study = load(recipes={"simclr": {"temperature": 0.3, "batch_size": 64}})
    warm = study.recipe_of("simclr", "warm")
    assert (warm["temperature"], warm["batch_size"]) == (0.5, 64)


def test_no_hyper_parameter_has_the_name_of_an_algorithm():
    names = set(algorithms())
    for algorithm in names:
        assert not names & set(recipe(algorithm))
        assert changes_of(recipe(algorithm), algorithm) == recipe(algorithm)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"variants": {"hot": {}}}, r"variants\.hot: \{\} .*at least one hyper-parameter to change"),
        ({"variants": {"hot": None}}, r"variants\.hot: None is not of type 'object'"),
        ({"variants": {"hot": 3}}, r"variants\.hot: 3 is not of type 'object'"),
        ({"variants": {"Hot": {"temperature": 1.0}}}, "variants: 'Hot' does not match .*small letters"),
        ({"variants": {"so_hot": {"temperature": 1.0}}}, "variants: 'so_hot' does not match"),
        ({"variants": {"ep5": {"temperature": 1.0}}}, "variants: 'ep5' does not match"),
        ({"variants": {1: {"temperature": 1.0}}}, "variants: 1 is not of type 'string'"),
        ({"variants": {"default": {"temperature": 1.0}}}, "variants: 'default' does not match .*default"),
        ({"variants": {"hot": {"temprature": 1.0}}}, "variants: hot: npid has no 'temprature'; it has batch"),
        ({"variants": {"hot": {"embedding_size": 64}}, "grid": {"variant": "hot"}},
         "variants: hot: simclr has no 'embedding_size'.* A change for one algorithm stands under its name"),
        ({"variants": {"hot": {"simclr": {"temprature": 1.0}}},
          "grid": {"variant": "hot", "algorithm": "simclr"}},
         "variants: hot: simclr has no 'temprature'"),
        ({"variants": {"hot": {"simclr": 1.0}}}, "variants: hot: simclr is 1.0, expected changes"),
        ({"variants": {"hot": {"temperature": "high"}}}, "hot: npid: temperature is 'high', expected"),
        ({"variants": {"hot": {"temperature": 0.0}}}, "variants: hot: npid: temperature is 0.0, .*above 0"),
        ({"variants": {"hot": {"momentum": 0.0, "nesterov": True}}}, "variants: hot: npid: nesterov is true"),
        ({"variants": {"hot": {"temperature": 0.5}}}, "variants: warm trains npid as hot does"),
        ({"variants": {"hot": {"flip_probability": 0.5}}}, "variants: hot trains npid as default does"),
        ({"variants": {"hot": {"simclr": {"temperature": 1.0}}}, "grid": {"variant": ["default", "hot"]}},
         "variants: hot trains npid as default does"),
        ({"variants": {"hot": {"batch_size": 4096}}, "grid": {"variant": "hot"}},
         "variants: hot: npid: batch_size is 4096, expected 2 .* to 1647"),
        ({"grid": {"variant": "hot"}}, "figures: variant is 'hot', expected one of default, warm, weak"),
        ({"grid": {"variant": []}}, r"figures\.variants\.0\.variant: .*at least one variant"),
        ({"grid": {"variant": 1}}, r"figures\.variants\.0\.variant\.0: 1 is not of type 'string'"),
        ({"grid": {"variant": {"temperature": 1}}}, r"variant\.0: .* is not of type 'string'"),
    ],
    ids=str,
)  # fmt: skip
def test_bad_variants_end_with_one_message_before_any_job(load, changes, message):
    with pytest.raises(InputError, match=rf"mine\.yaml: .*{message}") as caught:
        load(**changes)
    assert "\n" not in str(caught.value)


def test_a_variant_that_no_grid_names_is_checked_for_those_it_can_be_for(load):
    assert "large" in load({"large": {"embedding_size": 64}}).variants  # NPID has one
    assert "hot" in load({"hot": {"simclr": {"temperature": 1.0}}}).variants
    with pytest.raises(InputError, match="variants: warm trains simclr as hot does"):
        load({"hot": {"simclr": {"temperature": 0.5}}})


def test_equal_variants_of_different_algorithms_are_two(load):
    same = {name: {name: {"temperature": 0.7}} for name in ("simclr", "npid")}
    grids = [GRID | {"algorithm": name, "variant": name} for name in same]
    study = load(figures={"figure1": GRID, "variants": grids[0], "figure3": grids[1]}, variants=same)
    assert study.recipe_of("npid", "npid")["temperature"] == 0.7


def test_released_networks_have_no_variants(load):
    grid = {"algorithm": "simclr", "depth": 50, "width": 1, "norm": "batchnorm", "epochs": 100, "seed": 0}
    others = {
        "engine": "zoo",
        "error_source": "published",
        "recipe": "vissl",
        "figures": {"figure1": grid, "variants": grid},
    }
    others["dataset"] = {"name": "imagenet", "image_size": 224, "validation": 0, "held_out": 500}
    with pytest.raises(InputError, match="variants: with engine 'zoo' nothing is trained"):
        load(**others)


def test_vissl_takes_a_variant_that_it_can_train_and_refuses_another_in_one_message(load):
    vissl = {"engine": "vissl", "grid": {"depth": 50, "width": 1}}
    figures = copy.deepcopy(STUDY["figures"]) | {"figure1": GRID | {"depth": 50, "width": 1}}
    figures["variants"] |= {"algorithm": "pirl", "variant": ["default", "large"]}
    recipes = {"pirl": {"puzzle_size": 105, "patch_size": 31}}
    content = vissl | {"figures": figures, "recipes": recipes}
    assert load({"large": {"temperature": 0.7}}, **content).recipe_of("pirl", "large")["temperature"] == 0.7
    with pytest.raises(InputError, match="patch_size is 16, expected puzzle_size // grid - 21"):
        load({"large": {"patch_size": 16}}, **content)


def test_the_machine_must_share_out_the_batch_of_a_variant(load):
    study = load({"odd": {"batch_size": 63}}, {"variant": "odd"})
    with pytest.raises(InputError, match="gpus is 2, which cannot share out the batch of npid, 63 images"):
        check_machine(study, configuration(gpus=2))


def test_a_plan_counts_a_training_for_each_variant_and_the_memory_of_its_batch(load):
    small = costs(load(grid={"variant": "default"}), 1.0, 360)
    assert "4 runs from 4 trainings" in small
    large = costs(load({"large": {"batch_size": 1024}}, {"variant": ["default", "large"]}), 1.0, 360)
    assert "8 runs from 8 trainings" in large
    assert "_large_ep5_seed1" in large


@pytest.mark.parametrize("name", ["factors", "factors_small"])
def test_the_factors_are_balanced_and_each_variant_is_named_after_its_second_levels(name):
    study = Study.find(name)
    factors = {
        "r": "learning_rate",
        "d": "weight_decay",
        "t": "temperature",
        "c": "crop_scale",
        "b": "batch_size",
    }
    for algorithm in ("simclr", "npid", "deepclusterv2"):
        plain = study.recipe_of(algorithm)
        levels = {}
        for variant in {run.variant for run in study.runs()}:
            recipe = study.recipe_of(algorithm, variant)
            changed = {key.removesuffix("s") for key in recipe if recipe[key] != plain[key]}
            levels[variant] = {letter for letter, key in factors.items() if key in changed}
            assert len(changed) == len(levels[variant])  # nothing else is changed
            assert levels[variant] == set() if variant == "default" else levels[variant] == set(variant)
        assert len(levels) == 16
        # of resolution V: no product of up to four factors is the same everywhere
        for size in range(1, 5):
            for factors_of_it in itertools.combinations(factors, size):
                products = [(-1) ** len(second & set(factors_of_it)) for second in levels.values()]
                assert sum(products) == 0
