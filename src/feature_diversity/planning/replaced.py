"""Finished networks that are not of the study as it is now and would be replaced: which, and why."""

import json
from collections import Counter
from pathlib import Path

from feature_diversity.base.errors import InputError
from feature_diversity.base.paths import DATA, HISTORY, LINEAR, MODEL
from feature_diversity.base.run import Run
from feature_diversity.base.stages import MAKERS, TRAINING
from feature_diversity.planning.expected import expected_of
from feature_diversity.planning.images import HELD_OUT, changed_since
from feature_diversity.planning.remaining import told_hours, training_seconds
from feature_diversity.planning.settings import digest_of
from feature_diversity.planning.study import Study
from feature_diversity.records.digest import code_change
from feature_diversity.results.origins import differences, facts_of

CODE = "it was made by other code"
OF_NO_TRAINING = ("linear_evaluation: ", HELD_OUT)  # begin what is other about what follows a training


def not_of_study(study: Study, folder: Path) -> dict[Run, list[str]]:
    """The runs whose models are there and not of the study as it is now, and what is other about each.

    That is what models and linear evaluations say of themselves, wherever their folder was moved from;
    Snakemake compares only with what it remembers.
    """
    expected, found = expected_of(study), {}
    of_data = changed_since(study, folder / DATA) if study.engine in TRAINING else []
    for run in study.runs():
        model, linear = folder / run.folder / MODEL, folder / run.folder / LINEAR
        if model.exists():
            try:
                facts = facts_of(model)
                said = json.loads(linear.read_text(encoding="utf-8")) if linear.exists() else None
                measured = said if expected["linear_evaluation"] is not None else None
                code = digest_of(study, MAKERS[study.engine], run.algorithm)
                other = of_data + differences(run, facts, expected, measured)
                if facts.get("code") not in (code, "unknown"):
                    which = code_change(str(facts.get("code")), code)
                    other.append(f"{CODE}: {which}" if which else CODE)
            except (InputError, ValueError) as error:
                other = [str(error)]
            if other:
                found[run] = other
    return found


def told(others: dict[Run, list[str]]) -> list[str]:
    """Lines on the runs that are not of the study, one for each thing that is other about some of them."""
    first: dict[str, str] = {}
    for run, reasons in others.items():
        for reason in reasons:
            first.setdefault(reason, run.folder)
    counts = Counter(reason for reasons in others.values() for reason in reasons)
    return [
        f"stale       {count:,} runs, such as {first[reason]}: {reason}" for reason, count in counts.items()
    ]


def ask_to_replace(study: Study, folder: Path) -> None:
    """Ask on the terminal before finished networks in a study's results are replaced, where any would be.

    Raises InputError where the answer is no.
    """
    others = not_of_study(study, folder)
    if line := replaced_line(study, folder, others):
        print(*told(others), *line, "Go on? [y/N]", sep="\n", flush=True)
        try:
            answer = input()
        except (EOFError, KeyboardInterrupt):  # Ctrl-D, Ctrl-C
            answer = ""
        if answer.strip().lower() not in ("y", "yes"):
            raise InputError("nothing was replaced; `make plan` says what would run")


def replaced_line(study: Study, folder: Path, others: dict[Run, list[str]]) -> list[str]:
    """A line on how many finished trainings will be replaced and how long they took; none where none will.

    others: as `not_of_study` finds them.
    """
    last: dict[object, Run] = {}  # of a trajectory, the longest of the snapshots
    for run, reasons in others.items():
        if any(not reason.startswith(OF_NO_TRAINING) for reason in reasons):
            last[run.network if study.schedule == "trajectory" else run] = run
    if not last:
        return []
    seconds = sum(
        training_seconds(folder / run.folder / HISTORY, folder / run.folder / MODEL) for run in last.values()
    )
    what = f"{len(last):,} finished {'network' if len(last) == 1 else 'networks'}"
    return [
        f"replaces    {what} ({told_hours(seconds)} of training), which stay in the store: with the values "
        "of before they are found there again"
    ]
