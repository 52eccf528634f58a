"""The stage `report`: a study on one page that needs no network: figures, verdicts, runs, provenance.

The page holds everything it shows, except the links to histories and logs, which lead to the files beside it.
"""

import json
from pathlib import Path

from feature_diversity.base import paths
from feature_diversity.base.command_line import command_line, from_json
from feature_diversity.base.files import atomic_write
from feature_diversity.base.timing import announce_ready
from feature_diversity.interventions.result import CAUTION
from feature_diversity.prediction.answer import answer_of, read_prediction
from feature_diversity.records.provenance import by_stage, provenance_of, record
from feature_diversity.report.content import content_of
from feature_diversity.report.interventions import interventions_of
from feature_diversity.report.page import render
from feature_diversity.report.verdicts import read_claims
from feature_diversity.results.table import read_results


def main(argv: list[str]) -> None:
    """Run the stage; see --help."""
    parser = command_line("report", __doc__)
    parser.add_argument(
        "--table", type=Path, required=True, help=f"{paths.RESULTS_CSV} or .parquet of a study"
    )
    parser.add_argument("--claims", type=Path, required=True, help=f"{paths.CLAIMS} of the study")
    parser.add_argument(
        "--prediction", type=Path, help=f"{paths.PREDICTION} of the study, for the first paragraph"
    )
    parser.add_argument("--intervention", type=Path, help=f"{paths.INTERVENTION} of the study, if it has one")
    parser.add_argument("--figures", type=Path, required=True, help="folder of its figures")
    parser.add_argument("--data", type=Path, help=f"{paths.DATA} of the study, to show its images and splits")
    parser.add_argument(
        "--folder", type=Path, default=Path("data"), help="where images lie that are in files"
    )
    parser.add_argument("--study", type=from_json, default={}, help="what the study says of itself (JSON)")
    parser.add_argument("--stages", type=from_json, default={}, help="stage: digest of its code (JSON)")
    parser.add_argument(
        "--output", type=Path, required=True, help=f"{paths.REPORT}, in the study's results folder"
    )
    parser.add_argument("--provenance", type=Path, required=True, help=f"{paths.PROVENANCE}, beside it")
    arguments = parser.parse_args(argv)
    announce_ready()
    claims = read_claims(arguments.claims)
    table = read_results(arguments.table)
    folder = arguments.output.parent
    interventions = interventions_of(arguments.intervention) if arguments.intervention else []
    data = (arguments.data, arguments.folder) if arguments.data else None
    content = content_of(table, claims, arguments.figures, arguments.study, folder, data)
    answer = answer_of(read_prediction(arguments.prediction)) if arguments.prediction else None
    with atomic_write(arguments.output) as path, atomic_write(arguments.provenance) as facts:
        own = record("report", argv)
        own["outputs"] = [str(arguments.output), str(arguments.provenance)]
        provenance = provenance_of(folder, own, arguments.study, arguments.stages)
        facts.write_text(json.dumps(provenance, indent=1), encoding="utf-8")
        page = render(
            **content,
            answer=answer,
            interventions=interventions,
            caution=CAUTION,
            provenance=provenance,
            stages=by_stage(provenance["jobs"]),
        )
        path.write_text(page, encoding="utf-8")
    print(f"{arguments.output}: {len(page.encode()) / 1e6:.1f} MB")
