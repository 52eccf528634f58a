"""Claims on figure 3: the paper's algorithms at equal model size."""

from dataclasses import replace
from itertools import combinations

import numpy as np
import pandas as pd
from scipy import stats

from feature_diversity.claims.cells import Cells
from feature_diversity.claims.evidence import (
    AS_PUBLISHED,
    NOT_AS_PUBLISHED,
    Evidence,
    NotTestable,
    Part,
    every,
    some,
)
from feature_diversity.claims.kinds.comparisons import Comparison, compare, need_noise
from feature_diversity.claims.paper import paper
from feature_diversity.claims.runs import Runs

SIZE = ["depth", "width", "norm"]
PAPERS = paper()["families"]["algorithms"]["algorithm"]  # rivals are these, not variants that a study adds
EQUAL_LAYERS = ["conv1", "res2", "res4", "trunk"]  # of one size whatever the algorithm


def rivals(runs: Runs, target: str | None, *, supervised: bool = True) -> Runs:
    """The runs of the paper's algorithms, each trained longest, at sizes where `target` has a rival."""
    table = runs.table[runs.table["algorithm"].isin(PAPERS)]
    table = table if supervised else table[table["algorithm"] != "supervised"]
    table = table[table["epochs"] == table.groupby([*SIZE, "algorithm"])["epochs"].transform("max")]
    at = table.groupby(SIZE)["algorithm"]
    fit = at.transform("nunique") > 1
    if target:
        fit &= (table["algorithm"] == target).groupby([table[axis] for axis in SIZE]).transform("any")
    if not fit.any():
        raise NotTestable(f"needs {target or 'several algorithms'} and other algorithms at equal model size")
    table = table[fit]
    missing = sorted(set(PAPERS) - set(table["algorithm"]) - (set() if supervised else {"supervised"}))
    text = [f"without {', '.join(missing)}"] if missing else []
    return replace(runs, table=table, left_out=(*runs.left_out, *text))


def layers_of_equal_size(runs: Runs) -> tuple[list[str], str]:
    """The layers that can be compared over algorithms, and what to say about the head."""
    layers = [layer for layer in EQUAL_LAYERS if layer in runs.table and runs.table[layer].notna().any()]
    if not layers:
        raise NotTestable(f"the table has none of the layers {', '.join(EQUAL_LAYERS)}")
    sizes = set() if runs.rows is None or "n_dim" not in runs.rows else _head_sizes(runs)
    if len(sizes) == 1:
        return [*layers, "head"], "heads of equal size are compared too"
    missing = [] if "trunk" in layers else ["the table has no trunk"]
    return layers, "; ".join(
        [f"judged on {', '.join(layers)}, since heads differ in size between algorithms", *missing]
    )


def _head_sizes(runs: Runs) -> set:
    rows = runs.rows[runs.rows["layer"].eq("head") & runs.rows["algorithm"].isin(runs.table["algorithm"])]
    return set(rows["n_dim"].dropna())


def first_of_all(
    runs: Runs, columns: list[str], target: str, sign: int, *, supervised: bool, note: str = ""
) -> Evidence:
    """That `target` has the highest (sign 1) or lowest (-1) mean, on the average of columns and model sizes.

    Sizes and columns are the places of a comparison with a rival: where they differ, each has to hold by
    itself. Opposed: some rival is beyond it (Bonferroni over rivals).
    """
    runs = rivals(runs.complete(*columns), target, supervised=supervised)
    cells = Cells(runs, columns)
    algorithms = cells.frame["algorithm"]
    ahead: list[Comparison] = []
    for other in sorted(set(algorithms) - {target}):
        sides = [algorithms.eq(name).to_numpy() for name in (target, other)]
        weights, places = cells.between(sides[0], sides[1], SIZE)
        if len(weights):
            each = [sign * weights[:, :, None] * cells.column(**{column: 1}) for column in columns]
            where = pd.concat([places.assign(layer=column) for column in columns], ignore_index=True)
            share = np.full(len(where), 1 / len(where))
            ahead.append(Comparison(f"over {other}", np.concatenate(each), share, where))
    what = "percentage points of test error" if columns == ["error"] else "diversity"
    name = f"least margin of {target} over another algorithm, {what}"
    if len(columns) > 1:
        name += ", mean of layers"
    return compare(
        runs, cells, ahead, name, notes=(note,) if note else runs.left_out if runs.published else ()
    )


def first_on_average(runs: Runs, target: str, *, supervised: bool) -> Evidence:
    """`first_of_all` for the diversity of the layers of equal size."""
    layers, note = layers_of_equal_size(runs)
    return first_of_all(runs, layers, target, 1, supervised=supervised, note=note)


def supervised_is_most_diverse(runs: Runs) -> Evidence:
    """C18."""
    return first_on_average(runs, "supervised", supervised=True)


def supervised_has_least_error(runs: Runs) -> Evidence:
    """C19."""
    return first_of_all(runs, ["error"], "supervised", -1, supervised=True)


def deepcluster_has_least_error(runs: Runs) -> Evidence:
    """C20."""
    return first_of_all(runs, ["error"], "deepclusterv2", -1, supervised=False)


def rotnet_is_most_diverse(runs: Runs) -> Evidence:
    """C21."""
    return first_on_average(runs, "rotnet", supervised=False)


def rotnet_has_high_error(runs: Runs) -> Evidence:
    """C22: higher than that of more than half of the other self-supervised algorithms, at every model size.

    p that m of k comparisons hold is (k - m + 1) times the m-th smallest (partial conjunction, Benjamini &
    Heller 2008). Contradicted when at some size it is lower than that of more than half of them.
    """
    runs = rivals(runs.complete("error"), "rotnet", supervised=False)
    cells = Cells(runs, ["error"])
    parts, stated, opposed = [], [], []
    for size, rows in cells.frame.groupby(SIZE):
        is_rotnet = rows["algorithm"] == "rotnet"
        others = rows.index[~is_rotnet]
        weights = np.zeros((len(others), len(cells.frame), 1))
        weights[:, rows.index[is_rotnet], 0] = 1
        weights[np.arange(len(others)), others, 0] = -1
        tested = cells.test(weights)
        effect = float(rows.loc[is_rotnet, "error"].iloc[0] - rows.loc[~is_rotnet, "error"].median())
        needed = len(others) // 2 + 1
        if not runs.published:
            need_noise(tested)
            stated.append(several(tested.p, needed))
            opposed.append(several(tested.p_below, needed))
        depth, width, norm = size
        parts.append(Part(f"ResNet-{depth} x{width:g} {norm}", effect, p=stated[-1] if stated else np.nan))
    least = min(parts, key=lambda part: part.effect)
    facts = {
        "effect": least.effect,
        "effect_name": "percentage points of test error of RotNet above the median of the others",
        "n_runs": runs.n,
        "n_seeds": runs.n_seeds,
        "parts": tuple(parts),
        "note": "; ".join(runs.left_out),
    }
    if runs.published:
        decided = AS_PUBLISHED if least.effect > 0 else NOT_AS_PUBLISHED
        return Evidence(basis="published", decided=decided, **facts)
    return Evidence(p=every(stated), p_opposed=some(opposed), **facts)


def several(p: np.ndarray, needed: int) -> float:
    """p that at least `needed` of some hypotheses hold."""
    return min(1.0, float(np.sort(p)[needed - 1]) * (len(p) - needed + 1))


def diversity_does_not_order_errors(runs: Runs) -> Evidence:
    """C23: in every layer some two algorithms differ alike in diversity and error, and some two contrarily.

    Two algorithms differ alike or contrarily when both of their differences are significant; the least p
    of all pairs counts, corrected for their number (Bonferroni). Contradicted when in some layer all pairs
    are of one kind, so that diversity does order the errors.
    """
    layers, note = layers_of_equal_size(runs)
    runs = rivals(runs.complete("error", *layers), None)
    sizes = runs.table.groupby(SIZE)["algorithm"]
    most = sizes.transform("nunique")
    runs = replace(runs, table=runs.table[most == most.max()])
    first = runs.table.groupby(SIZE).ngroup()
    runs = replace(runs, table=runs.table[first == 0])
    cells = Cells(runs, ["error", *layers])
    n = len(cells.frame)
    if n < 3:
        raise NotTestable("needs three algorithms at equal model size")
    each = cells.each()
    pairs = np.stack([each[a] - each[b] for a, b in combinations(range(n), 2)])[:, :, None]
    error = cells.test(pairs * cells.column(error=1))
    need_noise(error)
    parts, stated, opposed = [], [], []
    for layer in layers:
        diversity = cells.test(pairs * cells.column(**{layer: 1}))
        need_noise(diversity)
        alike = _both(diversity.p, error.p, diversity.p_below, error.p_below)
        contrary = _both(diversity.p, error.p_below, diversity.p_below, error.p)
        stated.append(max(some(alike), some(contrary)))
        opposed.append(min(every(alike), every(contrary)))
        tau = stats.kendalltau(cells.frame[layer], cells.frame["error"]).statistic
        parts.append(Part(layer, float(np.nan_to_num(tau)), p=stated[-1]))
    strongest = max(parts, key=lambda part: abs(part.effect))
    return Evidence(
        effect=strongest.effect,
        effect_name=f"Kendall's tau of diversity and test error over {n} algorithms, the strongest layer",
        p=every(stated),
        p_opposed=some(opposed),
        n_runs=runs.n,
        n_seeds=runs.n_seeds,
        parts=tuple(parts),
        note="; ".join([note, *runs.left_out]),
    )


def _both(a: np.ndarray, b: np.ndarray, c: np.ndarray, d: np.ndarray) -> np.ndarray:
    """p that of each pair a and b hold, or c and d."""
    return np.minimum(np.maximum(a, b), np.maximum(c, d))


CLAIMS = {
    "C18": supervised_is_most_diverse,
    "C19": supervised_has_least_error,
    "C20": deepcluster_has_least_error,
    "C21": rotnet_is_most_diverse,
    "C22": rotnet_has_high_error,
    "C23": diversity_does_not_order_errors,
}
