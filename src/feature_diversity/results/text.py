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


def in_short(table: pd.DataFrame, claims: pd.DataFrame, answer: str, folder: Path) -> str:
    """What a study found, in about ten lines.

    Args:
        table: of results, a row for each run and more.
        claims: the table of verdicts.
        answer: to the question of the title, with the question.
        folder: of the study's results.
    """
    runs = table.drop_duplicates(RUN)
    trained = runs[runs["epochs"] > 0]
    seeds = ", ".join(map(str, sorted(runs["seed"].unique())))
    algorithms = trained["algorithm"].nunique()
    said = f"{folder.name} ({runs['dataset'].iloc[0]}): {len(runs)} runs of {algorithms} algorithm"
    said += f"{'s' if algorithms != 1 else ''}, seeds {seeds}, up to {runs['epochs'].max()} epochs."
    failed = failures(table)
    paragraphs = [said, answer, range_of_errors(runs), *([f"{failed}."] if failed else []), decided(claims)]
    lines = [line for text in paragraphs for line in textwrap.wrap(text, LINE)]
    lines += ["", f"open      {folder / paths.REPORT}", f"verdicts  {folder / paths.VERDICTS}"]
    return "\n".join(lines) + "\n"


def range_of_errors(runs: pd.DataFrame) -> str:
    """The least and the largest mean error of the networks where they end, beside what needs no training."""
    trained = runs[runs["epochs"] == runs["epochs"].max()]
    means = trained.groupby(told(runs, CONFIGURATION))["test_error"].mean().sort_values()
    axes = means.index.to_frame()
    axes = axes[[axis for axis in axes if (axes[axis] != axes[axis].iloc[0]).any()] or list(axes)[:1]]
    values = {"depth": "ResNet-{}", "width": "width {:g}"}
    names = [
        ", ".join(values.get(axis, "{}").format(value) for axis, value in row.items())
        for row in axes.to_dict("records")
    ]
    text = f"Test error, mean over seeds: {100 * means.iloc[0]:.1f} % ({names[0]})"
    if len(means) > 1:
        text += f" to {100 * means.iloc[-1]:.1f} % ({names[-1]})"
    untrained = runs.loc[runs["epochs"] == 0, "test_error"]
    text += f"; untrained {100 * untrained.mean():.1f} %" if len(untrained) and runs["epochs"].max() else ""
    return text + "".join(f"; {name} {100 * error:.1f} %" for name, error in without_network(runs)) + "."


def decided(claims: pd.DataFrame) -> str:
    """How many of the paper's claims are decided how, and what the tests of the others could find."""
    shown = claims[claims["headline"]]
    parts = []
    for basis, (name, known) in VERDICTS.items():
        counts = shown.loc[shown["basis"] == basis, "verdict"].value_counts()
        found = ", ".join(f"{counts[verdict]} {verdict}" for verdict in known if verdict in counts)
        if found and basis != "definition":
            parts.append(found if found.endswith(name) else f"{name} {found}")
    text = f"The paper's {len(shown)} claims: {'; '.join(parts)}."
    undecided = shown[(shown["verdict"] == "undecided") & (shown["basis"] == "test")]
    least = undecided["smallest_sd"].median() if "smallest_sd" in undecided else float("nan")
    if least == least:  # not NaN
        text += f" The median of the undecided tests finds effects from {least:.1f} SD between seeds on."
    return text


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
    told = [f"{name} {100 * error:.1f}" for name, error in without_network(runs)]
    return ["", f"Without a network: {', '.join(told)}"] if told else []


def without_network(runs: pd.DataFrame) -> list[tuple[str, float]]:
    """Names and errors of what needs no network, where they are known."""
    columns = {"pixel_error": "raw pixels", "chance_error": "chance"}
    known = [(name, runs[column].mean()) for column, name in columns.items() if column in runs]
    return [(name, error) for name, error in known if error == error]  # not NaN


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
