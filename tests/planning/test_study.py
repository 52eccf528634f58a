import copy
import dataclasses
import json
from pathlib import Path

import pytest
import yaml
from support.paths import ROOT

from feature_diversity.base.errors import InputError
from feature_diversity.base.layers import LAYERS, PAPERS_LAYERS
from feature_diversity.base.paths import SCHEMAS
from feature_diversity.base.run import Run, expand
from feature_diversity.data.sources import digits, mnist_5k
from feature_diversity.networks.depths import BLOCKS
from feature_diversity.planning import settings
from feature_diversity.planning.checks import check_machine
from feature_diversity.planning.expected import expected_of
from feature_diversity.planning.recipe import algorithms, recipe
from feature_diversity.planning.schema import configuration, read_from_checkout, validate
from feature_diversity.planning.study import Study, as_json

STUDIES = sorted((ROOT / "workflow" / "studies").glob("*.yaml"))

GRID = {"algorithm": "simclr", "depth": 14, "width": 0.25, "norm": "batchnorm", "epochs": 10, "seed": 1}
STUDY = {
    "description": "for the tests",
    "recipe": "small_images",  # VISSL's batches are larger than this data set
    "dataset": {"name": "digits", "image_size": 32, "test": 100, "validation": 50, "held_out": 20},
    "figures": {
        "figure1": GRID | {"width": [0.25, 0.5], "epochs": [0, 5, 10], "seed": [1, 2]},
        "figure3": GRID | {"algorithm": ["simclr", "supervised"]},
    },
}


@pytest.fixture
def load(tmp_path):
    """Load `STUDY` with some keys changed; {"a.b": 1} puts 1 at key b of block a, None removes the key."""

    def changed(**changes) -> Study:
        content = copy.deepcopy(STUDY)
        for path, value in changes.items():
            *blocks, key = path.split(".")
            block = content
            for name in blocks:
                block = block.setdefault(name, {})
            block[key] = value
            if value is None:
                del block[key]
        file = tmp_path / "mine.yaml"
        file.write_text(yaml.safe_dump(content))
        return Study.load(file)

    return changed


# --- runs ---


def test_a_run_has_a_folder_of_its_own():
    run = Run("simclr", 50, 0.5, "batchnorm", 100, 3)
    assert run.folder == "simclr/resnet50_w0.5_batchnorm_ep100_seed3"


def test_a_whole_width_is_named_without_a_point():
    assert Run("simclr", 50, 2.0, "layernorm", 0, 0).folder == "simclr/resnet50_w2_layernorm_ep0_seed0"


@pytest.mark.parametrize("width", [1 / 64, 65 / 64, 127 / 64, 0.125])
def test_the_width_in_a_folder_is_the_runs(width):
    folder = Run("simclr", 14, width, "batchnorm", 1, 1).folder
    assert float(folder.split("_")[1].removeprefix("w")) == width


def test_a_grid_expands_to_all_combinations():
    runs = expand({axis: [value] for axis, value in GRID.items()} | {"depth": [14, 26], "seed": [1, 2, 3]})
    assert {(run.depth, run.seed) for run in runs} == {(d, s) for d in (14, 26) for s in (1, 2, 3)}
    assert len(runs) == 6


def test_widths_one_and_one_point_zero_are_one_run():
    grid = {axis: [value] for axis, value in GRID.items()}
    assert expand(grid | {"width": [1]}) == expand(grid | {"width": [1.0]})


# --- studies ---


@pytest.mark.parametrize("path", STUDIES, ids=lambda path: path.stem)
def test_the_studies_of_the_workflow_load(path):
    study = Study.load(path)
    assert study.runs()
    assert study.name == path.stem


def test_a_run_that_two_figures_show_is_counted_once(load):
    study = load()
    assert len(study.runs("figure1")) == 12
    assert len(study.runs("figure3")) == 2
    assert len(study.runs()) == 13  # simclr, width 0.25, 10 epochs, seed 1 is in both


def test_runs_do_not_depend_on_the_order_of_the_figures(load):
    runs = load().runs()
    assert load(figures=dict(reversed(STUDY["figures"].items()))).runs() == runs


def test_a_figure_may_have_several_grids(load):
    study = load(figures={"figure1": [GRID, GRID | {"depth": 26, "seed": [1, 2]}]})
    assert [(run.depth, run.seed) for run in study.runs("figure1")] == [(14, 1), (26, 1), (26, 2)]


def test_a_budget_has_the_runs_that_figures_ask_for(load):
    supervised = [run.epochs for run in load(schedule="budget").runs() if run.algorithm == "supervised"]
    assert supervised == [10]


def test_a_trajectory_leaves_a_run_at_every_number_of_epochs(load):
    supervised = [run.epochs for run in load(schedule="trajectory").runs() if run.algorithm == "supervised"]
    assert supervised == [0, 5, 10]


def test_a_figure_of_a_trajectory_shows_what_it_asks_for(load):
    assert {run.epochs for run in load(schedule="trajectory").runs("figure3")} == {10}


def test_seeds_together_are_all_of_the_study_for_every_network(load):
    changes = {"figures.figure4": GRID | {"depth": 26, "seed": [2, 3]}}
    apart = load(**changes).runs()
    together = load(seeds="together", **changes).runs()
    assert {run.seed for run in apart if run.depth == 26} == {2, 3}
    assert {run.seed for run in together if run.depth == 26} == {1, 2, 3}
    assert {run.seed for run in together if run.depth == 14} == {1, 2, 3}


def test_epochs_are_those_of_all_figures_ascending(load):
    assert load(**{"figures.figure4": GRID | {"epochs": [7, 5]}}).epochs == [0, 5, 7, 10]


def test_keys_left_out_have_their_defaults(load):
    study = load(**{"recipe": None, "recipes.simclr.batch_size": 64, "recipes.supervised.batch_size": 64})
    assert study.schedule == "budget"
    assert study.recipe == "vissl"
    assert study.layers == ["conv1", "res2", "res3", "res4", "res5", "trunk", "head"]
    assert study.energy == {
        "powers": [0, 1, 2],
        "vectors": ["flatten", "gap", "vissl"],
        "centred": [False, True],
        "measure_images": 0,
    }
    assert study.linear_evaluation["penalties"] == [1, 0.1, 0.01, 0.001, 0.0001]
    assert study.dataset["train"] == study.dataset["seed"] == 0


def test_the_schema_knows_the_layers_and_depths_that_there_are():
    rules = yaml.safe_load((SCHEMAS / "study.schema.yaml").read_text())
    layers = rules["properties"]["layers"]
    assert layers["items"]["enum"] == layers["default"] == LAYERS
    assert layers["contains"]["enum"] == PAPERS_LAYERS
    assert rules["$defs"]["grid"]["properties"]["depth"]["items"]["enum"] == list(BLOCKS)


def test_defaults_of_one_study_are_not_shared_with_another(load):
    load().layers.append("res6")
    assert "res6" not in load().layers


def test_options_are_one_line_of_json_with_sorted_keys():
    assert as_json({"b": [1, 0.5], "a": None}) == '{"a":null,"b":[1,0.5]}'


# --- recipes ---


@pytest.mark.parametrize("algorithm", algorithms())
@pytest.mark.parametrize("small_images", [False, True])
def test_every_recipe_has_the_keys_that_the_training_reads(algorithm, small_images):
    keys = {
        *("batch_size", "optimizer", "momentum", "nesterov", "learning_rate", "schedule", "warmup_epochs"),
        *("warmup_start", "end", "milestones", "factor", "rate_update", "weight_decay", "decay_norm"),
        "decay_bias",
    }
    assert keys <= set(recipe(algorithm, small_images=small_images))


def test_recipes_are_vissls_unless_a_study_says_otherwise():
    values = recipe("simclr")
    assert (values["batch_size"], values["temperature"], values["optimizer"]) == (4096, 0.1, "larc")


def test_changes_come_after_those_for_small_images(load):
    study = load(recipe="small_images", **{"recipes.simclr.batch_size": 32})
    assert study.recipe_of("simclr")["batch_size"] == 32
    assert study.recipe_of("simclr")["crop_scale"] == [0.2, 1.0]
    assert study.recipe_of("supervised") == recipe("supervised", small_images=True)


def test_a_recipe_changed_for_one_study_is_as_before_for_the_next():
    recipe("simclr", changes={"batch_size": 8})
    assert recipe("simclr")["batch_size"] == 4096


def test_a_whole_number_may_stand_for_a_number_with_a_point():
    assert recipe("simclr", changes={"learning_rate": 1})["learning_rate"] == 1


@pytest.mark.parametrize(
    ("key", "value"),
    [("batch_size", 1.5), ("batch_size", True), ("nesterov", 1), ("crop_scale", ["a"]), ("optimizer", 1)],
)
def test_a_hyper_parameter_of_another_type_is_refused(key, value):
    with pytest.raises(InputError, match=f"recipes: simclr: {key} is .*expected something like"):
        recipe("simclr", changes={key: value})


# --- released networks ---

FIRST = "figures.figure1"
OTHER = {"name": "digits", "test": 100, "validation": 100}  # a data set of the outcome `transfer`
ZOO = {"engine": "zoo", "error_source": "published", "dataset.validation": 0}
ZOO |= {f"{FIRST}.depth": 50, f"{FIRST}.width": 1, f"{FIRST}.epochs": [100, 200], f"{FIRST}.seed": 0}
ZOO |= {"figures.figure3": None, "dataset.name": "imagenet", "dataset.test": 0}


def test_a_study_of_released_networks_is_a_study(load):
    study = load(**ZOO)
    assert [run.epochs for run in study.runs()] == [100, 200]


def test_networks_that_were_never_trained_here_may_be_of_other_algorithms(load):
    assert load(**ZOO, **{f"{FIRST}.algorithm": "swav"}).runs()[0].algorithm == "swav"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {f"{FIRST}.epochs": 300},
            "no released checkpoint has algorithm simclr.*nearest are simclr, depth 50",
        ),
        ({f"{FIRST}.seed": 1}, "seed 0 by convention"),
        ({"schedule": "trajectory"}, "schedule: with engine 'zoo' nothing is trained"),
        ({"recipes.simclr.batch_size": 8}, "recipes: with engine 'zoo' nothing is trained"),
        ({"engine": "native"}, "error_source is 'published', expected 'measured'"),
        ({"error_source": "measured"}, "dataset.validation is 0, expected at least 1"),
        (
            {f"{FIRST}.algorithm": "npid_lemniscate"},
            "npid_lemniscate_rn50_w1 were released without their heads; leave head out of the layers",
        ),
    ],
)
def test_what_released_networks_cannot_do_is_refused(load, changes, message):
    with pytest.raises(InputError, match=rf"mine\.yaml: .*{message}"):
        load(**ZOO | changes)


# --- VISSL's own engine ---

VISSL = {"engine": "vissl", "figures.figure3": None, f"{FIRST}.depth": 50, f"{FIRST}.width": 1}


def test_vissl_may_train_any_run_that_it_has_a_network_for(load):
    assert load(**VISSL, schedule="budget").engine == "vissl"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({f"{FIRST}.depth": 14}, "depth is 14, expected with engine 'vissl' one of 50, 101, 152, 200"),
        ({f"{FIRST}.width": 0.25}, "width is 0.25, expected with engine 'vissl' a whole number"),
        (
            {f"{FIRST}.algorithm": "pirl"},
            "recipes: pirl: patch_size is 14, expected puzzle_size // grid - 21",
        ),
    ],
)
def test_what_vissl_cannot_train_is_refused(load, changes, message):
    with pytest.raises(InputError, match=rf"mine\.yaml: .*{message}"):
        load(**VISSL | changes)


# --- bad input ---


@pytest.mark.parametrize(
    ("changes", "parts"),
    [
        ({f"{FIRST}.algorithm": "mae"}, ["'mae'", "expected one of", "simclr", "supervised"]),
        ({f"{FIRST}.hight": 1}, ["figures.figure1", "'hight'", "only algorithm, depth, width, norm, epochs"]),
        ({f"{FIRST}.seed": None}, ["figures.figure1", "'seed' is a required property"]),
        ({f"{FIRST}.epochs": -1}, ["figures.figure1", "epochs", "-1", "at least 0"]),
        ({f"{FIRST}.epochs": "many"}, ["figures.figure1", "epochs", "'many'", "'integer'"]),
        ({f"{FIRST}.epochs": 5.0}, ["figures.figure1", "epochs", "5.0", "'integer'"]),
        ({f"{FIRST}.epochs": []}, ["figures.figure1", "epochs", "at least one number of epochs"]),
        ({f"{FIRST}.depth": 18}, ["figures.figure1", "depth", "18", "14, 26, 50, 101, 152 or 200"]),
        ({f"{FIRST}.depth": 14.0}, ["figures.figure1", "depth", "14.0", "'integer'"]),
        ({f"{FIRST}.width": 0}, ["figures.figure1", "width", "multiple of 1/64 above 0"]),
        ({f"{FIRST}.width": 0.01}, ["figures.figure1", "width", "0.01", "multiple of 1/64"]),
        ({f"{FIRST}.width": float("nan")}, ["figures.figure1", "width", "nan", "multiple of 1/64"]),
        ({f"{FIRST}.width": float("inf")}, ["figures.figure1", "width", "inf", "multiple of 1/64"]),
        ({f"{FIRST}.norm": "instance"}, ["figures.figure1", "norm", "'instance'", "batchnorm or layernorm"]),
        ({f"{FIRST}.seed": True}, ["figures.figure1", "seed", "True", "a seed of at least 0"]),
        ({FIRST: []}, ["figures.figure1", "one grid or a list of grids"]),
        ({FIRST: 3}, ["figures.figure1", "3", "algorithm, depth, width, norm, epochs and seed"]),
        ({"figures": {}}, ["figures", "figure1 to figure4"]),
        ({"figures.figure9": GRID}, ["figures", "'figure9'", "figure1, figure2, figure3, figure4"]),
        ({"colour": "red"}, ["'colour'", "only description, engine"]),
        ({"description": None}, ["'description' is a required property"]),
        ({"seeds": "alone"}, ["seeds", "'alone'", "apart", "together"]),
        ({"schedule": "daily"}, ["schedule", "'daily'", "budget", "trajectory"]),
        ({"recipe": "mine"}, ["recipe", "'mine'", "vissl", "small_images"]),
        ({"recipes": {"mae": {}}}, ["'mae'", "expected one of", "simclr"]),
        ({"recipes": {1: {}}}, ["algorithm is 1", "expected one of", "simclr"]),
        ({"recipes.simclr.batchsize": 1}, ["recipes", "simclr", "'batchsize'", "batch_size"]),
        ({"recipes.simclr.batch_size": "a"}, ["recipes", "simclr", "batch_size", "'a'", "like 256"]),
        ({"dataset.name": "mnist"}, ["dataset.name", "'mnist'", "digits", "fashion_mnist"]),
        ({"dataset.image_size": "big"}, ["dataset.image_size", "'big'", "at least 16"]),
        ({"dataset.held_out": 1}, ["dataset.held_out", "1", "minimum of 2"]),
        ({"dataset.size": 3}, ["dataset", "'size'", "only name, image_size"]),
        ({"layers": ["conv2"]}, ["layers", "'conv2'", "conv1"]),
        ({"energy.powers": [-1]}, ["energy.powers", "-1", "at least 0"]),
        ({"energy.vectors": ["max"]}, ["energy.vectors", "'max'", "flatten, gap or vissl"]),
        ({"energy.centred": [1]}, ["energy.centred", "1", "true or false"]),
        (
            {"outcomes": {"robustness": {}}},
            ["outcomes", "'robustness'", "few_shot, transfer"],
        ),
        ({"outcomes.transfer": {}}, ["outcomes.transfer", "name, then another data set"]),
        ({"outcomes.transfer": {"A_b": OTHER}}, ["outcomes.transfer", "A_b", "a name of small letters"]),
        (
            {"outcomes.transfer": {"b": {"name": "digits"}}},
            ["transfer.b", "'validation' is a required"],
        ),
        (
            {"outcomes.transfer": {"b": OTHER | {"name": "x"}}},
            ["transfer.b.name is 'x'", "mnist"],
        ),
        (
            {"outcomes.transfer": {"b": OTHER | {"test": 0}}},
            ["transfer.b.test is 0", "without test images"],
        ),
        (
            {"outcomes.transfer": {"b": OTHER | {"train": 9000}}},
            ["outcomes.transfer.b.train is 9000, expected at most 1597"],
        ),
        (
            {"outcomes.transfer": {"b": OTHER}, "linear_evaluation": {"protocol": "vissl"}},
            ["outcomes.transfer", "linear_evaluation.protocol is 'vissl'", "'cached'"],
        ),
        (
            {"outcomes.corruptions": {"names": ["frost"]}},
            ["corruptions.names", "'frost'", "fog", "a corruption"],
        ),
        ({"outcomes.corruptions": {"severities": [6]}}, ["severities", "6", "a severity of 1 to 5"]),
        ({"outcomes.corruptions": {"severities": []}}, ["severities", "how severe"]),
        ({"outcomes.corruptions": {"images": 0}}, ["corruptions.images", "0", "test images of each"]),
        ({"outcomes.few_shot": {"shots": [0]}}, ["few_shot.shots", "0", "at least 1"]),
        ({"outcomes.few_shot": {"shots": [5, 5]}}, ["few_shot.shots", "numbers of training images"]),
        ({"outcomes.few_shot": {"episodes": 1}}, ["few_shot.episodes", "1", "draws of classes"]),
        ({"outcomes.few_shot": {"shots": [5000]}}, ["few_shot.shots has 5000", "at least two classes"]),
        (
            {"outcomes.corruptions": {}, "dataset.image_size": 64},
            ["outcomes.corruptions: dataset.image_size is 64, expected 32"],
        ),
        (
            {"outcomes.corruptions": {}, "linear_evaluation": {"protocol": "vissl"}},
            ["outcomes.corruptions: linear_evaluation.protocol is 'vissl', expected 'cached'"],
        ),
        ({"linear_evaluation.penalties": [0]}, ["linear_evaluation.penalties", "0", "at least 1e-6"]),
    ],
    ids=lambda value: (
        ", ".join(f"{key} {content}" for key, content in value.items()) if isinstance(value, dict) else ""
    ),
)
def test_bad_input_gives_one_line_that_names_the_key_and_what_is_allowed(load, tmp_path, changes, parts):
    with pytest.raises(InputError) as caught:
        load(**changes)
    message = str(caught.value)
    assert message.startswith(f"{tmp_path / 'mine.yaml'}: ")
    assert "\n" not in message
    for part in parts:
        assert part in message.removeprefix(str(tmp_path))


@pytest.mark.parametrize("text", ["", "[1, 2]", "just words"])
def test_a_file_that_is_no_block_of_keys_is_refused(tmp_path, text):
    (tmp_path / "mine.yaml").write_text(text)
    with pytest.raises(InputError, match=r"mine\.yaml: .* is not of type 'object'"):
        Study.load(tmp_path / "mine.yaml")


def test_a_file_that_is_not_yaml_is_refused(tmp_path):
    (tmp_path / "mine.yaml").write_text("description: [")
    with pytest.raises(InputError, match=r"mine\.yaml is not valid YAML"):
        Study.load(tmp_path / "mine.yaml")


def test_an_unknown_study_lists_those_there_are():
    with pytest.raises(InputError, match=r"no study 'cifar': .* does not exist; .*demo"):
        Study.load(STUDIES[0].parent / "cifar.yaml")


# --- config ---


def test_an_empty_config_has_the_defaults():
    config = {}
    validate(config, "config")
    places = {"study": "demo", "results": "results", "data": "data", "mirror": "", "offline": False}
    assert config == places | {
        "device_tflops": 0.03,
        "vissl_python": ".venv-vissl/bin/python",
        "gpus": 0,
        "nodes": 1,
        "training_options": "",
        "shared_trainings": "",
    }


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"studdy": "demo"}, r"'studdy' was unexpected.*only study, results, data"),
        ({"study": 3}, r"study: 3 is not of type 'string'.*the name of a file in workflow/studies"),
        ({"results": ""}, r"results: .*the folder that results go to"),
        ({"gpus": -1}, r"gpus: -1 is less than the minimum of 0.*how many GPUs train one network"),
        (
            {"training_options": "--recipe {}"},
            r"training_options: '--recipe {}' does not match .*any of --device",
        ),
        (
            {"training_options": "--precision float16"},
            r"training_options: .*--precision auto\|float32\|bfloat16",
        ),
        ({"training_options": "--micro-batch 0"}, r"training_options: '--micro-batch 0' does not match"),
        ({"mirror": "a{b}"}, r"mirror: 'a\{b\}' does not match .*without braces"),
        ({"training_options": "--compile; date"}, r"training_options: '--compile; date' does not match"),
    ],
    ids=json.dumps,
)
def test_a_wrong_config_names_the_key_and_what_is_allowed(config, message):
    with pytest.raises(InputError, match=message):
        validate(config, "config")


@pytest.mark.parametrize(
    "options",
    [
        "--compile",
        "--precision bfloat16 --micro-batch 64 --recompute",
        "--tensorboard runs/1 --save-minutes 0.5",
    ],
)
def test_a_training_may_be_told_how_to_compute(options):
    validate({"training_options": options}, "config")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"gpus": 3, "nodes": 2}, "gpus is 3, expected a multiple of nodes, 2"),
        ({"gpus": 7}, r"gpus is 7, which cannot share out the batch of \w+, \d+ images, evenly"),
        ({"training_options": "--micro-batch 8"}, "training_options: --micro-batch is not for .* batchnorm"),
    ],
    ids=json.dumps,
)
def test_machines_that_cannot_train_the_study_are_told_before_any_job(changes, message):
    with pytest.raises(InputError, match=message):
        check_machine(Study.find("demo"), configuration(**changes))


def test_only_our_own_engine_takes_micro_batches():
    study = dataclasses.replace(Study.find("demo"), engine="vissl")
    check_machine(study, configuration(training_options="--micro-batch 8"))


def test_machines_that_can_train_the_study_are_accepted():
    check_machine(Study.find("demo"), configuration(gpus=4, nodes=2, training_options="--recompute"))


@pytest.mark.parametrize(
    ("key", "value", "expected"),
    [
        ("optimizer", "adam", "one of larc, sgd"),
        ("batch_size", 0, "above 0"),
        ("temperature", 0.0, "above 0"),
        ("learning_rate", -0.1, "0 or more"),
        ("learning_rate", float("inf"), "0 or more"),
        ("flip_probability", 1.5, "0 to 1"),
        ("crop_scale", [0.5, 0.2], r"\[low, high\] above 0 and at most 1"),
        ("crop_scale", [0.5], r"\[low, high\] above 0 and at most 1"),
        ("blur_radius", [0.0, 2.0], r"\[low, high\] above 0"),
    ],
)
def test_a_value_that_makes_no_sense_is_refused_with_what_does(key, value, expected):
    with pytest.raises(InputError, match=rf"recipes: simclr: {key} is .*, expected {expected}"):
        recipe("simclr", changes={key: value})


@pytest.mark.parametrize("algorithm", algorithms())
def test_every_recipe_keeps_to_the_rules_for_changes(algorithm):
    for small_images in (False, True):
        values = recipe(algorithm, small_images=small_images)
        assert recipe(algorithm, changes=values) == values


def test_a_key_given_twice_is_refused(tmp_path):
    path = tmp_path / "twice.yaml"
    path.write_text("description: one\ndescription: two\n")
    with pytest.raises(InputError, match=r"twice\.yaml is not valid YAML: 'description' stands twice"):
        Study.load(path)


def test_a_study_that_is_not_text_is_refused(tmp_path):
    path = tmp_path / "bytes.yaml"
    path.write_bytes(b"description: \xff")
    with pytest.raises(InputError, match=r"bytes\.yaml is not valid YAML"):
        Study.load(path)


def test_more_held_out_images_than_test_images_are_refused(load):
    with pytest.raises(InputError, match=r"dataset\.held_out is 101, expected at most 100"):
        load(**{"dataset.test": 100, "dataset.held_out": 101})


def test_an_unknown_data_set_is_answered_with_the_known_ones(load):
    with pytest.raises(
        InputError, match=r"dataset\.name is 'mnist', expected one of .*digits, fashion_mnist"
    ):
        load(**{"dataset.name": "mnist"})


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"dataset.test": 1700, "dataset.validation": 98}, r"dataset\.validation is 98, expected at most 97"),
        ({"dataset.test": 2000}, r"dataset\.test is 2000, expected at most 1797"),
        (
            {"dataset.held_out": 60, "dataset.held_out_2": 41},
            r"dataset\.held_out_2 is 41, expected at most 40",
        ),
        (
            {"energy.measure_images": 20},
            r"energy\.measure_images is 20, expected 0 or more than the 20 held-",
        ),
        (
            {"outcome": "corrupted_test_error"},
            r"outcome is 'corrupted_test_error', expected test_error, knn_test_error, or another",
        ),
        ({"outcome": "loss"}, r"outcome: 'loss' does not match"),
        ({"energy.measure_images": 101}, r"energy\.measure_images is 101, expected .* at most 100, the test"),
        ({"dataset.train": 1648}, r"dataset\.train is 1648, expected at most 1647"),
        ({"dataset.name": "fashion_mnist"}, r"dataset\.test is 100, expected 0: .* 10000 test images"),
        ({"recipes.simclr.batch_size": 1}, r"recipes: simclr: batch_size is 1, expected 2 \(BatchNorm"),
        (
            {"dataset.train": 100},
            r"recipes: simclr: batch_size is 256, expected 2 .* to 100, the number of",
        ),
    ],
)
def test_impossible_splits_of_a_data_set_of_known_size_are_refused(load, changes, message):
    with pytest.raises(InputError, match=message):
        load(**changes)


@pytest.mark.parametrize("module", [digits, mnist_5k])
def test_the_known_sizes_are_those_of_the_data(module):
    source = module.load("nowhere")
    assert ((~source.is_test).sum(), source.is_test.sum()) == module.IMAGES


@pytest.mark.parametrize(
    ("name", "path", "title"),
    [
        ("class_folders", "~/pictures/birds/", "birds"),
        ("class_folders", ".", "class_folders"),
        ("tar_shards", "shards", "shards"),
        ("imagenet", "ILSVRC2012", "imagenet"),
    ],
)
def test_images_of_ones_own_are_called_by_their_folder(load, name, path, title):
    changes = {"dataset.name": name, "dataset.path": path, "dataset.test": 0 if name == "imagenet" else 100}
    assert load(**changes).data_set == title


def test_the_size_of_a_folder_is_not_known(load):
    folders = {"dataset.name": "class_folders", "dataset.path": "pictures"}
    assert load(**folders).train_images is None


def test_a_package_without_its_checkout_says_what_it_needs(tmp_path: Path):
    with pytest.raises(InputError, match=r"config\.yaml is not there, expected the checkout .*pip install"):
        read_from_checkout(tmp_path / "config.yaml")


def test_a_study_that_asks_for_no_outcomes_has_none(load):
    study = load()
    assert study.outcomes == {}
    assert "outcomes" not in expected_of(study)
    assert "outcomes" not in settings.stages_of(study)


def test_what_is_not_said_of_an_outcome_has_its_default(load):
    study = load(**{"outcomes.few_shot": {"shots": [2]}})
    assert study.outcomes == {"few_shot": {"shots": [2], "episodes": 600}}
    assert expected_of(study)["outcomes"] == study.outcomes
    assert "outcomes" in settings.stages_of(study)


def test_corrupted_images_need_memory(load):
    plain, asking = load(), load(**{"outcomes.corruptions": {"images": 10_000}})
    network = plain.runs()[0].network
    pictures = 14 * 5 * 10_000 * 3 * 32**2 / 1e6
    more = settings.outcomes_memory(asking, network) - settings.linear_evaluation_memory(plain, network)
    assert more >= pictures
