"""What a study says of its results, to be compared with what they say of themselves."""

import json
from typing import Any

from feature_diversity.base.run import DEFAULT
from feature_diversity.base.stages import TRAINING
from feature_diversity.planning.penalties import of_training
from feature_diversity.planning.study import Study, as_json


def expected_of(study: Study) -> dict[str, Any]:
    """What the networks of a study and their linear evaluation must say of themselves.

    Returns:
        engine; dataset, what networks know of it by the study; schedule_epochs, where all trainings end
        together; recipes, algorithm -> variant -> what is other than in the default one, which is whole;
        penalties, variant -> penalty; the options of `linear_evaluation`, None where errors are published;
        `log_every`, `outcomes` and after which epochs they are measured, if the study asks for any. All as
        JSON has it.
    """
    runs = study.runs()
    recipes: dict[str, dict[str, Any]] = {}
    for algorithm, variant in sorted({(run.algorithm, run.variant) for run in runs}):
        if study.engine in TRAINING:
            default, other = study.recipe_of(algorithm), study.recipe_of(algorithm, variant)
            changed = {key: value for key, value in other.items() if default.get(key) != value}
            recipes.setdefault(algorithm, {DEFAULT: default}).setdefault(variant, changed)
    penalties = {variant: of_training(study, variant) for variant in {run.variant for run in runs}}
    expected: dict[str, Any] = {
        "engine": study.engine,
        "dataset": {key: study.dataset[key] for key in ("name", "image_size")},
        "schedule_epochs": study.epochs[-1] if study.schedule == "trajectory" else None,
        "recipes": recipes,
        "penalties": {variant: penalty for variant, penalty in penalties.items() if penalty},
        "linear_evaluation": study.linear_evaluation if study.error_source == "measured" else None,
    }
    if study.log_every:
        expected["log_every"] = study.log_every
    if study.outcomes:
        expected |= {"outcomes": study.outcomes, "outcome_epochs": study.outcome_epochs}
    return dict(json.loads(as_json(expected)))
