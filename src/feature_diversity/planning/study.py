"""The vocabulary of a study: a grid of runs, where their results lie, and the checks on both.

A study file (`workflow/studies/*.yaml`) names a data set, one grid of runs for each figure, and
what to change in the recipes. `Study.load` validates all of it before anything is computed.
"""

import itertools
import json
import math
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import jsonschema
import yaml

from feature_diversity.base.errors import InputError
from feature_diversity.base.literals import literal
from feature_diversity.base.paths import CONFIG, SCHEMAS, SOURCES, STUDIES
from feature_diversity.base.run import Run, expand
from feature_diversity.data.sizes import split_sizes
from feature_diversity.networks.released.table import of_run
from feature_diversity.planning.recipe import recipe
from feature_diversity.vissl import config as vissl_config

__all__ = ["Run", "Study", "as_json", "configuration", "expand", "validate"]


def _is_integer(_: Any, value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_number(_: Any, value: Any) -> bool:
    return _is_integer(_, value) or (isinstance(value, float) and math.isfinite(value))


# JSON Schema counts 5.0 as an integer, which would name a folder `ep5.0`, and cannot divide .nan and .inf
Validator = jsonschema.validators.extend(  # type: ignore[no-untyped-call]
    jsonschema.Draft202012Validator,
    type_checker=jsonschema.Draft202012Validator.TYPE_CHECKER.redefine_many(
        {"integer": _is_integer, "number": _is_number}
    ),
)


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
    recipe: str
    recipes: dict[str, dict[str, Any]]
    figures: dict[str, list[dict[str, Any]]]
    layers: list[str]
    energy: dict[str, Any]
    linear_evaluation: dict[str, Any]
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
        if set("{}") & set(path.stem):
            raise InputError(f"{path}: the name of a study, which names its results, may not hold braces")
        try:
            content = _listed(yaml.load(path.read_text(encoding="utf-8"), Loader))
            validate(content, "study")
            study = cls(name=path.stem, **content)
            _check_dataset(study)
            _check_errors(study)
            if study.engine == "zoo":
                _check_released(study)
            else:
                _check_recipes(study)
            if study.engine == "vissl":
                _check_vissl(study)
        except (yaml.YAMLError, UnicodeDecodeError) as error:
            raise InputError(f"{path} is not valid YAML: {error}") from None
        except InputError as error:
            raise InputError(f"{path}: {error}") from None
        return study

    @classmethod
    def find(cls, named: str) -> "Study":
        """The study that config.yaml names: a name in `workflow/studies`, or the path of a study file.

        Raises InputError also for a file elsewhere with the name of one in `workflow/studies`: a study's
        name is its results' folder.
        """
        given = Path(named)
        ours = STUDIES / f"{given.stem}.yaml"
        if given.suffix not in (".yaml", ".yml"):
            return cls.load(ours)
        if given.resolve() != ours and ours.with_suffix(given.suffix).exists():
            raise InputError(
                f"{given}: {ours.stem} is a study of the workflow already; give yours another name"
            )
        return cls.load(given)

    @cached_property
    def epochs(self) -> list[int]:
        """All numbers of epochs that appear in the study, ascending."""
        grids = itertools.chain.from_iterable(self.figures.values())
        return sorted({epochs for grid in grids for epochs in grid["epochs"]})

    @cached_property
    def train_images(self) -> int | None:
        """How many images a training sees; None where that is known only once they are loaded.

        Raises InputError for splits that the data set, if its size is known, does not allow.
        """
        dataset = self.dataset
        try:
            published = literal(SOURCES / f"{dataset['name']}.py", "IMAGES")
        except InputError:
            return dataset["train"] or None
        if self.error_source == "published":
            published = 0, published[1]  # only the test images are needed
        keys = ("test", "validation", "held_out", "held_out_2", "train")
        return split_sizes(*published, **{key: dataset[key] for key in keys})["train"]

    @cached_property
    def held_bytes(self) -> int:
        """Bytes of the training images in memory, as they are stored; 0 where they stay in files."""
        try:
            if literal(SOURCES / f"{self.dataset['name']}.py", "IN_FILES"):
                return 0
        except InputError:
            pass
        side = self.dataset["stored_size"] or self.dataset["image_size"]
        return (self.train_images or 0) * 3 * side**2

    def grids(self, figure: str | None = None) -> list[dict[str, Any]]:
        """The grids of one figure, or those of all runs there are.

        With the schedule `trajectory` each training goes to the largest of the study's numbers of
        epochs and leaves a run at every one of them, whether or not a figure asks for it.
        """
        if figure:
            return self.figures[figure]
        grids = list(itertools.chain.from_iterable(self.figures.values()))
        return [grid | {"epochs": self.epochs} for grid in grids] if self.schedule == "trajectory" else grids

    def runs(self, figure: str | None = None) -> list[Run]:
        """Runs of one figure, or of the whole study, each once, sorted."""
        return sorted({run for grid in self.grids(figure) for run in expand(grid)})

    def recipe_of(self, algorithm: str) -> dict[str, Any]:
        """The algorithm's hyper-parameters in this study."""
        small = self.recipe == "small_images"
        return recipe(algorithm, small_images=small, changes=self.recipes.get(algorithm))


def configuration(**given: Any) -> dict[str, Any]:
    """What config.yaml says, with the given keys in their place; InputError for a wrong one."""
    config = yaml.safe_load(read_from_checkout(CONFIG)) | given
    validate(config, "config")
    return config


def read_from_checkout(path: Path) -> str:
    """Read a file of the workflow, which a wheel of the package does not have.

    Raises:
        InputError: it is not there; the message says what is needed.
    """
    if not path.exists():
        raise InputError(
            f"{path} is not there, expected the checkout of feature-diversity that this command needs: "
            "get one, and install the package from it with `pip install --editable .`"
        )
    return path.read_text()


def check_machine(study: Study, config: dict[str, Any]) -> None:
    """InputError where the machines that config.yaml names cannot train what the study asks for."""
    processes = max(1, config["gpus"])
    if processes % config["nodes"]:
        raise InputError(f"gpus is {config['gpus']}, expected a multiple of nodes, {config['nodes']}")
    trained = [] if study.engine == "zoo" else study.runs()
    for algorithm in sorted({run.algorithm for run in trained}):
        batch_size = study.recipe_of(algorithm)["batch_size"]
        if batch_size % processes:
            raise InputError(
                f"gpus is {processes}, which cannot share out the batch of {algorithm}, {batch_size} images, "
                "evenly"
            )
    # VISSL takes no such options
    mixed = study.engine == "native" and any(run.norm == "batchnorm" for run in trained)
    if mixed and "--micro-batch" in config["training_options"]:
        raise InputError(
            f"training_options: --micro-batch is not for networks with batchnorm, and {study.name} has some; "
            "use --recompute or more gpus"
        )


def data_sets() -> list[str]:
    """Names of all data sets: one for each file in `data/sources`."""
    return sorted(path.stem for path in SOURCES.glob("*.py") if not path.stem.startswith("_"))


def _check_dataset(study: "Study") -> None:
    """InputError for an unknown data set and impossible splits.

    Of a data set whose size is not known before it is loaded, what can be known is checked.
    """
    dataset = study.dataset
    if dataset["name"] not in data_sets():
        raise InputError(f"dataset.name is {dataset['name']!r}, expected one of {', '.join(data_sets())}")
    _ = study.train_images  # raises where splits are impossible
    held_out = dataset["held_out"] + dataset["held_out_2"]
    if 0 < dataset["test"] < held_out:
        raise InputError(
            f"dataset.held_out and held_out_2 are {held_out}, expected at most {dataset['test']}, "
            "the test images"
        )


def _check_recipes(study: Study) -> None:
    """InputError for an unknown algorithm, a bad recipe, and a batch larger than the training set."""
    for algorithm in sorted({run.algorithm for run in study.runs()} | set(study.recipes), key=str):
        study.recipe_of(algorithm)
    images = study.train_images
    for algorithm in sorted({run.algorithm for run in study.runs() if run.epochs}):
        batch_size = study.recipe_of(algorithm)["batch_size"]
        if images and batch_size > images:
            raise InputError(
                f"recipes: {algorithm}: batch_size is {batch_size}, expected at most {images}, the number of "
                "training images"
            )


def _check_vissl(study: Study) -> None:
    """InputError for a run that VISSL cannot train."""
    for run in study.runs():
        vissl_config.check(asdict(run), study.recipe_of(run.algorithm))


def _check_errors(study: Study) -> None:
    """InputError for published errors of networks trained here, and for measured ones without validation."""
    if study.error_source == "published" and study.engine != "zoo":
        raise InputError(
            f"error_source is 'published', expected 'measured': with engine {study.engine!r} there is no "
            "publication"
        )
    if study.error_source == "measured" and not study.dataset["validation"]:
        raise InputError("dataset.validation is 0, expected at least 1 image, by which errors are measured")


def _check_released(study: Study) -> None:
    """InputError where the table of released checkpoints does not have what the study asks for."""
    if study.schedule != "budget" or study.recipes:
        key = "schedule" if study.schedule != "budget" else "recipes"
        raise InputError(f"{key}: with engine 'zoo' nothing is trained, so leave it out")
    headless = [row.name for row in map(of_run, study.runs()) if not row.head]
    if headless and "head" in study.layers:
        raise InputError(
            f"layers: {', '.join(headless)} were released without their heads; leave head out of the layers"
        )


class Loader(yaml.SafeLoader):
    """YAML as ever, but a key given twice is an error and not silently the last one."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        keys = [key.value for key, _ in node.value if key.tag != "tag:yaml.org,2002:merge"]
        for key in keys:
            if keys.count(key) > 1:
                raise yaml.constructor.ConstructorError(None, None, f"{key!r} stands twice", node.start_mark)
        return super().construct_mapping(node, deep)


def as_json(value: Any) -> str:
    """One line of JSON with sorted keys: the form in which options reach a stage."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"))


def validate(content: Any, schema: str) -> None:
    """Check `content` against `workflow/schemas/{schema}.schema.yaml` and fill in its defaults.

    Raises InputError naming the key, the value found, and what the schema says is expected there.
    """
    rules = yaml.safe_load(read_from_checkout(SCHEMAS / f"{schema}.schema.yaml"))
    errors = list(Validator(rules).iter_errors(content))
    # an entry that is wrong in itself says more than one that is missing
    errors.sort(key=lambda error: (error.validator == "contains", list(map(str, error.path))))
    if errors:
        error = errors[0]
        where = ".".join(str(part) for part in error.absolute_path)
        expected = error.schema.get("description", "")
        if error.validator == "additionalProperties":
            expected = f"only {', '.join(error.schema['properties'])}"
        message = f"{where}: {error.message}" if where else error.message
        raise InputError(f"{message} (expected: {expected})" if expected else message)
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
