"""Everything that the page about a study shows."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas as pd

from feature_diversity.base.errors import InputError
from feature_diversity.base.run import RUN
from feature_diversity.report.behind import numbers_behind
from feature_diversity.report.columns import columns_of
from feature_diversity.report.links import links_of
from feature_diversity.report.missing import what_is_missing
from feature_diversity.report.page import figures_in
from feature_diversity.report.verdicts import verdicts_of
from feature_diversity.results.gates import failures
from feature_diversity.results.text import gated_in_words


def content_of(
    table: pd.DataFrame, claims: pd.DataFrame, figures: Path, study: dict[str, Any], folder: Path
) -> dict[str, Any]:
    """Everything that the page shows, by the names that its template uses."""
    if table.empty:
        raise InputError("the table of results has no rows")
    runs = table.drop_duplicates(RUN).sort_values(RUN, ignore_index=True)
    links = links_of(runs, folder)
    columns, left_out = columns_of(table, runs)
    pictures = figures_in(figures, claims)
    return {
        "study": study,
        "runs": runs,
        "claims": verdicts_of(claims),
        "figures": pictures,
        "gates": gates_told(table, claims),
        "behind": numbers_behind(table),
        "data": columns | {"links": links},
        "missing": what_is_missing(table, runs, claims, pictures, links, study) + left_out,
        "made": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
    }


def gates_told(table: pd.DataFrame, claims: pd.DataFrame) -> str:
    """Which trainings fail a gate, and what verdicts become without them; empty where none fails."""
    if not (failed := failures(table)):
        return ""
    return f"{failed}. Without them {gated_in_words(claims[claims['headline'].eq(True)])}."
