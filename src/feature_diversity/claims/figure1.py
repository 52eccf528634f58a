"""Claims on figure 1: layers, width and the number of epochs."""

import numpy as np
import pandas as pd

from feature_diversity.base.run import CELL, CONFIGURATION
from feature_diversity.claims.evidence import CONTRADICTED, SUPPORTED, UNDECIDED, Evidence, Part, every, some
from feature_diversity.claims.kinds import trends
from feature_diversity.claims.kinds.contrasts import Contrast, all_hold, some_reversed
from feature_diversity.claims.kinds.correlations import (
    correlated,
    correlation_of,
    equivalent,
    need_points,
    partial,
)
from feature_diversity.claims.kinds.early_stopping import early_stopping_is_most_diverse
from feature_diversity.claims.kinds.ordered import always_highest, in_order
from feature_diversity.claims.paper import ALPHA
from feature_diversity.claims.runs import Runs
from feature_diversity.statistics.bootstrap import codes, interval
from feature_diversity.statistics.permutation import sign_flip

UNIT = "percentage points of test error"


def head_is_most_diverse(runs: Runs) -> Evidence:
    """C01."""
    return always_highest(runs, "head", ["conv1", "res2", "res4"])


def diversity_rises_through_the_network(runs: Runs) -> Evidence:
    """C02."""
    return in_order(runs, [("res4", "res2"), ("head", "res4")], page=["res2", "res4", "head"])


def first_layer_above_second_block(runs: Runs) -> Evidence:
    """C03."""
    return in_order(runs, [("conv1", "res2")])


def wider_is_more_diverse(runs: Runs, layers: tuple[str, ...] = ("res2", "res4", "head")) -> Evidence:
    """C04; with conv1 among the layers also C33."""
    parts, rising, falling, left_out = [], [], [], []
    for layer in layers:
        kept = runs.complete(layer)
        widths = kept.varied("width")
        up, down = trends.between_networks(kept, layer, "width")
        rising.append(up)
        falling.append(down)
        parts.append(Part(layer, *trends.slope(kept, layer, "width", ["epochs"]), up))
        left_out += kept.left_out
    least = min(parts, key=lambda part: part.effect)
    return Evidence(
        least.effect,
        "diversity gained with each doubling of the width, the least of the layers",
        least.low,
        least.high,
        every(rising),
        some(falling),
        trends.least_p_of_trend(len(widths)),
        runs.n,
        runs.n_seeds,
        tuple(parts),
        "; ".join(dict.fromkeys(left_out)),
    )


def first_layer_is_the_exception(runs: Runs) -> Evidence:
    """C05: conv1 falls with width, and by more than each other layer. Contradicted when conv1 rises."""
    others = ["res2", "res4", "head"]
    runs = runs.complete("conv1", *others)
    widths = runs.varied("width")
    up, down = trends.between_networks(runs, "conv1", "width")
    first = trends.slope(runs, "conv1", "width", ["epochs"])
    parts, p = [Part("conv1", *first, down)], [down]
    log_width = np.log2(runs.table["width"].to_numpy())
    for layer in others:
        # swapping the two centred layers within a training changes the sign of its product
        difference = (runs.table["conv1"] - runs.table[layer]).to_numpy()
        products = (log_width - log_width.mean()) * (difference - difference.mean())
        p.append(sign_flip(-products, runs.training))
        both = Runs(runs.table.assign(difference=difference))
        parts.append(Part(f"conv1 - {layer}", *trends.slope(both, "difference", "width", ["epochs"]), p[-1]))
    return Evidence(
        *(first[0], "diversity of conv1 gained with each doubling of the width", *first[1:], every(p), up),
        trends.least_p_of_trend(len(widths)),
        runs.n,
        runs.n_seeds,
        tuple(parts),
        "; ".join(runs.left_out),
    )


def narrowest(runs: Runs, fewest: int) -> tuple[Runs, list[int]]:
    """The runs of the narrowest network, and its numbers of epochs, at least `fewest`."""
    width = runs.values("width")[0]
    runs = runs.where(runs.table["width"] == width, "no runs")
    return runs, runs.varied("epochs", fewest)


def by_epochs(runs: Runs, column: str) -> dict[int, pd.Series]:
    """Values of a column by number of epochs, indexed by seed."""
    return {epochs: rows.set_index("seed")[column] for epochs, rows in runs.table.groupby("epochs")}


def first_layer_grows_while_error_rises(runs: Runs) -> Evidence:
    """C06: narrowest network, from the second-largest number of epochs to the largest."""
    runs, epochs = narrowest(runs.complete("conv1", "error"), 2)
    before, after = epochs[-2:]
    diversity, error = by_epochs(runs, "conv1"), by_epochs(runs, "error")
    contrasts = [Contrast(values[after], values[before]) for values in (diversity, error)]
    cells, draws = runs.cells(["conv1", "error"], ["epochs"])
    moved = draws[:, :, cells["epochs"] == after] - draws[:, :, cells["epochs"] == before]
    parts = tuple(
        Part(name, contrast.effect, *interval(values, runs.n_seeds), all_hold([contrast]))
        for name, contrast, values in zip(("conv1", UNIT), contrasts, moved, strict=True)
    )
    return Evidence(
        *(
            parts[0].effect,
            "change of conv1 diversity over the last step of epochs",
            parts[0].low,
            parts[0].high,
        ),
        all_hold(contrasts),
        some_reversed(contrasts),
        lambda n: 2.0**-n,
        runs.n,
        runs.n_seeds,
        parts,
        "; ".join([f"from {before} to {after} epochs at width {runs.values('width')[0]:g}", *runs.left_out]),
    )


def correlated_in_the_trunk(runs: Runs) -> Evidence:
    """C07."""
    return correlated(runs, ["conv1", "res2", "res4"], CONFIGURATION, sign=-1, two_sided=True)


def uncorrelated_in_the_head(runs: Runs) -> Evidence:
    """C08."""
    runs = runs.complete("head", "error")
    cells, draws = runs.cells(["head", "error"], CELL)
    strata = codes(cells, CONFIGURATION)
    need_points(strata)
    values = cells[["head", "error"]].to_numpy().T[:, None]
    part = Part("head", float(correlation_of(values, strata)[0]))
    return equivalent(
        [part],
        [correlation_of(draws, strata)],
        runs,
        f"Spearman's rho of head diversity and test error within width, over {len(cells)} cells",
        [f"over all cells rho is {correlation_of(values, 0 * strata)[0]:.2f}"],
    )


def least_error_before_the_end(runs: Runs) -> Evidence:
    """C09: the second-largest number of epochs, 800 of 1000 in the paper."""
    runs, epochs = narrowest(runs.complete("error"), 3)
    target, samples = epochs[-2], by_epochs(runs, "error")
    contrasts = [Contrast(samples[other], samples[target]) for other in epochs if other != target]
    place = f"at {target} of {', '.join(map(str, epochs))} epochs, width {runs.values('width')[0]:g}"
    name = f"error after {epochs[-1]} epochs minus after {target}, {UNIT}"
    if runs.published:
        first = all(contrast.effect > 0 for contrast in contrasts)
        decided = SUPPORTED if first else UNDECIDED if any(c.effect == 0 for c in contrasts) else CONTRADICTED
        errors = ", ".join(f"{number}: {samples[number].iloc[0]:.2f} %" for number in epochs)
        return Evidence(
            contrasts[-1].effect,
            name,
            n_runs=runs.n,
            n_seeds=1,
            basis="published",
            decided=decided,
            note=errors,
        )
    cells, draws = runs.cells(["error"], ["epochs"])
    share = float(np.mean(cells["epochs"].to_numpy()[draws[0].argmin(axis=1)] == target))
    return Evidence(
        contrasts[-1].effect,
        name,
        *interval(draws[0][:, -1] - draws[0][:, -2], runs.n_seeds),
        max(all_hold(contrasts), 1 - share),
        some_reversed(contrasts),
        lambda n: 2.0**-n,
        runs.n,
        runs.n_seeds,
        note="; ".join([f"least {place} in {share:.0%} of the bootstrap draws", *runs.left_out]),
    )


def head_most_diverse_at_first(runs: Runs) -> Evidence:
    """C10."""
    runs, epochs = narrowest(runs.complete("head"), 2)
    samples = by_epochs(runs, "head")
    contrasts = [Contrast(samples[epochs[0]], samples[other]) for other in epochs[1:]]
    _, draws = runs.cells(["head"], ["epochs"])
    share = float(np.mean(draws[0].argmax(axis=1) == 0))
    least = (draws[0][:, [0]] - draws[0][:, 1:]).min(axis=1)
    return Evidence(
        min(contrast.effect for contrast in contrasts),
        f"least margin of head diversity of {epochs[0]} epochs over more",
        *interval(least, runs.n_seeds),
        all_hold(contrasts),
        some_reversed(contrasts),
        lambda n: 2.0**-n,
        runs.n,
        runs.n_seeds,
        note="; ".join([f"most diverse there in {share:.0%} of the bootstrap draws", *runs.left_out]),
    )


def falls_with_epochs(runs: Runs, column: str, what: str, *, gradually: bool) -> Evidence:
    """Trend over the number of epochs within networks; gradually: and no step rises significantly."""
    runs = runs.complete(column)
    runs.varied("epochs")
    up, down = trends.over_epochs(runs, column)
    parts, rise = trends.steps(runs, column)
    notes = [f"rises from {part.name}" for part in parts if part.effect > 0]
    if gradually and rise <= ALPHA:
        down = 1.0
        notes.append("some step rises significantly, so it does not fall gradually")
    return Evidence(
        *_named(
            trends.slope(runs, column, "epochs", CONFIGURATION),
            f"{what} gained with each doubling of the epochs",
        ),
        down,
        up,
        trends.least_p_of_signs(runs.n_networks),
        runs.n,
        runs.n_seeds,
        tuple(parts),
        "; ".join([*notes, *runs.left_out]),
    )


def _named(slope: tuple[float, float, float], name: str) -> tuple[float, str, float, float]:
    return slope[0], name, slope[1], slope[2]


def head_diversity_falls(runs: Runs) -> Evidence:
    """C11."""
    return falls_with_epochs(runs, "head", "head diversity", gradually=True)


def trade_off_in_the_head(runs: Runs) -> Evidence:
    """C12."""
    evidence = correlated(runs, ["head"], CONFIGURATION, sign=1, two_sided=False)
    cells, _ = runs.complete("head", "error").cells(["head", "error"], CELL)
    rho = partial(cells, "head", "error", cells["epochs"].to_numpy(), codes(cells, CONFIGURATION))
    given = f"given the number of epochs the partial rho is {rho:.2f}" if np.isfinite(rho) else ""
    return Evidence(**vars(evidence) | {"note": "; ".join(filter(None, [evidence.note, given]))})


def error_falls(runs: Runs) -> Evidence:
    """C14."""
    runs = runs.complete("error")
    runs.varied("epochs")
    if not runs.published:
        return falls_with_epochs(runs, "error", "percentage points of test error", gradually=False)
    fell, compared = 0, 0
    for _, network in runs.table.sort_values("epochs").groupby(CONFIGURATION):
        errors = network["error"].to_numpy()
        later = np.triu(errors[None, :] - errors[:, None] < 0, k=1)
        fell, compared = fell + int(later.sum()), compared + len(errors) * (len(errors) - 1) // 2
    decided = SUPPORTED if fell == compared else CONTRADICTED if fell == 0 else UNDECIDED
    return Evidence(
        trends.slope(runs, "error", "epochs", CONFIGURATION)[0],
        f"{UNIT} gained with each doubling of the epochs",
        n_runs=runs.n,
        n_seeds=1,
        basis="published",
        decided=decided,
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
