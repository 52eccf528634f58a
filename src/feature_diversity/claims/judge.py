"""A verdict on each of the paper's claims, under every reading of the energy."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from feature_diversity.base.errors import InputError
from feature_diversity.base.reading import READING
from feature_diversity.claims import figure1 as epochs
from feature_diversity.claims import figure2 as parameters
from feature_diversity.claims import figure3 as algorithms
from feature_diversity.claims import figure4 as small_scale
from feature_diversity.claims import intervened, overall
from feature_diversity.claims.evidence import (
    CONTRADICTED,
    LARGE,
    NO,
    NOT_TESTABLE,
    OPEN,
    SUPPORTED,
    UNDECIDED,
    YES,
    Evidence,
    NotTestable,
    decide,
)
from feature_diversity.claims.paper import FIGURES, claims, needs_diversity, paper
from feature_diversity.claims.readings import name_of, order_of, robustness, same_as
from feature_diversity.claims.runs import FACTS, KEY, Runs, belongs_to, diversities, runs_of
from feature_diversity.results.gates import GATES
from feature_diversity.results.table import check_rows, of_default, read_columns

JUDGES = epochs.CLAIMS | parameters.CLAIMS | algorithms.CLAIMS | small_scale.CLAIMS | overall.CLAIMS
NEEDED = [*KEY, "test_error"]
OPTIONAL = ["layer", *READING, "energy", "diversity", "n_dim", "error_source", *FACTS, *GATES]
ANSWERS = {SUPPORTED: YES, CONTRADICTED: NO, UNDECIDED: OPEN}  # to the paper's questions


def read_table(path: Path) -> pd.DataFrame:
    """The columns of a table of results that verdicts need; InputError naming what is missing.

    The paper's claims are about the recipe as it is, so runs of other variants are left out.
    """
    table = read_columns(path, {*NEEDED, *OPTIONAL})
    if missing := [name for name in NEEDED if name not in table]:
        raise InputError(f"{path} has no column {', '.join(missing)}")
    if table.empty:
        raise InputError(f"{path} has no rows")
    if len(names := sorted(map(str, table["dataset"].unique()))) > 1:
        raise InputError(f"{path} mixes data sets ({', '.join(names)}); give the table of one study")
    check_rows(table, path)
    return of_default(table)


def judge(table: pd.DataFrame, interventions: pd.DataFrame | None = None) -> pd.DataFrame:
    """Judge every claim in every reading of the energy.

    Args:
        table: NEEDED, and those of OPTIONAL that there are; a row for each run, layer and reading.
        interventions: of a study that sets diversity, as `interventions.analysis.analysed` makes it. In the
            headline reading, the one that is set, it decides claims about causes instead of what is observed.

    Returns:
        A row for each claim x reading, and one for each claim about errors alone, sorted by claim, the
        headline reading first.
    """
    runs, readings = runs_of(table), diversities(table)
    order = order_of(readings)
    equal = same_as(order, readings)
    rows_of = dict(iter(table[table["epochs"] > 0].groupby(READING))) if readings else {}
    of_errors = {claim: evidence_of(claim, Runs(runs)) for claim in JUDGES if not needs_diversity(claim)}
    judged: dict[str, dict[str, tuple[Evidence | None, str]]] = {}
    rows = []
    for reading in order:
        headline = reading == order[0]
        if reading not in equal:
            wide = runs.merge(readings[reading], on=KEY, how="left") if readings else runs
            judged[name_of(reading)] = {
                claim: evidence_of(claim, Runs(wide, rows=rows_of.get(reading)))
                for claim in filter(needs_diversity, JUDGES)
            }
        found = of_errors | judged[equal.get(reading, name_of(reading))]
        if headline and interventions is not None:
            found |= by_intervention(interventions)
        for claim, verdict in verdicts_of(found).items():
            if needs_diversity(claim) or headline:
                named = dict(zip(READING, reading, strict=True)) if needs_diversity(claim) else {}
                named["same_as"] = equal.get(reading) if needs_diversity(claim) else None
                rows.append(
                    described(claim) | dict.fromkeys(READING) | named | {"headline": headline} | verdict
                )
    verdicts = pd.DataFrame(rows).sort_values(
        ["claim", "headline"], ascending=[True, False], kind="stable", ignore_index=True
    )
    return robustness(verdicts)


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
        return JUDGES[claim](runs), about(claim, runs)
    except NotTestable as reason:
        return None, str(reason)


def by_intervention(table: pd.DataFrame) -> dict[str, tuple[Evidence | None, str]]:
    """Evidence on claims about causes whose layer was set, and on which data."""
    found: dict[str, tuple[Evidence | None, str]] = {}
    for claim, decide_by in intervened.CLAIMS.items():
        try:
            found[claim] = decide_by(table), ""
        except NotTestable:
            continue
    return found


def about(claim: str, runs: Runs) -> str:
    """The data that the verdict is about, and where the paper's were others."""
    family = claims()[claim]["family"]
    names = ", ".join(sorted(map(str, runs.table["dataset"].unique())))
    theirs = paper()["families"][family].get("dataset")
    text = f"judged on {names}" + ("" if theirs in (None, names) else f", while the paper used {theirs}")
    if "epochs" in claims()[claim]["variables"] and runs.snapshots:
        text += (
            "; its numbers of epochs are snapshots of one training and one learning-rate schedule, while the"
            " paper's each had a training of their own"
        )
    return text


def verdicts_of(found: dict[str, tuple[Evidence | None, str]]) -> dict[str, dict[str, Any]]:
    """Claim -> columns of its row; p values in their logical order.

    A claim that `presupposes` or `implies` others is supported only if they are; a claim is contradicted only
    if those that imply it are. So no claim is judged apart from what it rests on (a closed, ordered family:
    Marcus, Peritz & Gabriel 1976), and a chain of claims has one level.
    """
    p = {claim: (evidence.p, evidence.p_opposed) for claim, (evidence, _) in found.items() if evidence}
    result = {}
    for claim, (evidence, text) in found.items():
        if evidence is None:
            result[claim] = row_of(claim, Evidence(decided=NOT_TESTABLE, basis="none", note=text), {}, {})
            continue
        rests = [*claims()[claim].get("presupposes", []), *claims()[claim].get("implies", [])]
        implied_by = [other for other in p if claim in claims()[other].get("implies", [])]
        gates = {other: p[other][0] for other in rests if other in p}
        opposed = {other: p[other][1] for other in implied_by}
        result[claim] = row_of(
            claim, replace(evidence, note="; ".join(filter(None, [evidence.note, text]))), gates, opposed
        )
    return result


def row_of(claim: str, given: Evidence, gates: dict[str, float], opposed: dict[str, float]) -> dict[str, Any]:
    """Columns of one verdict. gates, opposed: p of claims that must be supported, or contradicted, too."""
    p, p_opposed = (
        float(np.fmax.reduce([own, *others.values()]))
        for own, others in ((given.p, gates), (given.p_opposed, opposed))
    )
    verdict = given.decided or decide(p, p_opposed)
    basis = given.basis
    if claims()[claim]["kind"] == "question" and not given.decided:
        verdict, basis = ANSWERS[verdict], "question"
    why = [] if given.decided else reason(given, p, p_opposed, gates)
    if basis == "published":
        why = ["by published numbers (one run each)"]
    text = "; ".join(filter(None, [*why, given.note]))
    return {
        "verdict": verdict,
        "basis": basis,
        "effect_name": given.effect_name,
        "effect": given.effect,
        "low": given.low,
        "high": given.high,
        "p": p,
        "p_opposed": p_opposed,
        "p_alone": given.p,
        "p_opposed_alone": given.p_opposed,
        "smallest": given.smallest,
        "smallest_sd": given.smallest_sd,
        "n_runs": given.n_runs,
        "n_seeds": given.n_seeds,
        "seeds_needed": given.seeds_needed if decide(p, p_opposed) == UNDECIDED else np.nan,
        "parts": "; ".join(map(str, given.parts)),
        "note": text[:1].upper() + text[1:] + ".",
    }


def reason(evidence: Evidence, p: float, p_opposed: float, gates: dict[str, float]) -> list[str]:
    """What the test can find, why this verdict, and what is missing, for people."""
    why = [evidence.limit] if evidence.limit else []
    if evidence.smallest_sd > LARGE:
        why.append(
            "with these seeds the test finds, with a power of 80 %, only effects from"
            f" {evidence.smallest:.2g} on ({evidence.smallest_sd:.1f} standard deviations between seeds)"
        )
    verdict = decide(p, p_opposed)
    if verdict == SUPPORTED:
        return [*why, f"it holds, p = {p:.2g}"]
    if verdict == CONTRADICTED:
        return [*why, f"the opposite holds, p = {p_opposed:.2g}"]
    if decide(evidence.p, evidence.p_opposed) == SUPPORTED:
        missing = ", ".join(other for other, own in gates.items() if own == p)
        return [*why, f"by itself it holds, p = {evidence.p:.2g}, but it rests on {missing}, which does not"]
    why.append(f"not significant, p = {p:.2g}, of the opposite {p_opposed:.2g}")
    if np.isfinite(evidence.seeds_needed) and np.isfinite(evidence.smallest):
        why.append(
            f"an effect as large as here would be found by about {evidence.seeds_needed:.0f} seeds, the"
            f" table has {evidence.n_seeds}"
        )
    return why
