"""Claims across the experiments: C33 to C36."""

from dataclasses import replace

import numpy as np
import pandas as pd
from scipy import stats

from feature_diversity.claims.evidence import BY_DEFINITION, CONTRADICTED, NOT_TESTABLE, Evidence, NotTestable
from feature_diversity.claims.figure1 import wider_is_more_diverse
from feature_diversity.claims.kinds.relations import of_layer, related
from feature_diversity.claims.paper import FIGURES, LAYERS
from feature_diversity.claims.runs import KEY, Runs, belongs_to


def diversity_is_proportional_to_width(runs: Runs) -> Evidence:
    """C33, read as "rises with width", in all four layers of the runs of figure 1."""
    shown = belongs_to(runs.table["figures"], FIGURES["epochs"])
    runs = runs.where(shown, "no trained run belongs to figure1").complete(*LAYERS)
    found = wider_is_more_diverse(runs, tuple(LAYERS))
    misfit = max(_lack_of_fit(runs.table, layer) for layer in LAYERS)
    literal = f"read literally, D = k width: lack of fit in every layer, p = {misfit:.2g} at most"
    return replace(found, note="; ".join(filter(None, [literal, found.note])))


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
    """C34: yes when in every layer more diversity goes with less error; no when in every layer with more.

    Over the seeds of all cells; of each figure apart in the note, since the paper's answers differ.
    """
    found = related(runs, LAYERS, -1, every_layer=True)
    by_figure = []
    for figure in FIGURES["overall"]:
        shown = belongs_to(runs.table["figures"], [figure])
        if shown.any() and not shown.all():
            try:
                rho = [of_layer(replace(runs, table=runs.table[shown]), layer)[0].rho for layer in LAYERS]
            except NotTestable:
                continue
            numbers = ", ".join(f"{layer} {value:.2f}" for layer, value in zip(LAYERS, rho, strict=True))
            by_figure.append(f"in {figure} {numbers}")
    return replace(found, note="; ".join(filter(None, [*by_figure, found.note])))


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
        effect=wrong,
        effect_name="rows in which diversity is not minus energy",
        basis="definition",
        decided=CONTRADICTED if wrong else BY_DEFINITION,
        n_runs=len(known.drop_duplicates(KEY)),
        n_seeds=runs.n_seeds,
        note=f"exact in {len(known) - wrong:,} of {len(known):,} rows"
        + (f"; {missing:,} rows without an energy" if missing else ""),
    )


def wide_layers_spread_knowledge(runs: Runs) -> Evidence:
    """C36: an explanation. Observation cannot tell it from others."""
    return Evidence(
        basis="none",
        decided=NOT_TESTABLE,
        n_runs=runs.n,
        n_seeds=runs.n_seeds,
        note="an explanation, which would need networks of two or more widths whose conv1 diversity is set by"
        " intervention, and delivered",
    )


CLAIMS = {
    "C33": diversity_is_proportional_to_width,
    "C34": diversity_goes_with_accuracy,
    "C35": diversity_is_minus_energy,
    "C36": wide_layers_spread_knowledge,
}
