"""The recipe of each algorithm, read from the algorithm's own file without importing torch.

Every file in `algorithms/` holds two literals: `RECIPE`, VISSL's hyper-parameters with their
sources, and `SMALL_IMAGES`, what changes for images of 32 x 32 pixels and why.
"""

import ast
from functools import cache
from pathlib import Path
from typing import Any

from feature_diversity.files import InputError

FOLDER = Path(__file__).parent / "algorithms"


def algorithms() -> list[str]:
    """Names of all algorithms: one for each file in `algorithms/`."""
    return sorted(path.stem for path in FOLDER.glob("*.py") if not path.stem.startswith("_"))


def recipe(
    algorithm: str, *, small_images: bool = False, changes: dict[str, Any] | None = None
) -> dict[str, Any]:
    """The algorithm's hyper-parameters: its `RECIPE`, then `SMALL_IMAGES` if asked, then `changes`.

    Raises InputError for an unknown algorithm, for a key that the recipe does not have, and for a
    value of another type than the recipe's.
    """
    if algorithm not in algorithms():
        raise InputError(f"unknown algorithm {algorithm!r}; choose from {', '.join(algorithms())}")
    values = dict(_literal(algorithm, "RECIPE"))
    if small_images:
        values |= _literal(algorithm, "SMALL_IMAGES")
    for key, value in (changes or {}).items():
        if key not in values:
            raise InputError(f"recipes: {algorithm} has no {key!r}; it has {', '.join(sorted(values))}")
        if not _same_kind(values[key], value):
            raise InputError(
                f"recipes: {algorithm}: {key} is {value!r}, expected something like {values[key]!r}"
            )
        values[key] = value
    return values


def _same_kind(default: Any, value: Any) -> bool:
    number = (int, float)
    if isinstance(default, bool) or isinstance(value, bool):
        return isinstance(default, bool) and isinstance(value, bool)
    if isinstance(default, float):
        return isinstance(value, number)
    if isinstance(default, list) and isinstance(value, list):
        return all(_same_kind(default[0], item) for item in value) if default else True
    return isinstance(value, type(default))


@cache
def _literal(algorithm: str, name: str) -> dict[str, Any]:
    path = FOLDER / f"{algorithm}.py"
    for node in ast.parse(path.read_text()).body:
        if isinstance(node, ast.Assign) and [
            target.id for target in node.targets if isinstance(target, ast.Name)
        ] == [name]:
            return ast.literal_eval(node.value)
    raise InputError(f"{path.name} has no {name} = {{...}}; see any other file in algorithms/")
