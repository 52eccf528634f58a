"""Penalties of a study's variants: what a training is compared with, checked before anything is trained."""

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from feature_diversity.base.errors import InputError
from feature_diversity.base.run import Run
from feature_diversity.interventions.arms import arms_of
from feature_diversity.training.penalties import options

if TYPE_CHECKING:
    from feature_diversity.planning.study import Study

REFERENCE = "reference"  # key of a penalty in a study: the variant that it is compared with


def penalties_of(study: "Study") -> dict[str, dict[str, Any]]:
    """Variant -> its penalty as the study writes it, of those that have one."""
    return {name: variant["penalty"] for name, variant in study.variants.items() if "penalty" in variant}


def has_doses(study: "Study") -> bool:
    """Whether the study sets the diversity of a layer."""
    return any("delta" in penalty for penalty in penalties_of(study).values())


def of_training(study: "Study", variant: str) -> dict[str, Any] | None:
    """The penalty of a variant's trainings as the stage `pretrain` takes it; None if it has none."""
    penalty = penalties_of(study).get(variant)
    return penalty and {key: value for key, value in penalty.items() if key != REFERENCE}


def reference_of(study: "Study", run: Run) -> Run | None:
    """The run whose history a run's penalty is compared with; None if it is compared with none."""
    penalty = penalties_of(study).get(run.variant, {})
    return replace(run, variant=penalty[REFERENCE]) if REFERENCE in penalty else None


def check_penalties(study: "Study") -> None:
    """InputError for what is no penalty, and for one that is compared with what is not there."""
    penalties = penalties_of(study)
    if penalties and study.engine != "native":
        raise InputError(
            f"variants: {next(iter(penalties))} has a penalty, which engine {study.engine!r} lacks"
        )
    for name, penalty in penalties.items():
        if not isinstance(penalty, dict):
            raise InputError(f"variants: {name}: penalty is {penalty!r}, expected a dictionary")
    runs = set(study.runs())
    for run in sorted(runs):
        if run.variant not in penalties:
            continue
        where = f"variants: {run.variant}: penalty"
        options.check(of_training(study, run.variant), run.algorithm, where)
        _check_reference(penalties, run.variant, where)
        if (reference := reference_of(study, run)) and reference not in runs:
            raise InputError(f"{where}: {run.folder} is compared with {reference.folder}, which no grid has")
    if has_doses(study):
        arms_of(dict.fromkeys(study.variants) | penalties)


def _check_reference(penalties: dict[str, dict[str, Any]], name: str, where: str) -> None:
    """InputError where what a penalty is compared with is not of the kind that it needs."""
    penalty = penalties[name]
    kind = options.reference_of(penalty)
    if kind is None:
        if REFERENCE in penalty:
            raise InputError(f"{where} has the key {REFERENCE}, expected none beside weight")
        return
    fitting = list(_that_can_be(kind, penalty, penalties))
    if penalty.get(REFERENCE) not in fitting:
        expected = f"expected one of {', '.join(fitting)}" if fitting else f"and no variant is {kind} there"
        raise InputError(f"{where}: {REFERENCE} is {penalty.get(REFERENCE)!r}, {expected}")


def _that_can_be(kind: str, penalty: dict[str, Any], penalties: dict[str, dict[str, Any]]) -> Iterator[str]:
    """Variants that a penalty can be compared with: only observed, on any layer; or dosed, on its layer."""
    for name, other in penalties.items():
        dosed = "delta" in other and other.get("layer") == penalty["layer"]
        if dosed if kind == "treated" else other.get("weight") == 0:
            yield name
