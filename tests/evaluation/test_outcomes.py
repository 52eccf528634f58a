import json

import pytest

from feature_diversity.base.errors import InputError
from feature_diversity.data import store
from feature_diversity.evaluation.linear import evaluate
from feature_diversity.networks import model
from feature_diversity.records.origin import model_digest
from feature_diversity.stages import outcomes as stage

OPTIONS = {
    "corruptions": {"names": ["fog", "contrast"], "severities": [1, 4], "images": 50},
    "few_shot": {"shots": [1, 3], "episodes": 20},
}
FEW_SHOT = [f"few_shot_{shots}_{name}_error" for shots in (1, 3) for name in ("test", "logistic")]


@pytest.fixture(scope="module")
def run(digits, trained, tmp_path_factory):
    """Run the stage on one network twice; returns what it wrote."""
    folder = tmp_path_factory.mktemp("outcomes")
    facts, splits = store.read(digits, "train", "validation", "test")
    linear = folder / "linear.json"
    linear.write_text(json.dumps(evaluate(model.read(trained), facts, splits, penalties=[0.1])))

    def run_with(options):
        outputs = [folder / "a.json", folder / "b.json"]
        stage.main(
            [
                *("--data", str(digits), "--models", str(trained), str(trained)),
                *("--linear", str(linear), str(linear), "--options", json.dumps(options)),
                *("--outputs", *map(str, outputs)),
            ]
        )
        return [json.loads(path.read_text()) for path in outputs]

    return run_with


def test_all_that_is_asked_for_is_a_column_with_its_standard_error(run, trained):
    first, second = run(OPTIONS)
    assert first == second
    errors = ["corrupted_test_error", *FEW_SHOT]
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
