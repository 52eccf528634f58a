"""The stage `claims`: a verdict on each of the paper's claims, under every reading of the energy."""

import argparse
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from feature_diversity.files import InputError, atomic_write
from feature_diversity.permutation import holm
from feature_diversity.progress import announce_ready
from feature_diversity.verdicts import algorithms, epochs, overall, parameters, small_scale
from feature_diversity.verdicts.evidence import (
    NOT_TESTABLE,
    SUPPORTED,
    UNDECIDED,
    Evidence,
    NotTestable,
    decide,
    seeds_needed,
)
from feature_diversity.verdicts.paper import FIGURES, claims, needs_diversity, paper
from feature_diversity.verdicts.runs import FACTS, READING, RUN, Runs, diversities, runs_of

HEADLINE = ("flatten", False, 1)
JUDGES = (
    dict.fromkeys(claims())
    | epochs.CLAIMS
    | parameters.CLAIMS
    | algorithms.CLAIMS
    | small_scale.CLAIMS
    | overall.CLAIMS
)
NEEDED = [*RUN, "test_error"]
ROWS_NEEDED = ["layer", *READING, "energy", "diversity"]


def main(argv: list[str]) -> None:
    """Command line of the stage; see --help."""
    parser = argparse.ArgumentParser(prog="feature_diversity claims", description=__doc__)
    parser.add_argument("--table", type=Path, required=True, help="results.csv of a study")
    parser.add_argument("--output", type=Path, required=True, help="claims.csv")
    arguments = parser.parse_args(argv)
    announce_ready()
    verdicts = judge(read_table(arguments.table))
    with atomic_write(arguments.output) as path:
        verdicts.to_csv(path, index=False)
    counted = Counter(verdicts[verdicts["headline"]]["verdict"])
    print(", ".join(f"{number} {verdict}" for verdict, number in counted.most_common()))


def read_table(path: Path) -> pd.DataFrame:
    """The columns of results.csv that verdicts need; InputError naming what is missing."""
    wanted = {*NEEDED, *ROWS_NEEDED, *FACTS, "error_source"}
    try:
        table = pd.read_csv(path, usecols=lambda name: name in wanted)
    except (OSError, ValueError) as error:
        raise InputError(f"{path} cannot be read as a table of results: {error}") from None
    if missing := [name for name in NEEDED if name not in table]:
        raise InputError(f"{path} has no column {', '.join(missing)}")
    if table.empty:
        raise InputError(f"{path} has no rows")
    return table


def judge(table: pd.DataFrame) -> pd.DataFrame:
    """The table of verdicts: a row for each claim x reading, and one for each claim about errors alone."""
    runs, readings = runs_of(table), diversities(table)
    order = sorted(readings, key=lambda reading: (reading != HEADLINE, reading)) or [HEADLINE]
    alone = {claim: evidence_of(claim, table, runs) for claim in JUDGES if not needs_diversity(claim)}
    rows = []
    for reading in order:
        wide = runs.merge(readings[reading], on=RUN, how="left") if readings else runs
        found = dict(alone)
        for claim in JUDGES:
            if needs_diversity(claim):
                found[claim] = evidence_of(claim, table, wide, reading)
        corrected = verdicts_of(found)
        for claim, verdict in corrected.items():
            if needs_diversity(claim):
                named = dict(zip(READING, reading, strict=True)) | {"headline": reading == order[0]}
                rows.append({"claim": claim, **named, **verdict})
            elif reading == order[0]:
                rows.append({"claim": claim, **dict.fromkeys(READING), "headline": True, **verdict})
    described = [
        {name: claims()[row["claim"]][name] for name in ("family", "kind", "where", "text")} for row in rows
    ]
    result = pd.concat([pd.DataFrame(described), pd.DataFrame(rows)], axis=1)
    result.insert(0, "claim", result.pop("claim"))
    return result.sort_values(
        ["claim", "headline"], ascending=[True, False], kind="stable", ignore_index=True
    )


def evidence_of(
    claim: str, table: pd.DataFrame, wide: pd.DataFrame, reading: tuple | None = None
) -> tuple[Evidence | None, str]:
    """Evidence on a claim, or None, and what is to be said about the rows: why none, or what was left out."""
    family = claims()[claim]["family"]
    try:
        if needs_diversity(claim) and reading is not None and not set(wide) - set(RUN) - set(FACTS):
            raise NotTestable("the table has no energies")
        shown = (
            wide["figures"].fillna("").str.split()
            if "figures" in wide
            else pd.Series([[]] * len(wide), wide.index)
        )
        chosen = shown.map(lambda figures: bool(set(figures) & set(FIGURES[family])))
        runs = Runs(wide).where(chosen, f"no trained run belongs to {' or '.join(FIGURES[family])}")
        if JUDGES[claim] is None:
            raise NotTestable("not judged yet")
        if claim == "C35":
            evidence = overall.diversity_is_minus_energy(table, reading)
        else:
            evidence = JUDGES[claim](runs)
        return evidence, f"judged on {subject(runs.table, family)}"
    except NotTestable as reason:
        return None, str(reason)


def subject(table: pd.DataFrame, family: str) -> str:
    """The data the verdict is about, and that they are not the paper's if they are not."""
    names = ", ".join(sorted(map(str, table["dataset"].unique())))
    theirs = paper()["families"][family].get("dataset")
    return names if theirs in (None, names) else f"{names}, not on the paper's {theirs}"


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
    """Columns of one verdict."""
    given = evidence or Evidence(np.nan, "", decided=NOT_TESTABLE, basis="", note=about)
    verdict = given.decided or decide(p, p_opposed)
    alone = given.decided or decide(given.p, given.p_opposed)
    needed = seeds_needed(given, tests) if verdict == UNDECIDED else np.nan
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
        "note": note(given, about if evidence else "", verdict, alone, p, p_opposed, tests, needed),
    }


def note(
    evidence: Evidence,
    about: str,
    verdict: str,
    alone: str,
    p: float,
    p_opposed: float,
    tests: int,
    needed: float,
) -> str:
    """Why this verdict, and what is missing, for people."""
    why = []
    if evidence.basis == "published":
        why.append("by published numbers (one run each)")
    elif not evidence.decided and verdict != UNDECIDED:
        shown = f"p = {p:.2g}" if verdict == SUPPORTED else f"the opposite holds, p = {p_opposed:.2g}"
        why.append(f"{shown} with Holm's correction")
    elif not evidence.decided:
        if alone != UNDECIDED:
            why.append(f"alone it would be {alone}, but not among the {tests} tests of its family")
        else:
            why.append(f"p = {evidence.p:.2g}, of the opposite {evidence.p_opposed:.2g}")
        if np.isfinite(needed):
            why.append(f"about {needed:.0f} seeds are needed, the table has {evidence.n_seeds}")
    why += [text for text in (evidence.note, about) if text]
    text = "; ".join(why)
    return text[:1].upper() + text[1:] + "."
