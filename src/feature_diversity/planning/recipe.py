"""The recipe of each algorithm, read from the algorithm's own file without importing torch.

Every file in `algorithms/` holds three literals: `RECIPE`, VISSL's hyper-parameters with their
sources, `SMALL_IMAGES`, what changes for images of 32 x 32 pixels and why, and `VIEWS`, see `cost.views`.
"""

import math
from typing import Any

from feature_diversity.base.errors import InputError
from feature_diversity.base.literals import literal
from feature_diversity.base.paths import ALGORITHMS

# What values may be, by key or by the key's ending; of all others, numbers may not be negative.
CHOICES = {
    "optimizer": ["larc", "sgd"],
    "schedule": ["constant", "cosine", "multistep"],
    "rate_update": ["epoch", "step"],
}
SHARES = ("probability", "momentum", "factor", "weight", "milestones")  # from 0 to 1
POSITIVE = (
    "batch_size",
    "_size",
    "_sizes",
    "temperature",
    "permutations",
    "prototypes",
    "negatives",
    "width",
)
RANGES = ("scale", "radius", "scales")  # [low, high], above 0 and, unless pixels, at most 1


def algorithms() -> list[str]:
    """Names of all algorithms: one for each file in `algorithms/`."""
    return sorted(path.stem for path in ALGORITHMS.glob("*.py") if not path.stem.startswith("_"))


def recipe(
    algorithm: str, *, small_images: bool = False, changes: dict[str, Any] | None = None
) -> dict[str, Any]:
    """The algorithm's hyper-parameters: its `RECIPE`, then `SMALL_IMAGES` if asked, then `changes`.

    Raises InputError for an unknown algorithm, for a key that the recipe does not have, and for a
    value of another type than the recipe's or outside of what makes sense.
    """
    if algorithm not in algorithms():
        raise InputError(f"algorithm is {algorithm!r}, expected one of {', '.join(algorithms())}")
    file = ALGORITHMS / f"{algorithm}.py"
    values = dict(literal(file, "RECIPE"))
    if small_images:
        values |= literal(file, "SMALL_IMAGES")
    for key, value in (changes or {}).items():
        if key not in values:
            raise InputError(f"recipes: {algorithm} has no {key!r}; it has {', '.join(sorted(values))}")
        if not _same_kind(values[key], value):
            raise InputError(
                f"recipes: {algorithm}: {key} is {value!r}, expected something like {values[key]!r}"
            )
        if expected := _expectation(key, value):
            raise InputError(f"recipes: {algorithm}: {key} is {value!r}, expected {expected}")
        values[key] = value
    if values["nesterov"] and not values["momentum"]:
        raise InputError(f"recipes: {algorithm}: nesterov is true, expected false where momentum is 0")
    return values


def _expectation(key: str, value: Any) -> str | None:
    """What was expected of a value, None if it is as expected."""
    if isinstance(value, str):
        allowed = CHOICES.get(key, [value])
        return None if value in allowed else f"one of {', '.join(allowed)}"
    if key.endswith(RANGES):
        highest = math.inf if key.endswith("radius") else 1
        pairs = value if value and isinstance(value[0], list) else [value]
        fine = all(len(pair) == 2 and 0 < pair[0] <= pair[1] <= highest for pair in pairs)
        return None if fine else f"[low, high] above 0{'' if highest > 1 else ' and at most 1'}"
    numbers = value if isinstance(value, list) else [value]
    if key.endswith(SHARES):
        return None if all(0 <= number <= 1 for number in numbers) else "0 to 1"
    if key.endswith(POSITIVE):
        return None if all(0 < number < math.inf for number in numbers) else "above 0"
    return None if all(0 <= number < math.inf for number in numbers) else "0 or more"


def _same_kind(default: Any, value: Any) -> bool:
    number = (int, float)
    if isinstance(default, bool) or isinstance(value, bool):
        return isinstance(default, bool) and isinstance(value, bool)
    if isinstance(default, float):
        return isinstance(value, number)
    if isinstance(default, list) and isinstance(value, list):
        return all(_same_kind(default[0] if default else 0.0, item) for item in value)
    return isinstance(value, type(default))
