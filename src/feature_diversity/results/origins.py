"""Whether the files of a run are of its model, and its model is of the study as it is now."""

import json
from pathlib import Path
from typing import Any

import pandas as pd
from safetensors import SafetensorError, safe_open

from feature_diversity.base.errors import InputError
from feature_diversity.base.files import check_whole
from feature_diversity.base.run import DEFAULT, Run
from feature_diversity.base.stages import TRAINING
from feature_diversity.records.origin import model_digest

AGAIN = "delete it, and the workflow makes it anew"
NONE = "nothing"  # where there is no value


def facts_of(path: Path) -> dict[str, Any]:
    """The metadata of a model's file; InputError if it is none."""
    try:
        with safe_open(str(path), framework="numpy") as file:
            facts: dict[str, Any] = json.loads(file.metadata()["facts"])
    except (OSError, SafetensorError, KeyError, TypeError, ValueError) as error:
        raise InputError(f"{path} is not a model of this package: {error}") from None
    return facts


def read_whole_csv(path: Path) -> pd.DataFrame:
    """A table in a file. Raises ValueError if its last line does not end, as when it is cut off."""
    check_whole(path)
    return pd.read_csv(path, encoding="utf-8", dtype={"model": str})


def check_same_model(facts: dict[str, Any], parts: dict[Path, Any]) -> None:
    """InputError naming the file that was not made of the run's model.

    facts: the model's metadata. parts: file -> what it says of its model, for each of its rows.
    """
    expected = model_digest(facts)
    for path, said in parts.items():
        if other := [value for value in said if value != expected]:
            raise InputError(
                f"{path} is of the model {other[0]}, expected {expected}, the one beside it; {AGAIN}"
            )


def differences(
    run: Run, facts: dict[str, Any], expected: dict[str, Any], linear: dict[str, Any] | None = None
) -> list[str]:
    """What of a model and its linear evaluation is not as the study has it; empty if all is.

    Args:
        run: whose model it is.
        facts: the model's metadata.
        expected: as `planning.expected.expected_of` makes it.
        linear: contents of linear.json, if it is to be compared.
    """
    found = {"engine": facts.get("engine")}
    wanted = {"engine": expected["engine"]}
    if expected["engine"] in TRAINING:
        of_data = facts.get("dataset", {})
        found |= {f"dataset: {key}": of_data.get(key) for key in expected["dataset"]}
        wanted |= {f"dataset: {key}": value for key, value in expected["dataset"].items()}
        found["last epoch"] = facts.get("schedule_epochs")
        wanted["last epoch"] = expected["schedule_epochs"] or run.epochs
        found |= _named("recipe", facts.get("recipe"))
        of_algorithm = expected["recipes"][run.algorithm]
        wanted |= _named("recipe", of_algorithm[DEFAULT] | of_algorithm[run.variant])
        found["log_every"] = facts.get("log_every", 0)
        wanted["log_every"] = expected.get("log_every", 0)
        found |= _named("penalty", facts.get("penalty"))
        wanted |= _named("penalty", expected["penalties"].get(run.variant))
    if linear is not None:
        found |= _named("linear_evaluation", linear.get("options"))
        wanted |= _named("linear_evaluation", expected["linear_evaluation"])
    return [
        f"{key} is {found.get(key, NONE)}, expected {wanted.get(key, NONE)}"
        for key in sorted(found | wanted)
        if found.get(key, NONE) != wanted.get(key, NONE)
    ]


def _named(block: str, values: dict[str, Any] | None) -> dict[str, Any]:
    return {f"{block}: {key}": value for key, value in (values or {}).items()}
