"""The verdicts on the paper's claims as the page shows them: an entry for each claim, with all readings."""

from pathlib import Path
from typing import Any

import pandas as pd

from feature_diversity.base.errors import InputError
from feature_diversity.base.files import check_whole
from feature_diversity.base.reading import in_words
from feature_diversity.claims.paper import FIGURES, claims

NEEDED = [
    *("claim", "family", "kind", "text", "where", "vector", "centred", "s", "headline", "verdict"),
    *("basis", "robust", "same_as", "effect", "effect_name", "low", "high", "p", "p_opposed", "smallest"),
    *("n_runs", "n_seeds", "seeds_needed", "note", "verdict_gated", "effect_gated", "n_runs_gated"),
]
VERDICTS = {  # in the order in which they are counted, basis by basis
    "supported": "✓",
    "contradicted": "✗",
    "undecided": "?",
    "as published": "✓",
    "not as published": "✗",
    "yes": "✓",
    "no": "✗",
    "open": "?",
    "by definition": "=",
    "not testable": "–",
}
DECIDED = ("supported", "contradicted", "as published", "not as published", "yes", "no", "by definition")
LARGE = (
    2  # standard deviations between seeds, beyond which an effect that would have been found is a large one
)


def read_claims(path: Path) -> pd.DataFrame:
    """The table of verdicts; InputError naming what it lacks."""
    try:
        check_whole(path)
        table = pd.read_csv(path)
    except (OSError, ValueError) as error:
        raise InputError(f"{path} cannot be read as a table of verdicts: {error}") from None
    if missing := [column for column in NEEDED if column not in table]:
        raise InputError(f"{path}: no column {', '.join(missing)}; expected a table of the stage `claims`")
    return table


def verdicts_of(table: pd.DataFrame) -> list[dict[str, Any]]:
    """One entry for each claim: its headline verdict, and its verdict in every reading of the energy."""
    entries = []
    for claim, rows in table.groupby("claim", sort=True):
        known = claims().get(claim, {})
        first = (rows[rows["headline"].eq(True)] if rows["headline"].any() else rows).iloc[0]
        entry = plain(first)
        entry |= {name: known.get(name, "") for name in ("direction", "test", "ambiguity")}
        entry["opposed"] = known.get("conflicts_with", [])
        entry["figures"] = FIGURES.get(entry["family"], [])
        entry["parts"] = [part for part in str(entry.get("parts") or "").split("; ") if part]
        entry["readings"] = readings_of(rows[rows["vector"].notna()])
        entry["counts"] = rows[rows["same_as"].isna()]["verdict"].value_counts().to_dict()
        entries.append(entry)
    return entries


def readings_of(rows: pd.DataFrame) -> list[dict[str, Any]]:
    """The readings of one claim, each with the places of its effect and interval from 0 to 100.

    Zero is at 50. Every reading has a scale of its own: powers and vectors change the unit of diversity.
    """
    numbers = rows[["effect", "low", "high"]].replace([float("inf"), float("-inf")], float("nan"))
    places = 50 + numbers.div(numbers.abs().max(axis=1).replace(0, 1), axis=0) * 50
    readings = []
    for index, row in rows.iterrows():
        name = in_words(row["vector"], row["centred"] in (True, "True"), row["s"])
        readings.append(plain(row) | {"reading": name, "places": plain(places.loc[index])})
    return readings


def why_undecided(entries: list[dict[str, Any]]) -> dict[str, list[str]]:
    """Why claims are not decided, in the order in which reasons are looked for: reason -> claims."""
    reasons: dict[str, list[str]] = {}
    for entry in entries:
        note = entry["note"] or ""
        if entry["verdict"] in DECIDED:
            continue
        if entry["verdict"] == "not testable":
            reason = "the study lacks what the test needs, or no observation can decide it"
        elif note.startswith("Absence"):
            reason = "to show that there is no relation takes more seeds"
        elif (entry.get("smallest_sd") or 0) > LARGE:
            reason = f"these seeds find only effects of more than {LARGE} standard deviations between seeds"
        elif note.startswith("The sign of the effect flips"):
            reason = (
                "the sign of the effect depends on the reading, and it is not significant in the headline one"
            )
        else:
            reason = "what was found may be chance"
        reasons.setdefault(reason, []).append(entry["claim"])
    return reasons


def plain(row: pd.Series) -> dict[str, Any]:
    """The row as a dictionary, None where a cell is empty."""
    return {name: None if pd.isna(value) else value for name, value in row.items()}
