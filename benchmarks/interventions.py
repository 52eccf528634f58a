"""How often the stage `intervention` is right: python benchmarks/interventions.py [TABLES]

Synthetic tables (tests/support/intervention_tables.py) whose truth is known, TABLES (500) of each truth. The
counts of verdicts become a row of benchmarks/interventions.csv as soon as they are known; truths that stand
there with as many tables are not judged again.

    python benchmarks/interventions.py table

prints the table of docs/interventions.md, in percent, from that file.
"""

import sys
from pathlib import Path

import pandas as pd

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT / "src"), str(ROOT / "tests")]

from support.intervention_tables import TRUTHS, penalties, table  # noqa: E402

from feature_diversity.interventions.analysis import analysed  # noqa: E402

FILE = Path(__file__).with_suffix(".csv")
VERDICTS = ["causes", "no effect", "depends on the lever", "not delivered", "undecided"]
COLUMNS = ["truth", "tables", *VERDICTS]


def known() -> pd.DataFrame:
    """What has been counted so far."""
    return pd.read_csv(FILE) if FILE.exists() else pd.DataFrame(columns=COLUMNS)


def verdict(truth: str, draw: int) -> str:
    """The verdict on one table."""
    found = analysed(table(truth, draw), penalties())
    return found.loc[found["statistic"] == "verdict", "verdict"].item()


def count(tables: int) -> None:
    """Judge the tables of every truth that has not been counted, and keep the counts."""
    for truth in TRUTHS:
        rows = known()
        same = rows["truth"].eq(truth)
        if (same & rows["tables"].ge(tables)).any():
            continue
        found = pd.Series([verdict(truth, draw) for draw in range(tables)]).value_counts()
        row = [truth, tables, *(int(found.get(name, 0)) for name in VERDICTS)]
        rows = pd.concat([known()[~same], pd.DataFrame([row], columns=COLUMNS)], ignore_index=True)
        rows.to_csv(FILE, index=False)
        print(*row, flush=True)


def as_table() -> str:
    """The table of docs/interventions.md."""
    lines = [["truth", *VERDICTS], ["---"] * (len(VERDICTS) + 1)]
    for _, row in known().iterrows():
        lines.append([row["truth"], *(f"{100 * row[name] / row['tables']:.1f}" for name in VERDICTS)])
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


if __name__ == "__main__":
    if sys.argv[1:] == ["table"]:
        print(as_table())
    else:
        count(int(sys.argv[1]) if sys.argv[1:] else 500)
