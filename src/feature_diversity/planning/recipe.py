"""The recipe of each algorithm, read from the algorithm's own file without importing torch.

Every file in `algorithms/` holds literals: `RECIPE`, VISSL's hyper-parameters with their sources; `LEGAL`,
which values keys of its own may have; `SMALL_IMAGES`, what changes for images of 32 x 32 pixels and why; and
`VIEWS`, see `cost.views`.
"""

import math
from collections.abc import Callable
from typing import Any

from feature_diversity.base.errors import InputError
from feature_diversity.base.literals import literal
from feature_diversity.base.paths import ALGORITHMS

# Legal values of the keys that every recipe has, see `algorithms/__init__.py`: a list of choices, or a key of
# `KINDS`. A key without an entry, here or in its algorithm's `LEGAL`, has the kind "0 or more".
LEGAL: dict[str, str | list[str]] = {
    "batch_size": "above 0",
    "optimizer": ["larc", "sgd"],
    "momentum": "0 to 1",
    "schedule": ["constant", "cosine", "multistep"],
    "milestones": "0 to 1",
    "factor": "0 to 1",
    "rate_update": ["epoch", "step"],
}


def _each(fits: Callable[[float], bool]) -> Callable[[Any], bool]:
    """The check of a number, or of each in a list."""
    return lambda value: all(map(fits, value if isinstance(value, list) else [value]))


def _range(highest: float) -> Callable[[Any], bool]:
    """The check of [low, high], or of each in a list of such."""

    def check(value: list[Any]) -> bool:
        pairs = value if value and isinstance(value[0], list) else [value]
        return all(len(pair) == 2 and 0 < pair[0] <= pair[1] <= highest for pair in pairs)

    return check


# What `LEGAL` says of numbers and lists of them, in the words of the message -> the check
KINDS: dict[str, Callable[[Any], bool]] = {
    "0 or more": _each(lambda number: 0 <= number < math.inf),
    "above 0": _each(lambda number: 0 < number < math.inf),
    "0 to 1": _each(lambda number: 0 <= number <= 1),
    "[low, high] above 0": _range(math.inf),
    "[low, high] above 0 and at most 1": _range(1),
}


def algorithms() -> list[str]:
    """Names of all algorithms: one for each file in `algorithms/`."""
    return sorted(path.stem for path in ALGORITHMS.glob("*.py") if not path.stem.startswith("_"))


def recipe(
    algorithm: str, *, small_images: bool = False, changes: dict[str, Any] | None = None
) -> dict[str, Any]:
    """The algorithm's hyper-parameters: its `RECIPE`, then `SMALL_IMAGES` if asked, then `changes`.

    Args:
        algorithm: the name of a file in `algorithms/`.
        small_images: whether what is meant for images of 32 x 32 pixels is put in.
        changes: hyper-parameter -> value, as a study gives them.

    Returns:
        A dictionary of its own, with the keys of the algorithm's `RECIPE`.

    Raises:
        InputError: for an unknown algorithm, for a key that the recipe does not have, and for a value of
            another type than the recipe's or outside of what makes sense.
    """
    if algorithm not in algorithms():
        raise InputError(f"algorithm is {algorithm!r}, expected one of {', '.join(algorithms())}")
    file = ALGORITHMS / f"{algorithm}.py"
    values = dict(literal(file, "RECIPE"))
    if small_images:
        values |= literal(file, "SMALL_IMAGES")
    return changed(values, algorithm, changes or {}, "recipes")


def changed(values: dict[str, Any], algorithm: str, changes: dict[str, Any], where: str) -> dict[str, Any]:
    """The hyper-parameters with changes, as a dictionary of its own.

    Args:
        values: of the algorithm, whole.
        algorithm: whose they are.
        changes: hyper-parameter -> value.
        where: they stand in a study, for messages.

    Raises:
        InputError: for a key that `values` does not have, and for a value of another type or outside of what
            makes sense.
    """
    values = dict(values)
    for key, value in changes.items():
        if key not in values:
            raise InputError(f"{where}: {algorithm} has no {key!r}; it has {', '.join(sorted(values))}")
        if not _same_kind(values[key], value):
            raise InputError(
                f"{where}: {algorithm}: {key} is {value!r}, expected something like {values[key]!r}"
            )
        if expected := _expectation(legal(algorithm).get(key), value):
            raise InputError(f"{where}: {algorithm}: {key} is {value!r}, expected {expected}")
        values[key] = _like(values[key], value)
    if values["nesterov"] and not values["momentum"]:
        raise InputError(f"{where}: {algorithm}: nesterov is true, expected false where momentum is 0")
    return values


def legal(algorithm: str) -> dict[str, str | list[str]]:
    """Key of the algorithm's recipe -> its choices, or a key of `KINDS`; InputError for another kind."""
    of_its_own: dict[str, str | list[str]] = literal(ALGORITHMS / f"{algorithm}.py", "LEGAL", default={})
    for key, kind in of_its_own.items():
        if isinstance(kind, str) and kind not in KINDS:
            raise InputError(
                f"{algorithm}.py: LEGAL: {key} is {kind!r}, expected a list or one of {', '.join(KINDS)}"
            )
    return LEGAL | of_its_own


def _expectation(kind: str | list[str] | None, value: Any) -> str | None:
    """What was expected of a value, None if it is as expected."""
    if isinstance(kind, list):
        return None if value in kind else f"one of {', '.join(kind)}"
    if isinstance(value, str):
        return None
    kind = kind or "0 or more"
    return None if KINDS[kind](value) else kind


def _like(default: Any, value: Any) -> Any:
    """A value in the type of the recipe's own: 1 is 1.0 where that is no whole number, also in lists."""
    if isinstance(default, float) and isinstance(value, int):
        return float(value)
    if isinstance(default, list) and isinstance(value, list) and default:
        return [_like(default[min(place, len(default) - 1)], part) for place, part in enumerate(value)]
    return value


def _same_kind(default: Any, value: Any) -> bool:
    number = (int, float)
    if isinstance(value, int) and abs(value) >= 2**63:  # no float is as large
        return False
    if isinstance(default, bool) or isinstance(value, bool):
        return isinstance(default, bool) and isinstance(value, bool)
    if isinstance(default, float):
        return isinstance(value, number)
    if isinstance(default, list) and isinstance(value, list):
        return all(_same_kind(default[0] if default else 0.0, item) for item in value)
    return isinstance(value, type(default))
