"""Claims on figure 1: layers, width and the number of epochs."""

from dataclasses import replace
from itertools import pairwise

import pandas as pd

from feature_diversity.base.run import CONFIGURATION
from feature_diversity.claims.cells import Cells
from feature_diversity.claims.evidence import AS_PUBLISHED, NOT_AS_PUBLISHED, Evidence, some
from feature_diversity.claims.kinds.comparisons import Comparison, compare, comparison
from feature_diversity.claims.kinds.layers import always_highest, in_order
from feature_diversity.claims.kinds.relations import related, unrelated
from feature_diversity.claims.kinds.stopping import early_stopping_is_most_diverse
from feature_diversity.claims.kinds.trends import slope
from feature_diversity.claims.runs import Runs
from feature_diversity.statistics.multiplicity import ALPHA

UNIT = "percentage points of test error"


def head_is_most_diverse(runs: Runs) -> Evidence:
    """C01."""
    return always_highest(runs, "head", ["conv1", "res2", "res4"])


def diversity_rises_through_the_network(runs: Runs) -> Evidence:
    """C02."""
    return in_order(runs, [("res4", "res2"), ("head", "res4")])


def first_layer_above_second_block(runs: Runs) -> Evidence:
    """C03."""
    return in_order(runs, [("conv1", "res2")])


def wider_is_more_diverse(runs: Runs, layers: tuple[str, ...] = ("res2", "res4", "head")) -> Evidence:
    """C04; with conv1 among the layers also C33."""
    runs = runs.complete(*layers)
    runs.varied("width")
    cells = Cells(runs, list(layers))
    rising = [slope(cells, layer, {layer: 1}, "width") for layer in layers]
    return compare(
        runs, cells, rising, "diversity gained with each doubling of the width, the least of the layers"
    )


def first_layer_is_the_exception(runs: Runs) -> Evidence:
    """C05: conv1 falls with width, and by more than each other layer. Contradicted when conv1 rises."""
    others = ["res2", "res4", "head"]
    runs = runs.complete("conv1", *others)
    runs.varied("width")
    cells = Cells(runs, ["conv1", *others])
    falls = slope(cells, "conv1", {"conv1": -1}, "width")
    more = [
        slope(cells, f"{layer} - conv1", {layer: 1, "conv1": -1}, "width", group=None) for layer in others
    ]
    name = (
        "diversity lost by conv1 with each doubling of the width, alone or beyond another layer's, the least"
    )
    return compare(runs, cells, [falls, *more], name)


def narrowest(runs: Runs, fewest: int) -> tuple[float, list[int]]:
    """The narrowest width, and its numbers of epochs, at least `fewest`."""
    width = runs.values("width")[0]
    return width, runs.where(runs.table["width"] == width, "no runs").varied("epochs", fewest)


def among_epochs(
    cells: Cells, name: str, column: str, width: float, high: int, low: int, *, sign: int = 1
) -> Comparison:
    """That a column is higher (sign 1) or lower after `high` than after `low` epochs, at one width.

    Other widths tell how much the trainings differ, and no more.
    """
    here = cells.frame["width"] == width
    sides = [(here & (cells.frame["epochs"] == epochs)).to_numpy() for epochs in (high, low)]
    weights, places = cells.between(sides[0], sides[1], CONFIGURATION)
    return comparison(name, sign * weights, cells.column(**{column: 1}), places)


def first_layer_grows_while_error_rises(runs: Runs) -> Evidence:
    """C06: narrowest network, from the second-largest number of epochs to the largest."""
    runs = runs.complete("error", "conv1")
    width, epochs = narrowest(runs, 2)
    cells = Cells(runs, ["error", "conv1"])
    before, after = epochs[-2:]
    rises = [
        among_epochs(cells, name, column, width, after, before)
        for column, name in (("conv1", "conv1"), ("error", UNIT))
    ]
    note = f"from {before} to {after} epochs at width {width:g}"
    name = "change of conv1 diversity, or of the test error, over the last step of epochs, the smaller number"
    return compare(runs, cells, rises, name, notes=(note,))


def correlated_in_the_trunk(runs: Runs) -> Evidence:
    """C07, read as: more diverse, less error."""
    return related(runs, ["conv1", "res2", "res4"], -1)


def uncorrelated_in_the_head(runs: Runs) -> Evidence:
    """C08."""
    return unrelated(runs, ["head"], CONFIGURATION)


def least_error_before_the_end(runs: Runs) -> Evidence:
    """C09: the second-largest number of epochs, 800 of 1000 in the paper."""
    runs = runs.complete("error")
    width, epochs = narrowest(runs, 3)
    cells, target = Cells(runs, ["error"]), epochs[-2]
    lower = [
        among_epochs(cells, f"{other} - {target} epochs", "error", width, target, other, sign=-1)
        for other in epochs
        if other != target
    ]
    here = cells.frame[cells.frame["width"] == width]
    errors = ", ".join(f"{row.epochs}: {row.error:.2f} %" for row in here.itertuples())
    name = f"error after another number of epochs minus after {target}, {UNIT}, the least"
    return compare(runs, cells, lower, name, notes=(f"width {width:g}, epochs and error: {errors}",))


def head_most_diverse_at_first(runs: Runs) -> Evidence:
    """C10."""
    runs = runs.complete("head")
    width, epochs = narrowest(runs, 2)
    cells, first = Cells(runs, ["head"]), epochs[0]
    higher = [
        among_epochs(cells, f"{first} - {other} epochs", "head", width, first, other) for other in epochs[1:]
    ]
    name = f"least margin of head diversity of {first} epochs over more"
    return compare(runs, cells, higher, name, notes=(f"width {width:g}",))


def falls_with_epochs(runs: Runs, column: str, what: str) -> tuple[Evidence, list[tuple[str, float, float]]]:
    """The trend over epochs within networks; and of each step its name, mean change, and p that it rises."""
    runs = runs.complete(column)
    epochs = runs.varied("epochs")
    cells = Cells(runs, [column])
    falls = slope(cells, what, {column: 1}, "epochs", sign=-1)
    found = compare(runs, cells, [falls], f"{what} lost with each doubling of the epochs")
    steps = []
    for before, after in pairwise(epochs):
        sides = [(cells.frame["epochs"] == number).to_numpy() for number in (after, before)]
        weights, places = cells.between(sides[0], sides[1], CONFIGURATION)
        if len(weights):
            tested = cells.test(comparison("", weights, cells.column(**{column: 1}), places).average[None])
            steps.append((f"{before} to {after} epochs", float(tested.estimate[0]), float(tested.p[0])))
    rising = [f"rises from {name}" for name, change, _ in steps if change > 0]
    return replace(found, note="; ".join(filter(None, [*rising, found.note]))), steps


def head_diversity_falls(runs: Runs) -> Evidence:
    """C11: falls, and gradually: no step rises significantly (Bonferroni)."""
    found, steps = falls_with_epochs(runs, "head", "head diversity")
    if some(p for _, _, p in steps) > ALPHA:
        return found
    note = "some step rises significantly, so it does not fall gradually"
    return replace(found, p=1.0, note=f"{note}; {found.note}")


def trade_off_in_the_head(runs: Runs) -> Evidence:
    """C12."""
    return related(runs, ["head"], 1)


def error_falls(runs: Runs) -> Evidence:
    """C14."""
    found, _ = falls_with_epochs(runs, "error", UNIT)
    if found.basis != "published":
        return found
    fell, compared = 0, 0
    for _, network in runs.table.sort_values("epochs").groupby(CONFIGURATION):
        errors: pd.Series = network["error"]
        for place, error in enumerate(errors):
            fell, compared = fell + int((errors.iloc[:place] > error).sum()), compared + place
    return replace(
        found,
        decided=AS_PUBLISHED if fell == compared else NOT_AS_PUBLISHED,
        note=f"lower after more epochs in {fell} of {compared} comparisons of one network",
    )


CLAIMS = {
    "C01": head_is_most_diverse,
    "C02": diversity_rises_through_the_network,
    "C03": first_layer_above_second_block,
    "C04": wider_is_more_diverse,
    "C05": first_layer_is_the_exception,
    "C06": first_layer_grows_while_error_rises,
    "C07": correlated_in_the_trunk,
    "C08": uncorrelated_in_the_head,
    "C09": least_error_before_the_end,
    "C10": head_most_diverse_at_first,
    "C11": head_diversity_falls,
    "C12": trade_off_in_the_head,
    "C13": early_stopping_is_most_diverse,
    "C14": error_falls,
}
