"""A verdict on each of the paper's claims, under every reading of the energy."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from feature_diversity.base.errors import InputError
from feature_diversity.base.reading import HEADLINE, READING
from feature_diversity.claims import figure1 as epochs
from feature_diversity.claims import figure2 as parameters
from feature_diversity.claims import figure3 as algorithms
from feature_diversity.claims import figure4 as small_scale
from feature_diversity.claims import overall
from feature_diversity.claims.evidence import (
    NOT_TESTABLE,
    SUPPORTED,
    UNDECIDED,
    Evidence,
    NotTestable,
    decide,
    seeds_needed,
)
from feature_diversity.claims.paper import FIGURES, claims, needs_diversity, paper
from feature_diversity.claims.runs import FACTS, KEY, Runs, belongs_to, diversities, runs_of
from feature_diversity.statistics.permutation import holm

JUDGES = epochs.CLAIMS | parameters.CLAIMS | algorithms.CLAIMS | small_scale.CLAIMS | overall.CLAIMS
NEEDED = [*KEY, "test_error"]
OPTIONAL = ["layer", *READING, "energy", "diversity", "error_source", *FACTS]


def read_table(path: Path) -> pd.DataFrame:
    """The columns of results.csv that verdicts need; InputError naming what is missing."""
    try:
        table = pd.read_csv(path, usecols=lambda name: name in {*NEEDED, *OPTIONAL})
    except (OSError, ValueError) as error:
        raise InputError(f"{path} cannot be read as a table of results: {error}") from None
    if missing := [name for name in NEEDED if name not in table]:
        raise InputError(f"{path} has no column {', '.join(missing)}")
    if table.empty:
        raise InputError(f"{path} has no rows")
    if len(names := sorted(map(str, table["dataset"].unique()))) > 1:
        raise InputError(f"{path} mixes data sets ({', '.join(names)}); give the table of one study")
    return table


def judge(table: pd.DataFrame) -> pd.DataFrame:
    """The table of verdicts: a row for each claim x reading, and one for each claim about errors alone."""
    runs, readings = runs_of(table), diversities(table)
    first = tuple(HEADLINE.values())
    order = sorted(readings, key=lambda reading: (reading != first, reading)) or [first]
    rows_of = dict(iter(table[table["epochs"] > 0].groupby(READING))) if readings else {}
    found = {claim: evidence_of(claim, Runs(runs)) for claim in JUDGES if not needs_diversity(claim)}
    rows = []
    for reading in order:
        headline = reading == order[0]
        wide = runs.merge(readings[reading], on=KEY, how="left") if readings else runs
        for claim in filter(needs_diversity, JUDGES):
            found[claim] = evidence_of(claim, Runs(wide, headline=headline, rows=rows_of.get(reading)))
        for claim, verdict in verdicts_of(found).items():
            if needs_diversity(claim) or headline:
                named = dict(zip(READING, reading, strict=True)) if needs_diversity(claim) else {}
                rows.append(
                    described(claim) | dict.fromkeys(READING) | named | {"headline": headline} | verdict
                )
    order_of_rows = ["claim", "headline"]
    return pd.DataFrame(rows).sort_values(
        order_of_rows, ascending=[True, False], kind="stable", ignore_index=True
    )


def described(claim: str) -> dict[str, str]:
    """What the paper says, for the first columns."""
    return {"claim": claim} | {name: claims()[claim][name] for name in ("family", "kind", "where", "text")}


def evidence_of(claim: str, runs: Runs) -> tuple[Evidence | None, str]:
    """Evidence on a claim, and on which data; or None, and why the table cannot test it."""
    family = claims()[claim]["family"]
    try:
        if "figures" not in runs.table:
            raise NotTestable("the table does not say which figure a run belongs to")
        if needs_diversity(claim) and runs.rows is None:
            raise NotTestable("the table has no energies")
        chosen = belongs_to(runs.table["figures"], FIGURES[family])
        runs = runs.where(chosen, f"no trained run belongs to {' or '.join(FIGURES[family])}")
        return JUDGES[claim](runs), f"judged on {subject(runs.table, family)}"
    except NotTestable as reason:
        return None, str(reason)


def subject(table: pd.DataFrame, family: str) -> str:
    """The data the verdict is about, and the paper's if they are called otherwise."""
    names = ", ".join(sorted(map(str, table["dataset"].unique())))
    theirs = paper()["families"][family].get("dataset")
    return names if theirs in (None, names) else f"{names}, while the paper used {theirs}"


def verdicts_of(found: dict[str, tuple[Evidence | None, str]]) -> dict[str, dict[str, Any]]:
    """Claim -> columns of its row, with Holm's correction within each family."""
    result = {}
    for family in FIGURES:
        names = [claim for claim in found if claims()[claim]["family"] == family]
        tested = [found[name][0] or Evidence(np.nan, "") for name in names]
        corrected = holm([evidence.p for evidence in tested])
        opposed = holm([evidence.p_opposed for evidence in tested])
        tests = sum(np.isfinite(evidence.p) or np.isfinite(evidence.p_opposed) for evidence in tested)
        for name, p, p_opposed in zip(names, corrected, opposed, strict=True):
            result[name] = row_of(*found[name], p, p_opposed, tests)
    return result


def row_of(evidence: Evidence | None, about: str, p: float, p_opposed: float, tests: int) -> dict[str, Any]:
    """Columns of one verdict. p, p_opposed: after Holm's correction for `tests` claims."""
    given = evidence or Evidence(np.nan, "", decided=NOT_TESTABLE, basis="", note=about)
    verdict = given.decided or decide(p, p_opposed)
    alone = given.decided or decide(given.p, given.p_opposed)
    needed = seeds_needed(given, tests) if verdict == UNDECIDED else np.nan
    why = reason(given, verdict, alone, p, p_opposed, tests, needed)
    text = "; ".join(filter(None, [*why, given.note, about if evidence else ""]))
    return {
        "verdict": verdict,
        "verdict_alone": alone,
        "basis": given.basis,
        "effect_name": given.effect_name,
        "effect": given.effect,
        "low": given.low,
        "high": given.high,
        "p": given.p,
        "p_holm": p,
        "p_opposed": given.p_opposed,
        "p_opposed_holm": p_opposed,
        "n_runs": given.n_runs,
        "n_seeds": given.n_seeds,
        "seeds_needed": needed,
        "parts": "; ".join(map(str, given.parts)),
        "note": text[:1].upper() + text[1:] + ".",
    }


def reason(
    evidence: Evidence,
    verdict: str,
    alone: str,
    p: float,
    p_opposed: float,
    tests: int,
    needed: float,
) -> list[str]:
    """Why this verdict, and what is missing, for people."""
    if evidence.basis == "published":
        return ["by published numbers (one run each)"]
    if evidence.decided:
        return []
    if verdict != UNDECIDED:
        shown = f"p = {p:.2g}" if verdict == SUPPORTED else f"the opposite holds, p = {p_opposed:.2g}"
        return [f"{shown} with Holm's correction"]
    why = []
    if np.isnan(evidence.p) and np.isnan(evidence.p_opposed):
        why.append("too few seeds for any test")
    elif alone != UNDECIDED:
        why.append(f"alone it would be {alone}, but not among the {tests} tests of its family")
    else:
        why.append(f"p = {evidence.p:.2g}, of the opposite {evidence.p_opposed:.2g}")
    if np.isfinite(needed):
        why.append(f"about {needed:.0f} seeds are needed, the table has {evidence.n_seeds}")
    return why
