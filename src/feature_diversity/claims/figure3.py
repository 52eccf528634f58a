"""Claims on figure 3: algorithms at equal model size."""

import numpy as np
import pandas as pd
from scipy import stats

from feature_diversity.claims.evidence import (
    CONTRADICTED,
    SUPPORTED,
    UNDECIDED,
    Evidence,
    NotTestable,
    Part,
    every,
    some,
)
from feature_diversity.claims.kinds.contrasts import Contrast, all_hold, some_reversed
from feature_diversity.claims.kinds.trends import least_p_of_two_samples
from feature_diversity.claims.paper import LAYERS, MARGIN, paper
from feature_diversity.claims.runs import Runs
from feature_diversity.statistics.bootstrap import DRAWS, FEWEST, interval

SIZE = ["depth", "width", "norm"]
OURS = paper()["families"]["algorithms"]["algorithm"]


def sizes(runs: Runs, target: str | None, *, supervised: bool) -> list[tuple[str, Runs]]:
    """Name and runs of each model size that has `target` and another algorithm, each trained longest."""
    table = runs.table if supervised else runs.table[runs.table["algorithm"] != "supervised"]
    table = table[table["epochs"] == table.groupby([*SIZE, "algorithm"])["epochs"].transform("max")]
    found = []
    for (depth, width, norm), rows in table.groupby(SIZE):
        algorithms = set(rows["algorithm"])
        if len(algorithms) > 1 and (target is None or target in algorithms):
            found.append((f"ResNet-{depth} x{width:g} {norm}", Runs(rows, runs.left_out)))
    if not found:
        raise NotTestable(f"needs {target or 'several algorithms'} and other algorithms at equal model size")
    return found


def absent(runs: Runs, *, supervised: bool) -> list[str]:
    """What is missing of the paper's algorithms, for the note."""
    missing = sorted(set(OURS) - set(runs.table["algorithm"]) - (set() if supervised else {"supervised"}))
    return [f"without {', '.join(missing)}"] if missing else []


def first_of_all(runs: Runs, column: str, target: str, sign: int, *, supervised: bool) -> Evidence:
    """That `target` has the highest (sign 1) or lowest (-1) mean of a column at every model size.

    Opposed: at some size some other algorithm is beyond it (Bonferroni).
    """
    runs = runs.complete(column)
    stated, opposed, parts, counts = [], [], [], []
    for name, here in sizes(runs, target, supervised=supervised):
        samples = {a: sign * rows.set_index("seed")[column] for a, rows in here.table.groupby("algorithm")}
        rivals = [Contrast(samples[target], values) for a, values in samples.items() if a != target]
        stated.append(all_hold(rivals, paired=False))
        opposed.append(some_reversed(rivals, paired=False))
        cells, draws = here.cells([column], ["algorithm"])
        ours = (cells["algorithm"] == target).to_numpy()
        margins = sign * draws[0][:, ours] - sign * draws[0][:, ~ours]
        least = min(rivals, key=lambda rival: rival.effect)
        rival = next(a for a, values in samples.items() if values is least.low)
        parts.append(
            Part(
                f"{name}, next {rival}",
                least.effect,
                *interval(margins.min(axis=1), here.n_seeds),
                stated[-1],
            )
        )
        counts.append(float(np.mean((margins > 0).all(axis=1))))
    least = min(parts, key=lambda part: part.effect)
    what = "percentage points of test error" if column == "error" else f"diversity of {column}"
    name = f"least margin of {target} over another algorithm, {what}"
    notes = [*absent(runs, supervised=supervised), *runs.left_out]
    facts = {"n_runs": runs.n, "n_seeds": runs.n_seeds, "parts": tuple(parts)}
    if column == "error" and runs.published:
        effects = [part.effect for part in parts]
        decided = SUPPORTED if min(effects) > 0 else CONTRADICTED if min(effects) < 0 else UNDECIDED
        return Evidence(
            least.effect,
            name,
            basis="published",
            decided=decided,
            note="; ".join([least.name, *notes]),
            **facts,
        )
    rank = f"{least.name}; first in {min(counts):.0%} of the bootstrap draws"
    return Evidence(
        *(least.effect, name, least.low, least.high, every(stated), some(opposed)),
        least_p=least_p_of_two_samples,
        note="; ".join([rank, *notes]),
        **facts,
    )


def first_in_every_layer(runs: Runs, target: str, *, supervised: bool) -> Evidence:
    """`first_of_all` for the diversity of every layer; opposed: overtaken in every layer."""
    each = [first_of_all(runs, layer, target, 1, supervised=supervised) for layer in LAYERS]
    least = min(each, key=lambda evidence: evidence.effect)
    parts = [
        Part(layer, one.effect, one.low, one.high, one.p) for layer, one in zip(LAYERS, each, strict=True)
    ]
    if "trunk" in runs.table and np.isfinite(runs.table["trunk"]).any():
        one = first_of_all(runs, "trunk", target, 1, supervised=supervised)
        parts.append(Part("trunk (for comparison)", one.effect, one.low, one.high, one.p))
    return Evidence(
        *(least.effect, f"{least.effect_name}, the least of the layers", least.low, least.high),
        every(one.p for one in each),
        every(one.p_opposed for one in each),
        least_p_of_two_samples,
        least.n_runs,
        least.n_seeds,
        tuple(parts),
        least.note,
    )


def supervised_is_most_diverse(runs: Runs) -> Evidence:
    """C18."""
    return first_in_every_layer(runs, "supervised", supervised=True)


def supervised_has_least_error(runs: Runs) -> Evidence:
    """C19."""
    return first_of_all(runs, "error", "supervised", -1, supervised=True)


def deepcluster_has_least_error(runs: Runs) -> Evidence:
    """C20."""
    return first_of_all(runs, "error", "deepclusterv2", -1, supervised=False)


def rotnet_is_most_diverse(runs: Runs) -> Evidence:
    """C21."""
    return first_in_every_layer(runs, "rotnet", supervised=False)


def rotnet_has_high_error(runs: Runs) -> Evidence:
    """C22: above the median of the other self-supervised algorithms, at every model size."""
    runs = runs.complete("error")
    parts, shares = [], []
    for name, here in sizes(runs, "rotnet", supervised=False):
        cells, draws = here.cells(["error"], ["algorithm"])
        rotnet = (cells["algorithm"] == "rotnet").to_numpy()
        above = draws[0][:, rotnet][:, 0] - np.median(draws[0][:, ~rotnet], axis=1)
        effect = float(cells.loc[rotnet, "error"].iloc[0] - cells.loc[~rotnet, "error"].median())
        shares.append(float(np.mean(above > 0)))
        parts.append(Part(name, effect, *interval(above, here.n_seeds)))
    least = min(parts, key=lambda part: part.effect)
    name = "percentage points of test error of RotNet above the median of the others"
    notes = [*absent(runs, supervised=False), *runs.left_out]
    facts = {"n_runs": runs.n, "n_seeds": runs.n_seeds, "parts": tuple(parts)}
    if runs.published:
        decided = SUPPORTED if least.effect > 0 else CONTRADICTED if least.effect < 0 else UNDECIDED
        return Evidence(
            least.effect, name, basis="published", decided=decided, note="; ".join(notes), **facts
        )
    enough = runs.n_seeds >= FEWEST
    one = 1 / DRAWS
    return Evidence(
        *(least.effect, name, least.low, least.high),
        p=max(1 - min(shares), one) if enough else np.nan,
        p_opposed=max(some(shares), one) if enough else np.nan,
        least_p=lambda n: one if n >= FEWEST else 1.0,
        note="; ".join([f"above in {min(shares):.0%} of the bootstrap draws", *notes]),
        **facts,
    )


def diversity_does_not_order_errors(runs: Runs) -> Evidence:
    """C23. Contradicted by a significant Kendall tau in some layer; its absence needs many algorithms."""
    parts, orders, absence = [], [], []
    for layer in LAYERS:
        kept = runs.complete(layer, "error")
        name, here = max(
            sizes(kept, None, supervised=True), key=lambda size: size[1].table["algorithm"].nunique()
        )
        means: pd.DataFrame = here.table.groupby("algorithm")[[layer, "error"]].mean()
        n = len(means)
        if n < 3:
            raise NotTestable("needs three algorithms at equal model size")
        tau, p = stats.kendalltau(means[layer], means["error"])
        tau, p = (float(tau), float(p)) if np.isfinite(tau) else (0.0, 1.0)
        spread = np.sqrt(2 * (2 * n + 5) / (9 * n * (n - 1)))
        low, high = max(-1.0, tau - 1.96 * spread), min(1.0, tau + 1.96 * spread)
        orders.append(p)
        absence.append(float(stats.norm.sf((MARGIN - abs(tau)) / spread)))
        parts.append(Part(layer, tau, low, high, p))
    strongest = max(parts, key=lambda part: abs(part.effect))
    return Evidence(
        *(
            strongest.effect,
            f"Kendall's tau of diversity and test error over {n} algorithms, the strongest layer",
        ),
        strongest.low,
        strongest.high,
        every(absence),
        some(orders),
        None,
        runs.n,
        runs.n_seeds,
        tuple(parts),
        "; ".join(
            [
                f"at {name}, {n} algorithms; the parts' p is of tau = 0, and its absence is no proof",
                *kept.left_out,
            ]
        ),
    )


CLAIMS = {
    "C18": supervised_is_most_diverse,
    "C19": supervised_has_least_error,
    "C20": deepcluster_has_least_error,
    "C21": rotnet_is_most_diverse,
    "C22": rotnet_has_high_error,
    "C23": diversity_does_not_order_errors,
}
