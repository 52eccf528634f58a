"""The stage `summary`: what a study found, in a few lines, and where to look."""

import argparse
from pathlib import Path

import pandas as pd

from feature_diversity.files import atomic_write
from feature_diversity.progress import announce_ready

CELL = ["algorithm", "depth", "width", "norm"]


def main(argv: list[str]) -> None:
    """Command line of the stage; see --help."""
    parser = argparse.ArgumentParser(prog="feature_diversity summary", description=__doc__)
    parser.add_argument("--table", type=Path, required=True, help="results.csv of a study")
    parser.add_argument("--figures", type=Path, required=True, help="folder of the figures")
    parser.add_argument("--output", type=Path, help="text file; else it is printed")
    arguments = parser.parse_args(argv)
    announce_ready()
    text = summarise(pd.read_csv(arguments.table), arguments.table, arguments.figures)
    if arguments.output:
        with atomic_write(arguments.output) as path:
            path.write_text(text)
    else:
        print(text)


def summarise(table: pd.DataFrame, path: Path, figures: Path) -> str:
    """A table of test errors, untrained beside trained, and the paths of what was made."""
    runs = table.drop_duplicates([*CELL, "epochs", "seed"])
    longest = runs["epochs"].max()
    seeds = ", ".join(map(str, sorted(runs["seed"].unique())))
    errors = runs.assign(error=100 * runs["test_error"]).pivot_table("error", CELL, "epochs", aggfunc="mean")
    errors.columns = [f"{epochs} epochs" if epochs else "untrained" for epochs in errors.columns]
    lines = [
        f"{runs['dataset'].iloc[0]}: {len(runs)} runs, seeds {seeds}, up to {longest} epochs",
        "",
        "Test error (%) of the linear classifier, mean over seeds:",
        "",
        errors.round(1).reset_index().to_string(index=False),
        "",
        f"table    {path}",
        f"figures  {figures}",
    ]
    return "\n".join(lines) + "\n"
