"""The stage `report`: a study on one page that needs no network: figures, verdicts, runs, provenance.

The page holds everything it shows, except the links to histories and logs, which lead to the files beside it.
"""

import argparse
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas as pd

from feature_diversity.base.errors import InputError
from feature_diversity.base.files import atomic_write
from feature_diversity.base.run import RUN
from feature_diversity.base.timing import announce_ready
from feature_diversity.records.provenance import by_stage, provenance_of, record
from feature_diversity.report.behind import numbers_behind
from feature_diversity.report.columns import columns_of
from feature_diversity.report.links import links_of
from feature_diversity.report.missing import what_is_missing
from feature_diversity.report.page import figures_in, render
from feature_diversity.report.verdicts import read_claims, verdicts_of
from feature_diversity.results.table import read_results


def main(argv: list[str]) -> None:
    """Command line of the stage; see --help."""
    parser = argparse.ArgumentParser(prog="feature_diversity report", description=__doc__)
    parser.add_argument("--table", type=Path, required=True, help="results.csv or .parquet of a study")
    parser.add_argument("--claims", type=Path, required=True, help="claims.csv of the study")
    parser.add_argument("--figures", type=Path, required=True, help="folder of its figures")
    parser.add_argument("--study", type=json.loads, default={}, help="what the study says of itself (JSON)")
    parser.add_argument("--code", type=json.loads, default={}, help="stage: digest of its code (JSON)")
    parser.add_argument(
        "--output", type=Path, required=True, help="report.html, in the study's results folder"
    )
    parser.add_argument("--provenance", type=Path, required=True, help="provenance.json, beside it")
    arguments = parser.parse_args(argv)
    announce_ready()
    claims = read_claims(arguments.claims)
    table = read_results(arguments.table)
    folder = arguments.output.parent
    content = content_of(table, claims, arguments.figures, arguments.study, folder)
    with atomic_write(arguments.output) as path, atomic_write(arguments.provenance) as facts:
        own = record("report", "report", argv)
        own["outputs"] = [str(arguments.output), str(arguments.provenance)]
        provenance = provenance_of(folder, own, arguments.study, arguments.code)
        facts.write_text(json.dumps(provenance, indent=1), encoding="utf-8")
        page = render(**content, provenance=provenance, stages=by_stage(provenance["jobs"]))
        path.write_text(page, encoding="utf-8")
    print(f"{arguments.output}: {len(page.encode()) / 1e6:.1f} MB")


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
        "behind": numbers_behind(table),
        "data": columns | {"links": links},
        "missing": what_is_missing(table, runs, claims, pictures, links, study) + left_out,
        "made": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
    }
