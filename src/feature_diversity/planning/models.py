"""Networks of others in a study: grids of models, which take the place of the grids of runs.

A grid's `name`, `seed` and `epochs` are axes; what else it says holds for all of its models. The name stands
on the axis `algorithm`, and depth, width and norm are those of `OTHERS`.
"""

from importlib.util import find_spec
from itertools import chain, pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

from feature_diversity.base.errors import InputError
from feature_diversity.base.layers import FIFTHS
from feature_diversity.base.run import OTHERS, Run, expand

if TYPE_CHECKING:
    from feature_diversity.planning.study import Study

FIGURE = "figure3"  # error over diversity of what stands on the axis `algorithm`
MADE_HERE = (
    "figures",
    "layers",
    "recipe",
    "recipes",
    "schedule",
    "variants",
)  # for networks of ours
RANDOM, PRETRAINED = "random", "pretrained"


def with_runs(content: dict[str, Any], given: set[str]) -> dict[str, Any]:
    """The content of a study file with the runs and layers of its models, if its engine is `model`.

    Args:
        content: validated, with all defaults.
        given: the keys that the file has.

    Raises:
        InputError: a key that does not go with the engine, or models that have not the same layers or are
            one run.
    """
    if content["engine"] != "model":
        if "models" in given:
            raise InputError(f"models: with engine {content['engine']!r} there are none, so leave it out")
        return content
    for key in MADE_HERE:
        if key in given:
            raise InputError(f"{key}: with engine 'model' nothing is trained, so leave it out")
    models = content["models"]
    recorded = [_recorded(grid) for grid in models]
    if unequal := next((layers for layers in recorded if layers != recorded[0]), None):
        raise InputError(
            f"models: layers are {', '.join(recorded[0])} in one grid and {', '.join(unequal)} in another, "
            "expected the same names; layers: {NAME: LAYER} gives a layer a name that all models share"
        )
    grids = [axes_of(grid) for grid in models]
    runs = sorted(chain.from_iterable(map(expand, grids)))
    for run, other in pairwise(runs):
        if run == other:
            raise InputError(f"models: {run.folder} stands there twice; give one of the two grids a variant")
    if not any(run.epochs for run in runs):
        raise InputError(
            "models: all have random weights, expected some with trained ones, to compare errors of"
        )
    return content | {"figures": {FIGURE: grids}, "layers": recorded[0]}


def axes_of(grid: dict[str, Any]) -> dict[str, Any]:
    """The runs of a grid of models, as a grid of a figure."""
    axes = {axis: [value] for axis, value in OTHERS.items()}
    names = [name.replace("/", "_") for name in grid["name"]]
    axes |= {"algorithm": names, "variant": [grid["variant"]], "seed": grid["seed"]}
    return axes | {"epochs": [0] if grid["weights"] == RANDOM else grid.get("epochs", [1])}


def taken(study: "Study", run: Run) -> dict[str, Any]:
    """What the stage `model` takes for a run: its grid, with the run's own name and file of weights."""
    for grid in study.models:
        if run in expand(axes_of(grid) | {"seed": [run.seed]}):
            name = next(name for name in grid["name"] if name.replace("/", "_") == run.algorithm)
            said = {key: grid[key] for key in ("source", "tokens", "prefix_tokens")}
            own = "study" if grid["source"] == "file" else "own"
            said |= {"name": name, "preprocessing": grid.get("preprocessing", own)}
            layers = grid["layers"]
            said["layers"] = {layer: layer for layer in layers} if isinstance(layers, list) else layers
            return said | {"weights": _weights_of(grid, run)}
    raise InputError(f"models: none is {run.folder}")


def file_of(said: dict[str, Any]) -> list[str]:
    """The file of weights that a model is taken from, if there is one."""
    return [] if said["weights"] in (RANDOM, PRETRAINED) else [said["weights"]]


def check_models(study: "Study") -> None:
    """InputError for what can be known of models before one is made: packages, files, keys that disagree."""
    for grid in study.models:
        _check_grid(grid)
    known: dict[tuple[str, ...], Run] = {}
    for run in study.runs():
        said = taken(study, run)
        for path in file_of(said):
            if not Path(path).is_file():
                raise InputError(f"models: weights: {path} does not exist, expected a file for {run.folder}")
        name = "" if said["source"] == "file" else said["name"]
        network = run.variant, said["source"], name, said["weights"]
        if said["weights"] != RANDOM and (other := known.setdefault(network, run)) != run:
            raise InputError(
                f"models: {other.folder} and {run.folder} are one network, expected one name, seed and "
                "number of epochs, or {seed} and {epochs} in the path of weights"
            )
    if study.linear_evaluation["layers"]:
        raise InputError(
            "linear_evaluation.layers: with engine 'model' the trunk is evaluated, so leave it out"
        )


def _check_grid(grid: dict[str, Any]) -> None:
    """InputError for a package that is not installed, and for keys of a grid that do not go together."""
    source, weights = grid["source"], grid["weights"]
    if source != "file" and find_spec(source) is None:
        raise InputError(f"models: source {source} is not installed: pip install {source}")
    if source == "file" and weights in (RANDOM, PRETRAINED):
        raise InputError(f"models: weights is {weights!r}, expected the path of a file with source 'file'")
    if source == "file" and grid.get("preprocessing") == "own":
        raise InputError(
            "models: preprocessing is 'own', expected 'study' with source 'file', which does not say how its "
            "network sees images"
        )
    if weights == RANDOM and "epochs" in grid:
        raise InputError("models: epochs is for trained weights, random ones have 0, so leave it out")


def _recorded(grid: dict[str, Any]) -> list[str]:
    """The names of a grid's layers in tables."""
    layers = FIFTHS if grid["layers"] == "auto" else grid["layers"]
    return [*layers, "trunk"]


def _weights_of(grid: dict[str, Any], run: Run) -> str:
    weights: str = grid["weights"]
    if weights in (RANDOM, PRETRAINED):
        return weights
    try:
        return weights.format(seed=run.seed, epochs=run.epochs)
    except (LookupError, ValueError, AttributeError, TypeError):
        raise InputError(
            f"models: weights is {weights!r}, expected no braces but {{seed}} and {{epochs}}"
        ) from None
