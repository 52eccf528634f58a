"""What a reader of the page must not take for granted: what is missing, left out, or too little."""

from typing import Any

import numpy as np
import pandas as pd

from feature_diversity.base.layers import PAPERS_LAYERS
from feature_diversity.base.paths import HISTORY
from feature_diversity.base.reading import HEADLINE, in_words
from feature_diversity.base.run import CELL, DEFAULT, RUN, Run, expand
from feature_diversity.results.table import reading

ENOUGH = (
    5  # seeds of a network with which its own effects of two standard deviations are found (docs/claims.md)
)


def what_is_missing(
    table: pd.DataFrame,
    runs: pd.DataFrame,
    claims: pd.DataFrame,
    figures: list[dict[str, Any]],
    links: dict[str, Any],
    study: dict[str, Any],
) -> list[str]:
    """One sentence for each thing that is missing; empty if nothing is."""
    found = []
    planned = {run for grid in study.get("grids", []) for run in expand(grid)}
    present = {Run(**values) for values in runs[RUN].to_dict("records")}
    if absent := sorted(planned - present):
        some = ", ".join(run.folder for run in absent[:3])
        found.append(
            f"{len(absent):,} of the study's {len(planned):,} runs are not in the table: {some}, ..."
        )
    if others := int(runs["variant"].ne(DEFAULT).sum()):
        found.append(
            f"{others:,} of {len(runs):,} runs are of variants of the recipe; the paper's claims and figures "
            "are about the others alone."
        )
    headline = reading(table)
    if headline.empty:
        found.append(f"The table has no row in the headline reading ({in_words(**HEADLINE)}).")
    found += holes(table, runs)
    if absent := [layer for layer in PAPERS_LAYERS if layer not in set(table["layer"].dropna())]:
        found.append(f"Layers of the paper that were not recorded: {', '.join(absent)}.")
    seeds = runs.groupby(CELL)["seed"].nunique()
    if len(seeds) and (few := int((seeds < ENOUGH).sum())):
        found.append(
            f"{few:,} of {len(seeds):,} networks have fewer than {ENOUGH} seeds, as many as find effects of "
            "two standard deviations between seeds (docs/claims.md)."
        )
    if not (runs["epochs"] == 0).any():
        found.append("No untrained network (epochs: 0) was measured, the control for all others.")
    testable = claims[claims["headline"].eq(True)]
    if count := int((testable["verdict"] == "not testable").sum()):
        found.append(
            f"{count} of {len(testable)} claims cannot be tested with these runs; their rows say why."
        )
    for remark in dict.fromkeys(figure["remark"] for figure in figures if figure["remark"]):
        titles = [figure["title"] for figure in figures if figure["remark"] == remark]
        found.append(f"{', '.join(titles)}: {remark}")
    if count := links["without_history"]:
        found.append(f"{count:,} of {len(runs):,} runs have no {HISTORY} beside this page to link to.")
    return found


def holes(table: pd.DataFrame, runs: pd.DataFrame) -> list[str]:
    """Sentences on empty and infinite cells of the table."""
    found = []
    unnamed = int(table[[*RUN, "layer"]].isna().any(axis=1).sum())
    if unnamed:
        found.append(f"{unnamed:,} of {len(table):,} rows do not say which run or layer they belong to.")
    for column, what in (("test_error", "test error"), ("val_error", "validation error")):
        if column in runs and (count := int(runs[column].isna().sum())):
            found.append(f"{count:,} of {len(runs):,} runs have no {what}.")
    diversity = table["diversity"]
    if count := int(diversity.isna().sum()):
        found.append(f"{count:,} of {len(table):,} rows have no diversity.")
    if count := int(np.isinf(diversity).sum()):
        found.append(
            f"{count:,} of {len(table):,} rows have an infinite energy: two images with one direction, "
            "as in a collapsed network."
        )
    return found
