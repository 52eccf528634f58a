"""Claims across the experiments."""

import warnings

import numpy as np
import pandas as pd
from scipy import stats

from feature_diversity.base.run import CELL, CONFIGURATION
from feature_diversity.claims.evidence import (
    CONTRADICTED,
    NOT_TESTABLE,
    SUPPORTED,
    Evidence,
    NotTestable,
    Part,
    every,
)
from feature_diversity.claims.figure1 import wider_is_more_diverse
from feature_diversity.claims.kinds.correlations import correlation_of, need_points
from feature_diversity.claims.paper import FIGURES, LAYERS
from feature_diversity.claims.runs import KEY, Runs, belongs_to
from feature_diversity.statistics.bootstrap import codes, interval
from feature_diversity.statistics.permutation import rank_correlation


def diversity_is_proportional_to_width(runs: Runs) -> Evidence:
    """C33, read as "rises with width", in all four layers of the runs of figure 1."""
    shown = belongs_to(runs.table["figures"], FIGURES["epochs"])
    runs = runs.where(shown, "no trained run belongs to figure1")
    evidence = wider_is_more_diverse(runs, tuple(LAYERS))
    misfit = max(_lack_of_fit(runs.complete(layer).table, layer) for layer in LAYERS)
    literal = f"read literally, D = k width: lack of fit in every layer, p = {misfit:.2g} at most"
    return Evidence(**vars(evidence) | {"note": "; ".join(filter(None, [literal, evidence.note]))})


def _lack_of_fit(table: pd.DataFrame, layer: str) -> float:
    """p of the F test that diversity is not k times the width, against one mean for each width."""
    width, values = table["width"].to_numpy(), table[layer].to_numpy()
    means = table.groupby("width")[layer].transform("mean").to_numpy()
    fitted = width * (width @ values) / (width @ width)
    groups, n = table["width"].nunique(), len(table)
    error = ((values - means) ** 2).sum() / max(n - groups, 1)
    misfit = ((means - fitted) ** 2).sum() / (groups - 1)
    return float(stats.f.sf(misfit / error, groups - 1, n - groups)) if n > groups and error > 0 else np.nan


def diversity_goes_with_accuracy(runs: Runs) -> Evidence:
    """C34: within each network (algorithm, depth, width, norm), over its numbers of epochs, in every layer.

    Contradicted when in every layer more diversity goes with more error. By figure in the parts, since signs
    differ; the mixed model stands in the note of the headline reading.
    """
    parts, stated, opposed, notes = [], [], [], []
    for layer in LAYERS:
        kept = runs.complete(layer, "error")
        cells, draws = kept.cells([layer, "error"], CELL)
        strata = codes(cells, CONFIGURATION)
        need_points(strata)
        rho, positive, negative = rank_correlation(cells[layer].to_numpy(), cells["error"].to_numpy(), strata)
        stated.append(negative)
        opposed.append(positive)
        span = interval(correlation_of(draws, strata), kept.n_seeds)
        parts.append(Part(layer, rho, *span, negative))
        parts += _by_figure(kept.table, cells, strata, layer)
        if runs.headline:
            notes.append(f"{layer}: {mixed_model(kept.table, layer)}")
        notes += [text for text in kept.left_out if text not in notes]
    whole = [part for part in parts if part.name in LAYERS]
    weakest = max(whole, key=lambda part: part.effect)
    return Evidence(
        *(
            weakest.effect,
            "Spearman's rho of diversity and test error within networks, the largest of the layers",
        ),
        weakest.low,
        weakest.high,
        every(stated),
        every(opposed),
        None,
        runs.n,
        runs.n_seeds,
        tuple(parts),
        "; ".join(notes),
    )


def _by_figure(table: pd.DataFrame, cells: pd.DataFrame, strata: np.ndarray, layer: str) -> list[Part]:
    """The same within the cells of each figure that has some network with three or more."""
    parts = []
    figures = cells.merge(table.drop_duplicates(CELL)[[*CELL, "figures"]], on=CELL)["figures"]
    for figure in FIGURES["overall"]:
        shown = belongs_to(figures, [figure]).to_numpy()
        if shown.any() and np.bincount(strata[shown]).max() >= 3:
            x, y = (cells.loc[shown, column].to_numpy() for column in (layer, "error"))
            rho, _, negative = rank_correlation(x, y, strata[shown])
            parts.append(Part(f"{layer} in {figure}", rho, p=negative))
    return parts


def mixed_model(table: pd.DataFrame, layer: str) -> str:
    """err ~ D + depth + width + norm + algorithm + (1 | cell): the slope on D, for people.

    The factors enter as categories; D in its standard deviations, so that readings can be compared.
    """
    from statsmodels.regression.mixed_linear_model import MixedLM  # slow to import, and needed here alone

    factors = pd.get_dummies(table[CONFIGURATION].astype(str), drop_first=True, dtype=float)
    spread = table[layer].std()
    cell = codes(table, CELL)
    if not spread > 0 or cell.max() + 1 >= len(table):
        return "no mixed model, since no cell has two seeds"
    design = pd.DataFrame({"intercept": 1.0, "D": (table[layer] - table[layer].mean()) / spread}, table.index)
    design = pd.concat([design, factors], axis=1).to_numpy()
    # a factor that others determine would leave the fit singular
    kept = np.abs(np.diag(np.linalg.qr(design, mode="r"))) > 1e-9 * np.sqrt(len(design))
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            fit = MixedLM(table["error"].to_numpy(), design[:, kept], cell).fit(reml=True)
        low, high = fit.conf_int()[1]
    except (np.linalg.LinAlgError, ValueError) as error:
        return f"the mixed model cannot be fitted ({error})"
    if not fit.converged or not np.isfinite([low, high]).all():
        return "the mixed model does not converge"
    return f"mixed model {fit.params[1]:.3g} [{low:.3g}, {high:.3g}] points of error per SD of diversity"


def diversity_is_minus_energy(runs: Runs) -> Evidence:
    """C35: exactly, in every row of a reading."""
    if runs.rows is None:
        raise NotTestable("the table has no energies")
    known = runs.rows.dropna(subset=["energy", "diversity"])
    if known.empty:
        raise NotTestable("no row has an energy")
    wrong = int((known["diversity"] != -known["energy"]).sum())
    missing = len(runs.rows) - len(known)
    return Evidence(
        wrong,
        "rows in which diversity is not minus energy",
        basis="definition",
        decided=CONTRADICTED if wrong else SUPPORTED,
        n_runs=len(known.drop_duplicates(KEY)),
        n_seeds=runs.n_seeds,
        note=f"exact in {len(known) - wrong:,} of {len(known):,} rows"
        + (f"; {missing:,} rows without an energy" if missing else ""),
    )


def wide_layers_spread_knowledge(runs: Runs) -> Evidence:
    """C36: an explanation. Observation cannot tell it from others."""
    return Evidence(
        np.nan,
        "",
        basis="causal",
        decided=NOT_TESTABLE,
        n_runs=runs.n,
        n_seeds=runs.n_seeds,
        note="an explanation, which would need networks whose conv1 diversity is set by intervention",
    )


CLAIMS = {
    "C33": diversity_is_proportional_to_width,
    "C34": diversity_goes_with_accuracy,
    "C35": diversity_is_minus_energy,
    "C36": wide_layers_spread_knowledge,
}
