"""The variants of a study: named sets of changes to the recipes, as an axis of its grids.

A variant is a dictionary. A hyper-parameter's name stands for a change in the recipe of every algorithm that
is trained in the variant. An algorithm's name stands for changes in the recipe of that algorithm alone, as in
the study's `recipes`, and these come last. `penalty` is no change of a recipe, but a term added to the loss
(`planning.penalties`).
"""

from typing import TYPE_CHECKING, Any

from feature_diversity.base.errors import InputError
from feature_diversity.base.run import DEFAULT
from feature_diversity.planning.recipe import algorithms

if TYPE_CHECKING:
    from feature_diversity.planning.study import Study


def changes_of(variant: dict[str, Any], algorithm: str) -> dict[str, Any]:
    """What a variant changes in the recipe of an algorithm: hyper-parameter -> value."""
    return _of_all(variant) | variant.get(algorithm, {})


def check_variants(study: "Study") -> None:
    """InputError for a variant that a grid names and the study has not, and for what is wrong with one.

    That is a change that the recipe of an algorithm trained in it does not know or take, and a variant that
    is for one of its algorithms the same as another, or as the recipe without it.
    """
    trained = _trained_in(study)
    for algorithm in sorted(set().union(*trained.values())):
        plain = study.recipe_of(algorithm)
        trainings: dict[str, Any] = {DEFAULT: (plain, None)}
        for name, variant in study.variants.items():
            if algorithm not in trained[name]:
                continue
            _check_keys(name, variant, algorithm, plain)
            training = study.recipe_of(algorithm, name), variant.get("penalty")
            for other, known in trainings.items():
                if training == known:
                    raise InputError(
                        f"variants: {name} trains {algorithm} as {other} does, expected another recipe"
                    )
            trainings[name] = training


def _of_all(variant: dict[str, Any]) -> dict[str, Any]:
    """What a variant changes in the recipe of every algorithm."""
    others = {*algorithms(), "penalty"}
    return {key: value for key, value in variant.items() if key not in others}


def _trained_in(study: "Study") -> dict[str, set[str]]:
    """Which algorithms are trained in each variant; of one that no grid names, those that it can be for."""
    trained: dict[str, set[str]] = {name: set() for name in (DEFAULT, *study.variants)}
    for run in study.runs():
        if run.variant not in trained:
            raise InputError(f"figures: variant is {run.variant!r}, expected one of {', '.join(trained)}")
        trained[run.variant].add(run.algorithm)
    everyone = set().union(*trained.values())
    for name, variant in study.variants.items():
        of_all = _of_all(variant).keys()
        meant = everyone if of_all else everyone & variant.keys()
        possible = {algorithm for algorithm in meant if of_all <= study.recipe_of(algorithm).keys()}
        trained[name] = trained[name] or possible or meant
    return trained


def _check_keys(name: str, variant: dict[str, Any], algorithm: str, recipe: dict[str, Any]) -> None:
    """InputError where a variant changes what an algorithm trained in it has not."""
    own = variant.get(algorithm, {})
    if not isinstance(own, dict):
        raise InputError(f"variants: {name}: {algorithm} is {own!r}, expected changes of its recipe")
    for key in _of_all(variant):
        if key not in recipe:
            raise InputError(
                f"variants: {name}: {algorithm} has no {key!r}; it has {', '.join(sorted(recipe))}. A change "
                "for one algorithm stands under its name"
            )
