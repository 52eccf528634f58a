"""Everything that the page about a study shows."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas as pd

from feature_diversity.base.errors import InputError
from feature_diversity.base.history import LOGGED_LAYERS
from feature_diversity.base.paths import LOGS
from feature_diversity.base.run import RUN
from feature_diversity.report.behind import numbers_behind
from feature_diversity.report.columns import columns_of
from feature_diversity.report.images import data_of
from feature_diversity.report.links import links_of
from feature_diversity.report.losses import drawn, histories_of
from feature_diversity.report.missing import what_is_missing
from feature_diversity.report.page import figures_in
from feature_diversity.report.verdicts import verdicts_of
from feature_diversity.results.gates import failures
from feature_diversity.results.text import gated_in_words

LINES = {"pixel_error": "test error on raw pixels", "chance_error": "chance"}


def content_of(
    table: pd.DataFrame,
    claims: pd.DataFrame,
    figures: Path,
    study: dict[str, Any],
    folder: Path,
    data: tuple[Path, Path] | None = None,
) -> dict[str, Any]:
    """Everything that the page shows, by the names that its template uses.

    data: the prepared data set, and the folder where images lie that are in files; None if it is not shown.
    """
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
        "data_set": data_of(*data) if data else None,
        "lines": lines_of(table),
        "said": said_of_images(folder),
        "losses": drawn(histories_of(runs, folder)),
        "logs": logs_of(runs, folder),
        "gates": gates_told(table, claims),
        "behind": numbers_behind(table),
        "data": columns | {"links": links},
        "missing": what_is_missing(table, runs, claims, pictures, links, study) + left_out,
        "made": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
    }


def lines_of(table: pd.DataFrame) -> list[tuple[str, str]]:
    """Errors that need no network, in words."""
    found = [(text, table[name].dropna()) for name, text in LINES.items() if name in table]
    return [(text, f"{100 * values.iloc[0]:.1f} %") for text, values in found if len(values)]


def logs_of(runs: pd.DataFrame, folder: Path) -> dict[str, str]:
    """Pictures of the diversity in the histories, by layer; none where trainings were not logged."""
    pictures = {}
    for layer in LOGGED_LAYERS:
        column = f"diversity_{layer}"
        if picture := drawn(histories_of(runs, folder, column), column, f"diversity of the {layer}"):
            pictures[layer] = picture
    return pictures


def said_of_images(folder: Path) -> list[str]:
    """What the stage `data` said in its log: images left out, and why."""
    log = folder / LOGS / "data.log"
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines() if log.exists() else []
    return [line for line in lines if "left out" in line]


def gates_told(table: pd.DataFrame, claims: pd.DataFrame) -> str:
    """Which trainings fail a gate, and what verdicts become without them; empty where none fails."""
    if not (failed := failures(table)):
        return ""
    return f"{failed}. Without them {gated_in_words(claims[claims['headline'].eq(True)])}."
