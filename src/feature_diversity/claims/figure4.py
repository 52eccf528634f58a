"""Claims on figure 4: depth and norm, few epochs, a small data set."""

import numpy as np
import pandas as pd
from scipy import stats

from feature_diversity.base.run import CELL
from feature_diversity.claims.evidence import Evidence, NotTestable, Part, every
from feature_diversity.claims.kinds import trends
from feature_diversity.claims.kinds.correlations import equivalent, need_points
from feature_diversity.claims.kinds.ordered import always_highest, in_order
from feature_diversity.claims.paper import LAYERS
from feature_diversity.claims.runs import Runs
from feature_diversity.statistics.bootstrap import codes, interval, rank_correlation_draws
from feature_diversity.statistics.permutation import jonckheere_terpstra, sign_flip, within_ranks

POINTS = "percentage points of test error"


def head_is_most_diverse(runs: Runs) -> Evidence:
    """C24."""
    return always_highest(runs, "head", ["conv1", "res2", "res4"])


def nothing_is_correlated(runs: Runs) -> Evidence:
    """C25: in every layer, over all runs and within norm."""
    parts, draws, notes = [], [], []
    for layer in LAYERS:
        kept = runs.complete(layer, "error")
        table = kept.table
        cells = codes(table, CELL)
        for name, strata in (
            ("all", np.zeros(len(table), dtype=int)),
            ("within norm", codes(table, ["norm"])),
        ):
            need_points(strata)
            draws.append(
                rank_correlation_draws(table[layer].to_numpy(), table["error"].to_numpy(), strata, cells)
            )
            ranks = [within_ranks(table[column].to_numpy()[None], strata)[0] for column in (layer, "error")]
            scale = np.sqrt((ranks[0] ** 2).sum() * (ranks[1] ** 2).sum())
            parts.append(Part(f"{layer}, {name}", float(ranks[0] @ ranks[1] / scale) if scale else 0.0))
        notes += kept.left_out
    name = f"Spearman's rho of diversity and test error over {runs.n} runs, the strongest layer"
    return equivalent(parts, draws, runs, name, list(dict.fromkeys(notes)))


def first_layer_is_second(runs: Runs) -> Evidence:
    """C26."""
    return in_order(runs, [("head", "conv1"), ("conv1", "res2"), ("conv1", "res4")])


def diversity_falls_through_the_trunk(runs: Runs) -> Evidence:
    """C27."""
    return in_order(runs, [("conv1", "res2"), ("res2", "res4")], page=["res4", "res2", "conv1"])


def deeper_has_higher_error(runs: Runs) -> Evidence:
    """C28."""
    runs = runs.complete("error")
    depths = runs.varied("depth")
    up, down = trends.between_networks(runs, "error", "depth")
    effect, low, high = trends.slope(runs, "error", "depth", ["norm", "width", "epochs"])
    return Evidence(
        *(effect, f"{POINTS} gained with each doubling of the depth", low, high, up, down),
        trends.least_p_of_trend(len(depths), len(runs.values("norm"))),
        runs.n,
        runs.n_seeds,
        note="; ".join(runs.left_out),
    )


def deeper_needs_more_epochs(runs: Runs) -> Evidence:
    """C29: error falls faster with epochs in deeper networks (each training's slope on log2 epochs)."""
    runs = runs.complete("error")
    depths = runs.varied("depth")
    runs.varied("epochs")
    matrix = trends.by_training(runs, "error").dropna()
    if matrix.empty:
        raise NotTestable("no training has all numbers of epochs")
    log_epochs = np.log2(matrix.columns.to_numpy(dtype=float))
    centred = log_epochs - log_epochs.mean()
    known = trends.trainings(runs).loc[matrix.index]
    trainings = known.assign(slope=matrix.to_numpy() @ centred / (centred**2).sum())
    strata = codes(trainings, ["norm", "width"])
    values, groups = trainings["slope"].to_numpy(), trainings["depth"].to_numpy()
    kept = Runs(trainings.assign(epochs=0), runs.left_out)
    effect, low, high = trends.slope(kept, "slope", "depth", ["norm", "width"])
    slower, faster = jonckheere_terpstra(values, groups, strata)
    return Evidence(
        effect,
        f"{POINTS} by which the change with each doubling of epochs grows with each doubling of depth",
        low,
        high,
        faster,
        slower,
        trends.least_p_of_trend(len(depths), len(runs.values("norm"))),
        runs.n,
        runs.n_seeds,
        note="; ".join(runs.left_out),
    )


def deeper_is_no_less_diverse(runs: Runs) -> Evidence:
    """C30: deepest not below shallowest by one between-seed standard deviation, in every layer.

    p of the non-inferiority is exact for normal seeds: under a difference of one standard deviation the t
    statistic is non-central. Opposed: diversity falls with depth in every layer.
    """
    parts, stated, opposed = [], [], []
    for layer in LAYERS:
        kept = runs.complete(layer)
        depths = kept.varied("depth")
        effect, p = _not_inferior(kept.table, layer, depths[0], depths[-1])
        stated.append(p)
        opposed.append(trends.between_networks(kept, layer, "depth")[1])
        low, high = trends.slope(kept, layer, "depth", ["norm", "width", "epochs"])[1:]
        parts.append(
            Part(
                layer,
                effect,
                low * np.log2(depths[-1] / depths[0]),
                high * np.log2(depths[-1] / depths[0]),
                p,
            )
        )
        left_out = kept.left_out
    least = min(parts, key=lambda part: part.effect)
    known = not np.isnan(stated).any()
    return Evidence(
        *(least.effect, "diversity of the deepest minus the shallowest network, the least of the layers"),
        least.low,
        least.high,
        every(stated) if known else np.nan,
        every(opposed),
        lambda n: 1e-4 if n > 1 else 1.0,
        runs.n,
        runs.n_seeds,
        tuple(parts),
        "; ".join(["intervals are those of the slope over all depths", *left_out]),
    )


def _not_inferior(table: pd.DataFrame, layer: str, shallow: int, deep: int) -> tuple[float, float]:
    """Difference deep - shallow, averaged over norms, and p that it is above minus one standard deviation."""
    differences, variance, squares, freedom = [], 0.0, 0.0, 0
    for _, rows in table.groupby(["norm", "width", "epochs"]):
        ends = [rows.loc[rows["depth"] == depth, layer].to_numpy() for depth in (deep, shallow)]
        if len(ends[0]) and len(ends[1]):
            differences.append(ends[0].mean() - ends[1].mean())
            variance += 1 / len(ends[0]) + 1 / len(ends[1])
            squares += sum(((end - end.mean()) ** 2).sum() for end in ends)
            freedom += len(ends[0]) + len(ends[1]) - 2
    if not differences:
        raise NotTestable("no norm has both the shallowest and the deepest network")
    effect, length = float(np.mean(differences)), np.sqrt(variance) / len(differences)
    if freedom < 2 or squares == 0:
        return effect, np.nan
    t = effect / (np.sqrt(squares / freedom) * length)
    return effect, float(stats.nct.sf(t, freedom, -1 / length))


def norms(runs: Runs, columns: list[str]) -> tuple[pd.DataFrame, np.ndarray]:
    """Differences LayerNorm - BatchNorm of columns, paired by network and seed, and a number per training."""
    table = runs.table
    if not {"layernorm", "batchnorm"} <= set(table["norm"]):
        raise NotTestable("needs LayerNorm and BatchNorm")
    pairs = ["algorithm", "depth", "width", "epochs", "seed"]
    layer, batch = (
        table[table["norm"] == norm].set_index(pairs)[columns] for norm in ("layernorm", "batchnorm")
    )
    both = layer.index.intersection(batch.index)
    if both.empty:
        raise NotTestable("no seed is shared by LayerNorm and BatchNorm")
    differences = layer.loc[both] - batch.loc[both]
    return differences, codes(differences.reset_index(), ["algorithm", "depth", "width", "seed"])


def mean_difference(runs: Runs, column: str) -> tuple[float, float, float]:
    """Mean over depths of LayerNorm - BatchNorm, with its bootstrap interval."""
    cells, draws = runs.cells([column], CELL)
    cells["place"] = range(len(cells))
    places = (
        cells.pivot_table("place", ["algorithm", "depth", "width", "epochs"], "norm").dropna().astype(int)
    )
    moved = (draws[0][:, places["layernorm"]] - draws[0][:, places["batchnorm"]]).mean(axis=1)
    means = cells[column].to_numpy()
    effect = float((means[places["layernorm"]] - means[places["batchnorm"]]).mean())
    return effect, *interval(moved, runs.n_seeds)


def layernorm_is_more_diverse(runs: Runs) -> Evidence:
    """C31: over all layers, each layer's differences divided by their root mean square."""
    runs = runs.complete(*LAYERS)
    differences, training = norms(runs, LAYERS)
    parts = [
        Part(layer, *mean_difference(runs, layer), sign_flip(differences[layer].to_numpy(), training))
        for layer in LAYERS
    ]
    scale = np.sqrt((differences**2).mean())
    pooled = (differences / scale.where(scale > 0, 1)).mean(axis=1).to_numpy()
    head = parts[LAYERS.index("head")]
    return Evidence(
        *(head.effect, "head diversity of LayerNorm minus BatchNorm", head.low, head.high),
        sign_flip(pooled, training),
        sign_flip(-pooled, training),
        trends.least_p_of_signs(len(runs.values("depth"))),
        runs.n,
        runs.n_seeds,
        tuple(parts),
        "; ".join([f"{len(differences)} pairs of runs; p is of all layers pooled", *runs.left_out]),
    )


def layernorm_has_lower_error(runs: Runs) -> Evidence:
    """C32."""
    runs = runs.complete("error")
    differences, training = norms(runs, ["error"])
    values = differences["error"].to_numpy()
    effect, low, high = mean_difference(runs, "error")
    return Evidence(
        *(effect, f"{POINTS} of LayerNorm minus BatchNorm", low, high),
        sign_flip(-values, training),
        sign_flip(values, training),
        trends.least_p_of_signs(len(runs.values("depth"))),
        runs.n,
        runs.n_seeds,
        note="; ".join([f"{len(differences)} pairs of runs", *runs.left_out]),
    )


CLAIMS = {
    "C24": head_is_most_diverse,
    "C25": nothing_is_correlated,
    "C26": first_layer_is_second,
    "C27": diversity_falls_through_the_trunk,
    "C28": deeper_has_higher_error,
    "C29": deeper_needs_more_epochs,
    "C30": deeper_is_no_less_diverse,
    "C31": layernorm_is_more_diverse,
    "C32": layernorm_has_lower_error,
}
