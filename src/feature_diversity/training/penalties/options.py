"""What a penalty may say: a dictionary of a study's variant, checked before anything is trained."""

from typing import Any

from feature_diversity.base.errors import InputError
from feature_diversity.base.layers import LAYERS

POWERED = ("energy", "weight_energy")  # levers with a power s
LEVERS = (*POWERED, "uniformity", "koleo", "variance_covariance", "mean_direction")
PLACEBOS = ("rotation", "random")
DELTA = (-1, 1)
REFERENCES = {"delta": "untreated", "placebo": "treated"}  # key of a penalty -> whose history it needs


def check(penalty: Any, algorithm: str, where: str = "penalty") -> None:
    """Check a penalty.

    Args:
        penalty: `layer`, and one of these: `lever` with `weight`, 0 for a training that is only observed;
            `lever` with `delta` and `kappa`; `placebo`. The levers of POWERED may have `s`, a power.
        algorithm: that the penalty is added to.
        where: what messages begin with.

    Raises:
        InputError: it says something else, or the algorithm lacks the layer.
    """
    if not isinstance(penalty, dict):
        raise InputError(f"{where} is {penalty!r}, expected a dictionary with lever or placebo, and layer")
    if ("lever" in penalty) == ("placebo" in penalty):
        keys = ", ".join(map(str, penalty))
        raise InputError(f"{where} has the keys {keys}; expected one of lever and placebo")
    expected = {"layer", "placebo"}
    if "lever" in penalty:
        expected = {"layer", "lever"} | ({"weight"} if "weight" in penalty else {"delta", "kappa"})
    if (found := set(penalty) - {"s"}) != expected:
        keys = ", ".join(sorted(map(str, found)))
        raise InputError(f"{where} has the keys {keys}; expected {', '.join(sorted(expected))}")
    known = LEVERS if "lever" in penalty else PLACEBOS
    _one_of(f"{where}: {'lever' if 'lever' in penalty else 'placebo'}", name_of(penalty), known)
    _one_of(f"{where}: layer", penalty["layer"], LAYERS)
    if algorithm == "jigsaw" and penalty["layer"] == "head":
        raise InputError(f"{where}: layer is head, which Jigsaw trains on patches only, not on images")
    if "s" in penalty and name_of(penalty) not in POWERED:
        raise InputError(f"{where}: {name_of(penalty)} has no power s; expected one of {', '.join(POWERED)}")
    _number(f"{where}: s", penalty.get("s", 1), "of at least 0", 0)
    _number(f"{where}: weight", penalty.get("weight", 0), "of at least 0", 0)
    _number(f"{where}: delta", penalty.get("delta", 0), "of -1 to 1", *DELTA)
    _number(f"{where}: kappa", penalty.get("kappa", 1), "above 0", 0)
    if penalty.get("kappa") == 0:
        raise InputError(f"{where}: kappa is 0, expected a number above 0")


def name_of(penalty: dict[str, Any]) -> str:
    """The lever or the placebo of a penalty."""
    return penalty.get("lever") or penalty.get("placebo", "")


def reference_of(penalty: dict[str, Any] | None) -> str | None:
    """Whose history the penalty needs, of the same seed: "untreated", "treated", or None."""
    return next((whose for key, whose in REFERENCES.items() if key in (penalty or {})), None)


def _one_of(where: str, found: Any, expected: tuple[str, ...] | list[str]) -> None:
    if found not in expected:
        raise InputError(f"{where} is {found!r}, expected one of {', '.join(expected)}")


def _number(where: str, found: Any, expected: str, low: float, high: float = float("inf")) -> None:
    is_number = isinstance(found, (int, float)) and not isinstance(found, bool)
    if not (is_number and low <= found <= high and found != float("inf")):
        raise InputError(f"{where} is {found!r}, expected a number {expected}")
