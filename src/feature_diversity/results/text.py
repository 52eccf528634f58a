"""What a study found, in a few lines, and where to look."""

import textwrap
from pathlib import Path

import pandas as pd

from feature_diversity.base import paths
from feature_diversity.base.run import CONFIGURATION, RUN
from feature_diversity.results.gates import failures
from feature_diversity.results.table import told
from feature_diversity.statistics.multiplicity import by_chance

VERDICTS = {  # basis -> how its claims are counted, and their verdicts
    "test": ("by tests", ["supported", "contradicted", "undecided"]),
    "intervention": ("by intervention", ["supported", "contradicted", "undecided"]),
    "published": ("by published numbers, one run each", ["as published", "not as published"]),
    "question": ("questions", ["yes", "no", "open"]),
    "definition": ("by definition", ["by definition", "contradicted"]),
    "none": ("not testable", ["not testable"]),
}
LINE = 100  # characters


def summarise(table: pd.DataFrame, path: Path, figures: Path) -> str:
    """A table of test errors, untrained beside trained, and the paths of what was made."""
    runs = table.drop_duplicates(RUN)
    longest = runs["epochs"].max()
    seeds = ", ".join(map(str, sorted(runs["seed"].unique())))
    errors = runs.assign(error=100 * runs["test_error"]).pivot_table(
        "error", told(runs, CONFIGURATION), "epochs", aggfunc="mean"
    )
    errors.columns = [f"{epochs} epochs" if epochs else "untrained" for epochs in errors.columns]
    lines = [
        f"{path.parent.name} ({runs['dataset'].iloc[0]}): {len(runs)} runs, seeds {seeds}, "
        f"up to {longest} epochs",
        "",
        "Test error (%) of the linear classifier, mean over seeds:",
        "",
        errors.round(1).reset_index().to_string(index=False),
        *easy(runs),
        "",
        *([*textwrap.wrap(f"{failed}.", LINE), ""] if (failed := failures(table)) else []),
        f"table    {path}",
        f"figures  {figures}",
        f"report   {path.with_name(paths.REPORT)}",
    ]
    return "\n".join(lines) + "\n"


def easy(runs: pd.DataFrame) -> list[str]:
    """A line on the errors that need no network, where they are known."""
    columns = {"pixel_error": "raw pixels", "chance_error": "chance"}
    known = {name: runs[column].mean() for column, name in columns.items() if column in runs}
    told = [f"{name} {100 * error:.1f}" for name, error in known.items() if error == error]  # not NaN
    return ["", f"Without a network: {', '.join(told)}"] if told else []


def verdicts(claims: pd.DataFrame, path: Path) -> str:
    """The verdicts counted by what they rest on, then a line for each claim in the headline reading.

    A claim whose verdict is another in some other reading of the energy says in how many it is the same;
    readings with the numbers of another one are not counted.
    """
    shown, distinct = claims[claims["headline"]], claims[claims["same_as"].isna()]
    lines = [f"The paper's {len(shown)} claims:"]
    for basis, (name, known) in VERDICTS.items():
        of_basis = shown[shown["basis"] == basis]["verdict"]
        counted = ", ".join(
            f"{sum(of_basis == verdict)} {verdict}" for verdict in known if verdict in set(of_basis)
        )
        lines += [f"  {name}: {counted}"] if counted else []
        lines += [f"    ({by_chance(len(of_basis))})"] if counted and basis == "test" else []
    if "verdict_gated" in shown and not shown["verdict_gated"].equals(shown["verdict"]):
        lines += textwrap.wrap(f"Without trainings that fail a gate {gated_in_words(shown)}.", LINE)
    lines.append("")
    for _, row in shown.iterrows():
        same = distinct.loc[distinct["claim"] == row["claim"], "verdict"].eq(row["verdict"])
        agreement = "" if same.all() else f"{same.sum()}/{len(same)}"
        centring = "!" if row["robust"] in (False, "False") else ""
        start = f"{row['claim']}  {row['verdict']:<16} {agreement + centring:>6}  "
        lines.append(start + textwrap.shorten(row["text"], LINE - len(start), placeholder=" ..."))
    lines += [
        "",
        "x/y: the verdict holds in x of the y readings of the energy; no number: in all.",
        "!: centring the features changes the verdict.",
        f"claims   {path}",
    ]
    return "\n".join(lines) + "\n"


def gated_in_words(shown: pd.DataFrame) -> str:
    """How verdicts change without trainings that fail a gate. shown: a row for each claim."""
    if shown["verdict_gated"].eq("not testable").all():
        return "nothing is left to be judged"
    differ = shown[shown["verdict_gated"] != shown["verdict"]]
    if differ.empty:
        return "no verdict is another"
    changes: dict[str, list[str]] = {}
    for _, row in differ.iterrows():
        changes.setdefault(f"from {row['verdict']} to {row['verdict_gated']}", []).append(row["claim"])
    said = [f"{count_of(found)} {change}" for change, found in changes.items()]
    return f"the verdict changes on {', '.join(said)}"


def count_of(claims: list[str]) -> str:
    """The claims' names, or how many they are."""
    return ", ".join(claims) if len(claims) <= 4 else f"{len(claims)} claims"
