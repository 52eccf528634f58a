import json

import pytest
from safetensors import safe_open
from safetensors.torch import save_file

from feature_diversity.base.errors import InputError
from feature_diversity.data import store
from feature_diversity.evaluation.linear import evaluate
from feature_diversity.networks import model
from feature_diversity.records.origin import model_digest
from feature_diversity.stages import outcomes as stage

OPTIONS = {
    "corruptions": {"names": ["fog", "contrast"], "severities": [1, 4], "images": 50},
    "few_shot": {"shots": [1, 3], "episodes": 20},
    "transfer": {"again": {"name": "digits", "validation": 100}},
}
FEW_SHOT = [f"few_shot_{shots}_{name}_error" for shots in (1, 3) for name in ("test", "logistic")]


@pytest.fixture(scope="module")
def run(digits, trained, tmp_path_factory):
    """Run the stage on one network twice; returns what it wrote."""
    folder = tmp_path_factory.mktemp("outcomes")
    facts, splits = store.read(digits, "train", "validation", "test")
    linear = folder / "linear.json"
    linear.write_text(json.dumps(evaluate(model.read(trained), facts, splits, penalties=[1.0, 0.1])))

    def run_with(options, other=digits):
        outputs = [folder / "a.json", folder / "b.json"]
        others = ["--others", str(other)] if "transfer" in options else []
        stage.main(
            [
                *("--data", str(digits), "--models", str(trained), str(trained)),
                *("--linear", str(linear), str(linear), "--options", json.dumps(options)),
                *("--outputs", *map(str, outputs), *others),
            ]
        )
        return [json.loads(path.read_text()) for path in outputs]

    return run_with


def test_all_that_is_asked_for_is_a_column_with_its_standard_error(run, trained):
    first, second = run(OPTIONS)
    assert first == second
    errors = ["transfer_again_test_error", "corrupted_test_error", *FEW_SHOT]
    assert list(first["columns"]) == [name + end for name in errors for end in ("", "_se")]
    assert all(0 <= value <= 1 for value in first["columns"].values())
    assert {name: list(found) for name, found in first["corruptions"].items()} == {
        "fog": ["1", "4"],
        "contrast": ["1", "4"],
    }
    assert first["options"] == OPTIONS
    assert first["model"] == model_digest(model.read(trained).facts)


@pytest.mark.parametrize("asked", OPTIONS)
def test_what_is_asked_for_alone_is_the_same(run, asked):
    whole, alone = run(OPTIONS)[0], run({asked: OPTIONS[asked]})[0]
    assert alone["columns"].items() < whole["columns"].items()
    assert ("corruptions" in alone) == (asked == "corruptions")


def test_a_class_with_too_few_images_ends_the_stage_before_it_measures(run):
    with pytest.raises(InputError, match=r"few_shot: class . has \d+ training .* expected at least 40"):
        run({"few_shot": {"shots": [40], "episodes": 5}})


def test_on_the_networks_own_images_transfer_is_linear_evaluation(run, digits, trained):
    facts, splits = store.read(digits, "train", "validation", "test")
    found = evaluate(model.read(trained), facts, splits, penalties=[1.0, 0.1])
    moved = run({"transfer": OPTIONS["transfer"]})[0]
    assert moved["columns"]["transfer_again_test_error"] == found["test_error"]
    assert moved["penalties"] == {"again": found["penalty"]}
    error, count = found["test_error"], found["n_test"]
    assert moved["columns"]["transfer_again_test_error_se"] == pytest.approx(
        (error * (1 - error) / count) ** 0.5
    )


def test_other_images_are_normalised_as_the_networks_own(run, digits, tmp_path):
    with safe_open(digits, "pt") as file:
        facts = json.loads(file.metadata()["facts"]) | {"mean": [0.9], "std": [0.1]}
        tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
    save_file(tensors, tmp_path / "other.safetensors", metadata={"facts": json.dumps(facts)})
    options = {"transfer": OPTIONS["transfer"]}
    assert run(options, tmp_path / "other.safetensors") == run(options)


def test_colour_images_are_taken_by_a_network_of_grey_ones(run, digits, tmp_path):
    with safe_open(digits, "pt") as file:
        facts = json.loads(file.metadata()["facts"])
        tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
    coloured = {key: x.repeat(1, 3, 1, 1) if key.endswith(".images") else x for key, x in tensors.items()}
    facts |= {"mean": 3 * facts["mean"], "std": 3 * facts["std"]}
    save_file(coloured, tmp_path / "other.safetensors", metadata={"facts": json.dumps(facts)})
    options = {"transfer": OPTIONS["transfer"]}
    assert run(options, tmp_path / "other.safetensors") == run(options)


def test_another_data_set_that_is_missing_or_has_no_test_images_is_refused(run, digits, tmp_path):
    options = {"transfer": {"a": {}, "b": {}}}
    with pytest.raises(SystemExit):
        run(options)
    with safe_open(digits, "pt") as file:
        facts = file.metadata()
        tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
    empty = {key: x[:0] if key.startswith("test.") else x for key, x in tensors.items()}
    save_file(empty, tmp_path / "other.safetensors", metadata=facts)
    with pytest.raises(InputError, match="has no test images, which outcomes need"):
        run({"transfer": OPTIONS["transfer"]}, tmp_path / "other.safetensors")
