"""What a study found, in a few lines, and where to look."""

import textwrap
from pathlib import Path

import pandas as pd

from feature_diversity.base import paths
from feature_diversity.base.run import CONFIGURATION, RUN

VERDICTS = ["supported", "contradicted", "undecided", "not testable here"]
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
    """The verdicts counted, then a line for each claim in the headline reading.

    A claim whose verdict is another in some other reading of the energy says in how many it is the same.
    """
    shown = claims[claims["headline"]]
    counts = shown["verdict"].value_counts()
    counted = ", ".join(f"{counts[verdict]} {verdict}" for verdict in VERDICTS if verdict in counts)
    lines = [f"The paper's {len(shown)} claims: {counted}", ""]
    for _, row in shown.iterrows():
        same = claims.loc[claims["claim"] == row["claim"], "verdict"].eq(row["verdict"])
        agreement = "" if same.all() else f"{same.sum()}/{len(same)}"
        start = f"{row['claim']}  {row['verdict']:<17} {agreement:>6}  "
        lines.append(start + textwrap.shorten(row["text"], LINE - len(start), placeholder=" ..."))
    lines += [
        "",
        "x/y: the verdict holds in x of the y readings of the energy; no number: in all.",
        f"claims   {path}",
    ]
    return "\n".join(lines) + "\n"
