"""The arms of an intervention: which variant of a study is treated how, layer by layer."""

from dataclasses import dataclass, field
from typing import Any

from feature_diversity.base.errors import InputError

FEWEST_DOSES = 3  # a trend, and a line that a curve can leave


@dataclass
class Arms:
    """Variants that treat one layer.

    Attributes:
        layer: the treated one.
        untreated: the variant that all doses are shares of.
        doses: lever -> delta -> variant.
        placebos: variant -> the treated variant whose gradient is as long.
    """

    layer: str
    untreated: str
    doses: dict[str, dict[float, str]] = field(default_factory=dict)
    placebos: dict[str, str] = field(default_factory=dict)

    def delta_of(self, variant: str) -> float:
        """The dose of a treated variant."""
        return next(
            delta for doses in self.doses.values() for delta, name in doses.items() if name == variant
        )


def arms_of(penalties: dict[str, dict[str, Any] | None]) -> list[Arms]:
    """Sort the variants of a study into arms.

    Args:
        penalties: variant -> its penalty, None where it has none; as a study writes it, with `reference`, the
            untreated variant of a dose and the treated variant of a placebo. Variants with a `weight` are no
            doses.

    Returns:
        The arms of each layer that has doses.

    Raises:
        InputError: a reference is missing or is no variant of that kind, layers have several untreated ones,
            two variants are the same dose, or a lever has too few doses.
    """
    found: dict[str, Arms] = {}
    given = {variant: penalty for variant, penalty in penalties.items() if penalty}
    for variant, penalty in given.items():
        reference = penalty.get("reference")
        if ("delta" in penalty or "placebo" in penalty) and reference not in penalties:
            raise InputError(
                f"variant {variant}: reference is {reference!r}, expected one of {', '.join(penalties)}"
            )
        if "delta" not in penalty:
            continue
        arms = found.setdefault(penalty["layer"], Arms(penalty["layer"], str(reference)))
        if arms.untreated != reference:
            raise InputError(
                f"variant {variant}: reference is {reference}, expected {arms.untreated}, as in the other "
                f"variants that treat {arms.layer}"
            )
        doses = arms.doses.setdefault(lever_of(penalty), {})
        if penalty["delta"] in doses:
            raise InputError(f"variants {doses[penalty['delta']]} and {variant} are the same dose")
        doses[penalty["delta"]] = variant
    for variant, penalty in given.items():
        if "placebo" in penalty:
            treated = str(penalty["reference"])
            if "delta" not in (given.get(treated) or {}):
                raise InputError(f"variant {variant}: reference is {treated}, expected a variant with a dose")
            found[given[treated]["layer"]].placebos[variant] = treated
    for arms in found.values():
        for lever, doses in arms.doses.items():
            if len(doses) < FEWEST_DOSES:
                raise InputError(
                    f"lever {lever} on {arms.layer} has {len(doses)} doses, expected {FEWEST_DOSES} or more"
                )
            arms.doses[lever] = dict(sorted(doses.items()))
    return list(found.values())


def lever_of(penalty: dict[str, Any]) -> str:
    """A lever for people, with its power where it is not 1."""
    power = penalty.get("s", 1)
    return penalty["lever"] if power == 1 else f"{penalty['lever']} s={power:g}"
