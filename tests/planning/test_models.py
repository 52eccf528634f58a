"""Studies of networks of others: their runs, and every mistake in one message before anything runs."""

import copy

import pytest
import yaml

from feature_diversity.base.errors import InputError
from feature_diversity.base.layers import FIFTHS
from feature_diversity.planning import models, settings
from feature_diversity.planning.checks import check_machine
from feature_diversity.planning.schema import configuration
from feature_diversity.planning.study import Study

STUDY = {
    "description": "for the tests",
    "engine": "model",
    "dataset": {"name": "digits", "image_size": 32, "test": 100, "validation": 50, "held_out": 20},
    "models": [
        {
            "source": "timm",
            "name": ["resnet18.a1_in1k", "vit_small_patch16_224.dino"],
            "weights": "pretrained",
        },
        {"source": "torchvision", "name": "resnet18", "seed": [1, 2]},
    ],
}

FOLDERS = STUDY["dataset"] | {"name": "class_folders", "path": "pictures"}


@pytest.fixture
def load(tmp_path, monkeypatch):
    """Load `STUDY` with some keys changed, and some of its last grid; None removes a key."""
    monkeypatch.chdir(tmp_path)

    def changed(grid: dict | None = None, **changes) -> Study:
        content = copy.deepcopy(STUDY)
        content["models"][-1] |= grid or {}
        content |= changes
        for part in (content, content["models"][-1] if grid else {}):
            for key in [key for key, value in part.items() if value is None]:
                del part[key]
        (tmp_path / "mine.yaml").write_text(yaml.safe_dump(content))
        return Study.load(tmp_path / "mine.yaml")

    return changed


def test_a_model_is_a_run_by_its_name(load):
    study = load()
    assert [run.folder for run in study.runs()] == [
        "resnet18/model_ep0_seed1",
        "resnet18/model_ep0_seed2",
        "resnet18.a1_in1k/model_ep1_seed0",
        "vit_small_patch16_224.dino/model_ep1_seed0",
    ]
    assert study.runs("figure3") == study.runs()
    assert study.layers == [*FIFTHS, "trunk"]


def test_a_single_grid_and_a_single_name_are_lists_of_one(load):
    grid = {"source": "timm", "name": "resnet18", "weights": "pretrained"}
    assert load(models=[grid]).runs() == load(models=grid).runs()


def test_a_run_says_what_is_taken(load):
    study = load({"name": ["a/b"], "weights": "pretrained", "seed": 0, "variant": "cls", "tokens": "cls"})
    run = study.runs()[0]
    assert run.folder == "a_b/model_cls_ep1_seed0"
    assert models.taken(study, run) == {
        "source": "torchvision",
        "name": "a/b",
        "weights": "pretrained",
        "layers": "auto",
        "tokens": "cls",
        "prefix_tokens": None,
        "preprocessing": "own",
    }


def test_files_of_several_seeds_and_epochs_are_one_pattern(load, tmp_path):
    files = [tmp_path / f"{seed}_{epochs}.pth" for seed in (1, 2) for epochs in (10, 20)]
    for file in files:
        file.touch()
    weights = f"{tmp_path}/{{seed}}_{{epochs}}.pth"
    study = load({"source": "file", "name": "mine", "weights": weights, "epochs": [10, 20]})
    runs = [run for run in study.runs() if run.algorithm == "mine"]
    assert sorted(str(file) for file in files) == sorted(
        path for run in runs for path in models.file_of(models.taken(study, run))
    )
    assert models.taken(study, runs[0])["preprocessing"] == "study"


def test_layers_with_names_for_all_models(load):
    named = {"early": "layer1", "late": "layer4"}
    first = STUDY["models"][0] | {"layers": {"early": "blocks.0", "late": "blocks.11"}}
    study = load(models=[first, STUDY["models"][1] | {"layers": named}])
    assert study.layers == ["early", "late", "trunk"]
    assert models.taken(study, study.runs()[0])["layers"] == named
    listed = load(models=[grid | {"layers": ["norm"]} for grid in STUDY["models"]])
    assert models.taken(listed, listed.runs()[0])["layers"] == {"norm": "norm"}


def test_stages_and_memory_are_those_of_networks_that_are_taken(load):
    study = load()
    stages = settings.stages_of(study)
    assert stages[:4] == ["data", "model", "extract", "energy"]
    network = study.runs()[0].network
    assert (
        settings.extraction_memory(study, network)
        == settings.linear_evaluation_memory(study, network)
        == 8000
    )
    check_machine(study, configuration() | {"gpus": 3})  # no batch has to be shared out


@pytest.mark.parametrize(
    ("grid", "message"),
    [
        ({"source": "keras"}, "models.1.source: 'keras' is not one of"),
        ({"source": None}, "models.1: 'source' is a required property .*source, name and what else"),
        ({"name": "res net"}, "'res net' does not match .*a name of letters, digits"),
        (
            {"weight": "random"},
            r"models.1: .*'weight' was unexpected\) \(expected: only source, name, weights",
        ),
        ({"layers": {"trunk": "fc"}}, "models.1.layers: .*no name is trunk"),
        ({"layers": ["a", "a"]}, "models.1.layers: "),
        ({"layers": ["layer1"]}, "layers are fifth1, .* in one grid and layer1, trunk in another"),
        ({"tokens": "all"}, "models.1.tokens: 'all' is not one of"),
        ({"prefix_tokens": -1}, "models.1.prefix_tokens: -1 is less"),
        ({"preprocessing": "mine"}, "models.1.preprocessing: 'mine' is not one of"),
        ({"epochs": 0}, "models.1.epochs.0: 0 is less than the minimum of 1"),
        ({"epochs": 3}, "epochs is for trained weights, random ones have 0"),
        (
            {"weights": "nowhere.pth", "seed": 1},
            "weights: nowhere.pth does not exist, expected a file for resnet18",
        ),
        ({"weights": "{mood}.pth"}, "weights is '{mood}.pth', expected no braces but {seed} and {epochs}"),
        ({"weights": "pretrained"}, "resnet18/model_ep1_seed1 and .*seed2 are one network"),
        ({"source": "file", "name": "mine"}, "weights is 'random', expected the path of a file"),
        (
            {"source": "file", "name": "mine", "weights": "mine.yaml", "preprocessing": "own"},
            "preprocessing is 'own', expected 'study'",
        ),
        (
            {"source": "timm", "name": "resnet18.a1_in1k", "seed": 0, "weights": "pretrained"},
            "resnet18.a1_in1k/model_ep1_seed0 stands there twice; give one of the two grids a variant",
        ),
    ],
)
def test_a_mistake_in_a_grid_of_models_is_one_message(load, grid, message):
    with pytest.raises(InputError, match=message):
        load(grid)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"models": None}, "'models' is a required property"),
        ({"layers": ["trunk", "conv1"]}, "layers: with engine 'model' nothing is trained, so leave it out"),
        ({"figures": {"figure3": {}}}, "figures"),
        ({"schedule": "trajectory"}, "schedule: with engine 'model' nothing is trained"),
        ({"variants": {"warm": {"temperature": 1}}}, "variants: with engine 'model' nothing is trained"),
        (
            {"error_source": "published", "dataset": FOLDERS},
            "error_source is 'published', expected 'measured'",
        ),
        ({"linear_evaluation": {"layers": ["res4"]}}, "linear_evaluation.layers: with engine 'model'"),
        ({"models": [STUDY["models"][1]]}, "models: all have random weights"),
        ({"engine": "native", "models": None}, "'figures' is a required property"),
    ],
)
def test_a_key_that_does_not_go_with_models_is_named(load, changes, message):
    with pytest.raises(InputError, match=message):
        load(**changes)


def test_models_are_for_their_engine_alone(load):
    grid = {"algorithm": "simclr", "depth": 14, "width": 1, "norm": "batchnorm", "epochs": 1, "seed": 1}
    with pytest.raises(InputError, match="models: with engine 'native' there are none, so leave it out"):
        load(engine="native", figures={"figure3": grid})


def test_a_package_that_is_not_there_is_named(load, monkeypatch):
    monkeypatch.setattr(models, "find_spec", lambda name: None if name == "transformers" else name)
    with pytest.raises(InputError, match="source transformers is not installed: pip install transformers"):
        load({"source": "transformers", "name": "facebook/dinov2-small", "weights": "pretrained", "seed": 0})
