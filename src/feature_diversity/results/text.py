"""What a study found, in a few lines, and where to look."""

import textwrap
from pathlib import Path

import pandas as pd

from feature_diversity.base import paths
from feature_diversity.base.run import CONFIGURATION, RUN
from feature_diversity.statistics.multiplicity import by_chance

VERDICTS = {  # basis -> how its claims are counted, and their verdicts
    "test": ("by tests", ["supported", "contradicted", "undecided"]),
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
        "error", CONFIGURATION, "epochs", aggfunc="mean"
    )
    errors.columns = [f"{epochs} epochs" if epochs else "untrained" for epochs in errors.columns]
    lines = [
        f"{path.parent.name} ({runs['dataset'].iloc[0]}): {len(runs)} runs, seeds {seeds}, "
        f"up to {longest} epochs",
        "",
        "Test error (%) of the linear classifier, mean over seeds:",
        "",
        errors.round(1).reset_index().to_string(index=False),
        "",
        f"table    {path}",
        f"figures  {figures}",
        f"report   {path.with_name(paths.REPORT)}",
    ]
    return "\n".join(lines) + "\n"


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
