"""Claims across the experiments."""

import numpy as np
import pandas as pd

from feature_diversity.verdicts.evidence import CONTRADICTED, NOT_TESTABLE, SUPPORTED, Evidence, NotTestable
from feature_diversity.verdicts.runs import READING, Runs


def diversity_is_minus_energy(table: pd.DataFrame, reading: tuple) -> Evidence:
    """C35: exactly, in every row of a reading."""
    if not {"energy", "diversity", *READING} <= set(table):
        raise NotTestable("the table has no energies")
    rows = table[(table[READING] == list(reading)).all(axis=1)]
    known = rows.dropna(subset=["energy", "diversity"])
    if known.empty:
        raise NotTestable("no row has an energy")
    wrong = int((known["diversity"] != -known["energy"]).sum())
    missing = len(rows) - len(known)
    return Evidence(
        wrong,
        "rows in which diversity is not minus energy",
        basis="definition",
        decided=CONTRADICTED if wrong else SUPPORTED,
        n_runs=len(known.drop_duplicates(["algorithm", "depth", "width", "norm", "epochs", "seed"])),
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
        note="an explanation, which would need networks whose conv1 diversity is set by intervention",
    )


CLAIMS = {"C35": diversity_is_minus_energy, "C36": wide_layers_spread_knowledge}
