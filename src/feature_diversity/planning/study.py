"""The vocabulary of a study: a grid of runs, and where their results lie.

A study file (`workflow/studies/*.yaml`) names a data set, one grid of runs for each figure, and
what to change in the recipes. `Study.load` validates all of it before anything is computed.
"""

import itertools
import json
import math
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from feature_diversity.base.errors import InputError
from feature_diversity.base.literals import literal
from feature_diversity.base.paths import SOURCES, STUDIES
from feature_diversity.base.run import DEFAULT, Run, expand
from feature_diversity.data.sizes import split_sizes
from feature_diversity.planning.checks import check_study
from feature_diversity.planning.models import with_runs
from feature_diversity.planning.recipe import changed, recipe
from feature_diversity.planning.schema import load_yaml, validate
from feature_diversity.planning.variants import changes_of

MOST_RUNS = 100_000  # of a figure: ten times what Snakemake plans in a few minutes
OF_MODELS = ("name", "seed", "epochs")  # axes of a grid of models

FORMATS = ("class_folders", "tar_shards")  # of images of one's own: no data set has these names


@dataclass(frozen=True)
class Study:
    """A validated study file.

    name: the file's name without its ending. figures: figure -> list of grids. The other fields
    are the blocks of the file of the same name (described in `study.schema.yaml`).
    """

    name: str
    description: str
    engine: str
    error_source: str
    keep_features: str
    dataset: dict[str, Any]
    schedule: str
    seeds: str
    log_every: int
    recipe: str
    recipes: dict[str, dict[str, Any]]
    variants: dict[str, dict[str, Any]]
    models: list[dict[str, Any]]
    figures: dict[str, list[dict[str, Any]]]
    layers: list[str]
    energy: dict[str, Any]
    linear_evaluation: dict[str, Any]
    outcomes: dict[str, Any]
    outcomes_of: str
    outcome: str
    early_stopping: dict[str, Any]

    @classmethod
    def load(cls, path: str | Path) -> "Study":
        """Read and validate a study file; InputError names the file, the key and what is allowed."""
        path = Path(path)
        if not path.is_file():
            known = ", ".join(sorted(other.stem for other in path.parent.glob("*.yaml"))) or "none"
            raise InputError(
                f"no study {path.stem!r}: {path} does not exist; studies in {path.parent}: {known}"
            )
        if set("{}") & set(path.stem) or path.stem.startswith("."):
            expected = "no braces, and no dot at its beginning"
            raise InputError(f"{path}: the name of a study names its results, expected {expected}")
        try:
            text = path.read_text(encoding="utf-8")
        except UnicodeDecodeError as error:
            raise InputError(f"{path} is not valid YAML: {error}") from None
        content = _listed(load_yaml(text, path))
        try:
            given = set(content) if isinstance(content, dict) else set()
            validate(content, "study")
            content = with_runs(content, given)
            check_count(content["figures"])
            study = cls(name=path.stem, **content)
            check_study(study)
        except InputError as error:
            raise InputError(f"{path}: {error}") from None
        return study

    @classmethod
    def find(cls, named: str) -> "Study":
        """The study that config.yaml names; InputError as `study_file` and `load`."""
        return cls.load(study_file(named))

    @cached_property
    def epochs(self) -> list[int]:
        """All numbers of epochs that appear in the study, ascending."""
        grids = itertools.chain.from_iterable(self.figures.values())
        return sorted({epochs for grid in grids for epochs in grid["epochs"]})

    @property
    def outcome_epochs(self) -> list[int]:
        """Those of them after which `outcomes` are measured."""
        return self.epochs[-1:] if self.outcomes_of == "last" else self.epochs

    @cached_property
    def every_seed(self) -> list[int]:
        """All seeds that appear in the study, ascending."""
        grids = itertools.chain.from_iterable(self.figures.values())
        return sorted({seed for grid in grids for seed in grid["seed"]})

    @property
    def data_set(self) -> str:
        """What tables and figures call the images: those of one's own by their folder."""
        name = str(self.dataset["name"])
        return (name in FORMATS and Path(self.dataset["path"]).name) or name

    @cached_property
    def train_images(self) -> int | None:
        """How many images a training sees; None where that is known only once they are loaded.

        Raises InputError for splits that the data set, if its size is known, does not allow.
        """
        dataset = self.dataset
        published = literal(SOURCES / f"{dataset['name']}.py", "IMAGES", default=None)
        if published is None:
            return dataset["train"] or None
        if self.error_source == "published":
            published = 0, published[1]  # only the test images are needed
        keys = ("test", "validation", "held_out", "held_out_2", "train")
        return split_sizes(*published, **{key: dataset[key] for key in keys})["train"]

    @cached_property
    def transfer(self) -> dict[str, dict[str, Any]]:
        """Blocks `dataset` of the data sets that `outcomes.transfer` names, by their names there."""
        size = {"image_size": self.dataset["image_size"], "held_out": 0, "held_out_2": 0}
        return {name: block | size for name, block in self.outcomes.get("transfer", {}).items()}

    @cached_property
    def held_bytes(self) -> int:
        """Bytes of the training images in memory, as they are stored; 0 where they stay in files."""
        if literal(SOURCES / f"{self.dataset['name']}.py", "IN_FILES", default=False):
            return 0
        side: int = self.dataset["stored_size"] or self.dataset["image_size"]
        return (self.train_images or 0) * 3 * side**2

    def grids(self, figure: str | None = None) -> list[dict[str, Any]]:
        """The grids of one figure, or those of all runs there are.

        With the schedule `trajectory` each training goes to the largest of the study's numbers of
        epochs and leaves a run at every one of them, whether or not a figure asks for it. With seeds
        `together`, each network is trained with every seed of the study.
        """
        if figure:
            return self.figures[figure]
        everywhere = {"epochs": self.epochs} if self.schedule == "trajectory" else {}
        everywhere |= {"seed": self.every_seed} if self.seeds == "together" else {}
        return [grid | everywhere for grid in itertools.chain.from_iterable(self.figures.values())]

    def runs(self, figure: str | None = None) -> list[Run]:
        """Runs of one figure, or of the whole study, each once, sorted."""
        return sorted({run for grid in self.grids(figure) for run in expand(grid)})

    def recipe_of(self, algorithm: str, variant: str = DEFAULT) -> dict[str, Any]:
        """The algorithm's hyper-parameters in a variant of this study."""
        small = self.recipe == "small_images"
        values = recipe(algorithm, small_images=small, changes=self.recipes.get(algorithm))
        if variant == DEFAULT:
            return values
        return changed(
            values, algorithm, changes_of(self.variants[variant], algorithm), f"variants: {variant}"
        )


def study_file(named: str) -> Path:
    """The file of the study that config.yaml names: a name in `workflow/studies`, or the path of a file.

    Raises InputError for a file elsewhere with the name of one in `workflow/studies`: a study's name is its
    results' folder.
    """
    given = Path(named)
    ours = STUDIES / f"{given.stem}.yaml"
    if given.suffix not in (".yaml", ".yml"):
        return ours
    if given.resolve() != ours and ours.with_suffix(given.suffix).exists():
        raise InputError(f"{given}: {ours.stem} is a study of the workflow already; give yours another name")
    return given


def as_json(value: Any) -> str:
    """One line of JSON with sorted keys: the form in which options reach a stage."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"))


def check_count(figures: dict[str, list[dict[str, Any]]]) -> None:
    """InputError for grids of more than MOST_RUNS runs, before they are made."""
    for figure, grids in figures.items():
        count = sum(math.prod(len(values) for values in grid.values()) for grid in grids)
        if count > MOST_RUNS:
            raise InputError(f"figures: {figure} has {count:,} runs, expected at most {MOST_RUNS:,}")


def _listed(content: Any) -> Any:
    """A figure's single grid and an axis' single value, written as lists of one; likewise of models."""
    if isinstance(content, dict) and isinstance(content.get("models"), dict | list):
        grids = content["models"] if isinstance(content["models"], list) else [content["models"]]
        content["models"] = [
            {
                key: [value] if key in OF_MODELS and not isinstance(value, list) else value
                for key, value in grid.items()
            }
            if isinstance(grid, dict)
            else grid
            for grid in grids
        ]
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
