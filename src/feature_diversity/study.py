"""The vocabulary of a study: a grid of runs, where their results lie, and the checks on both.

A study file (`workflow/studies/*.yaml`) names a data set, one grid of runs for each figure, and
what to change in the recipes. `Study.load` validates all of it before anything is computed.
"""

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import jsonschema
import yaml

from feature_diversity.files import InputError
from feature_diversity.recipe import recipe
from feature_diversity.run import Run, expand

__all__ = ["Run", "Study", "as_json", "expand", "validate"]

SCHEMAS = Path(__file__).parents[2] / "workflow" / "schemas"


@dataclass(frozen=True)
class Study:
    """A validated study file.

    name: the file's name without its ending. figures: figure -> list of grids. The other fields
    are the blocks of the file of the same name (described in `study.schema.yaml`).
    """

    name: str
    description: str
    dataset: dict[str, Any]
    schedule: str
    recipe: str
    recipes: dict[str, dict[str, Any]]
    figures: dict[str, list[dict[str, Any]]]
    layers: list[str]
    energy: dict[str, Any]
    linear_evaluation: dict[str, Any]

    @classmethod
    def load(cls, path: str | Path) -> "Study":
        """Read and validate a study file; InputError names the file, the key and what is allowed."""
        path = Path(path)
        if not path.is_file():
            known = ", ".join(sorted(other.stem for other in path.parent.glob("*.yaml"))) or "none"
            raise InputError(
                f"no study {path.stem!r}: {path} does not exist; studies in {path.parent}: {known}"
            )
        try:
            content = _listed(yaml.safe_load(path.read_text()))
            validate(content, "study")
            study = cls(name=path.stem, **content)
            for algorithm in sorted({run.algorithm for run in study.runs()} | set(study.recipes)):
                study.recipe_of(algorithm)
        except yaml.YAMLError as error:
            raise InputError(f"{path} is not valid YAML: {error}") from None
        except InputError as error:
            raise InputError(f"{path}: {error}") from None
        return study

    def runs(self, figure: str | None = None) -> list[Run]:
        """Runs of one figure, or of the whole study, each once, sorted.

        With the schedule `trajectory` the study's runs are the snapshots of every training at all
        the study's numbers of epochs; a figure's are those its grids ask for.
        """
        figures = [figure] if figure else list(self.figures)
        asked = {run for name in figures for grid in self.figures[name] for run in expand(grid)}
        if self.schedule == "trajectory" and figure is None:
            epochs = sorted({run.epochs for run in asked})
            asked = {replace(run, epochs=epoch) for run in asked for epoch in epochs}
        return sorted(asked)

    def recipe_of(self, algorithm: str) -> dict[str, Any]:
        """The algorithm's hyper-parameters in this study."""
        small = self.recipe == "small_images"
        return recipe(algorithm, small_images=small, changes=self.recipes.get(algorithm))


def as_json(value: Any) -> str:
    """One line of JSON with sorted keys: the form in which options reach a stage."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"))


def validate(content: Any, schema: str) -> None:
    """Check `content` against `workflow/schemas/{schema}.schema.yaml` and fill in its defaults.

    Raises InputError naming the key, the value found, and what the schema says is expected there.
    """
    rules = yaml.safe_load((SCHEMAS / f"{schema}.schema.yaml").read_text())
    errors = sorted(
        jsonschema.Draft202012Validator(rules).iter_errors(content),
        key=lambda error: list(map(str, error.path)),
    )
    if errors:
        error = errors[0]
        where = ".".join(str(part) for part in error.absolute_path)
        expected = error.schema.get("description", "")
        raise InputError(
            ": ".join(part for part in (where, error.message) if part)
            + (f" (expected: {expected})" if expected else "")
        )
    _fill_defaults(content, rules)


def _fill_defaults(content: dict[str, Any], rules: dict[str, Any]) -> None:
    for key, rule in rules.get("properties", {}).items():
        if "default" in rule:
            content.setdefault(key, rule["default"])
        if rule.get("type") == "object" and key in content:
            _fill_defaults(content[key], rule)


def _listed(content: Any) -> Any:
    """A figure's single grid and an axis' single value, written as lists of one."""
    if isinstance(content, dict) and isinstance(content.get("figures"), dict):
        for figure, grids in content["figures"].items():
            grids = grids if isinstance(grids, list) else [grids]
            content["figures"][figure] = [
                {axis: values if isinstance(values, list) else [values] for axis, values in grid.items()}
                if isinstance(grid, dict)
                else grid
                for grid in grids
            ]
    return content
