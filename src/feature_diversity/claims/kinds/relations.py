"""Claims on the relation of diversity and test error: rank correlations over seeds, within cells.

Along epochs, width or algorithms both move for reasons of their own, and a common drift makes any two of
them agree. What differs between the seeds of one cell shares no such reason: the one axis that is not
confounded.
"""

import numpy as np
from scipy import stats

from feature_diversity.base.run import CONFIGURATION
from feature_diversity.claims.evidence import MOST_SEEDS, POWER, Evidence, NotTestable, Part, every, some
from feature_diversity.claims.paper import MARGIN
from feature_diversity.claims.runs import Runs
from feature_diversity.statistics.groups import codes
from feature_diversity.statistics.multiplicity import ALPHA
from feature_diversity.statistics.rank_correlation import Correlation, within_cells

NAME = "Spearman's rho of diversity and test error over seeds within cells"


def of_layer(runs: Runs, layer: str) -> tuple[Correlation, Runs]:
    """The correlation of a layer's diversity and the error, and the runs that it is of."""
    kept = runs.complete("error", layer)
    training = kept.training
    epochs = np.unique(kept.table["epochs"], return_inverse=True)[1]
    values = np.full((2, training.max() + 1, epochs.max() + 1), np.nan)
    values[:, training, epochs] = kept.table[[layer, "error"]].to_numpy().T
    of_training = np.zeros(training.max() + 1, dtype=int)
    of_training[training] = kept.network
    found = within_cells(values[0], values[1], of_training)
    if np.isnan(found.rho):
        raise NotTestable(f"needs two seeds of a cell that differ in both error and diversity of {layer}")
    return found, kept


def related(runs: Runs, layers: list[str], sign: int, *, every_layer: bool = False) -> Evidence:
    """That diversity and error are related with this sign in every one of the layers.

    Opposed: with the other sign in some layer (Bonferroni), or in every one (`every_layer`).
    """
    found = {layer: of_layer(runs, layer) for layer in layers}
    correlations = [one for one, _ in found.values()]
    parts = tuple(
        Part(layer, one.rho, *one.interval(), one.p if sign > 0 else one.p_below)
        for layer, (one, _) in found.items()
    )
    opposed = [one.p_below if sign > 0 else one.p for one in correlations]
    weakest = min(parts, key=lambda part: sign * part.effect)
    missed = (1 - POWER) / len(layers)
    z = max(
        (stats.t.isf(ALPHA, one.freedom) + stats.t.isf(missed, one.freedom)) * one.error
        for one in correlations
    )
    return Evidence(
        effect=weakest.effect,
        effect_name=NAME + (", the weakest layer" if len(layers) > 1 else ""),
        low=weakest.low,
        high=weakest.high,
        p=every(part.p for part in parts),
        p_opposed=every(opposed) if every_layer else some(opposed),
        smallest=sign * float(np.tanh(z)),
        parts=parts,
        n_runs=runs.n,
        n_seeds=runs.n_seeds,
        note="; ".join(_remarks(found, CONFIGURATION)),
    )


def unrelated(runs: Runs, layers: list[str], by: list[str]) -> Evidence:
    """That in no layer diversity and error are correlated: rho lies within +-MARGIN.

    Nor may they move together between cells: that proves no relation, but forbids to call them unrelated,
    however much the noise of seeds hides. Opposed: over seeds, rho lies outside in some layer (Bonferroni).
    """
    found = {layer: of_layer(runs, layer) for layer in layers}
    moved = {layer for layer, (_, kept) in found.items() if move_together(kept, layer, by)}
    parts = tuple(
        Part(layer, one.rho, *one.interval(), 1.0 if layer in moved else one.within(MARGIN))
        for layer, (one, _) in found.items()
    )
    strongest = max(parts, key=lambda part: abs(part.effect))
    # to find absence with a power of 80 % where rho = 0, both ends must be rejected
    z = np.arctanh(MARGIN) / (stats.norm.isf(ALPHA) + stats.norm.isf((1 - POWER) / 2 / len(layers)))
    worst = max(one.error for one, _ in found.values())
    needed = float(np.ceil(runs.n_seeds * (worst / z) ** 2))
    limit = (
        f"absence (rho within +-{MARGIN}) is shown with a power of 80 % by about {needed:.0f} seeds of each"
        f" network, the table has {runs.n_seeds}"
    )
    return Evidence(
        effect=strongest.effect,
        effect_name=NAME + (", the strongest layer" if len(layers) > 1 else ""),
        low=strongest.low,
        high=strongest.high,
        p=every(part.p for part in parts),
        p_opposed=some(one.outside(MARGIN) for one, _ in found.values()),
        seeds_needed=needed if runs.n_seeds < needed <= MOST_SEEDS else np.nan,
        parts=parts,
        n_runs=runs.n,
        n_seeds=runs.n_seeds,
        note="; ".join(_remarks(found, by)),
        limit=limit if needed > runs.n_seeds else "",
    )


def between_cells(runs: Runs, layer: str, by: list[str]) -> float:
    """Spearman's rho of a layer's mean diversity and the mean error of cells, within each of `by`.

    NaN where none of these has three cells, or nothing varies.
    """
    first = np.unique(runs.cell, return_index=True)[1]
    means = runs.table.groupby(runs.cell)[[layer, "error"]].mean().to_numpy()
    stratum = codes(runs.table.iloc[first], by)
    ranks = np.zeros_like(means)
    for number in np.flatnonzero(np.bincount(stratum) > 2):
        inside = stratum == number
        ranks[inside] = stats.rankdata(means[inside], axis=0) - (inside.sum() + 1) / 2
    scale = np.sqrt((ranks**2).sum(axis=0).prod())
    return float(ranks[:, 0] @ ranks[:, 1] / scale) if scale > 0 else np.nan


def move_together(runs: Runs, layer: str, by: list[str]) -> bool:
    """Whether cells of equal `by` differ in either variable (F tests at ALPHA), with rho outside +-MARGIN."""
    if not abs(between_cells(runs, layer, by)) > MARGIN:
        return False
    values, cell, stratum = runs.table[[layer, "error"]], runs.cell, codes(runs.table, by)
    means = values.groupby(cell).transform("mean")
    between = ((means - values.groupby(stratum).transform("mean")) ** 2).sum().to_numpy()
    within = ((values - means) ** 2).sum().to_numpy()
    cells, strata = cell.max() + 1, stratum.max() + 1
    f = (between / (cells - strata)) / (within / (len(values) - cells))
    return bool((stats.f.sf(f, cells - strata, len(values) - cells) <= ALPHA).any())


def _remarks(found: dict[str, tuple[Correlation, Runs]], by: list[str]) -> list[str]:
    """What the confounded axes show, which decides nothing, and what was left out."""
    rho = {layer: between_cells(kept, layer, by) for layer, (_, kept) in found.items()}
    known = ", ".join(f"{layer} {value:.2f}" for layer, value in rho.items() if np.isfinite(value))
    text = f"between cells, where other causes move both, rho is {known}, which decides nothing by itself"
    left_out = dict.fromkeys(text for _, kept in found.values() for text in kept.left_out)
    return [*([text] if known else []), *left_out]
