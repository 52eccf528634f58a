"""How often the stage `intervention` is right: python benchmarks/interventions.py [TABLES]

Synthetic tables (tests/support/intervention_tables.py) whose truth is known, TABLES (500) of each truth.
Counts of verdicts are kept in benchmarks/interventions.csv after every 25 tables; a next call goes on.

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
STEP = 25


def known() -> pd.DataFrame:
    """What has been counted so far."""
    return pd.read_csv(FILE) if FILE.exists() else pd.DataFrame(columns=COLUMNS)


def verdict(truth: str, draw: int) -> str:
    """The verdict on one table."""
    found = analysed(table(truth, draw), penalties())
    return found.loc[found["statistic"] == "verdict", "verdict"].item()


def count(tables: int) -> None:
    """Judge tables of every truth in turn, and keep the counts after every STEP."""
    for done in range(0, tables, STEP):
        for truth in TRUTHS:
            rows = known().set_index("truth")
            if rows["tables"].get(truth, 0) > done:
                continue
            found = pd.Series([verdict(truth, draw) for draw in range(done, done + STEP)]).value_counts()
            before = rows.loc[truth] if truth in rows.index else pd.Series(0, COLUMNS[1:])
            now = before + found.reindex(VERDICTS, fill_value=0).reindex(COLUMNS[1:], fill_value=STEP)
            rows.loc[truth] = now.astype(int)
            rows.astype(int).reset_index().to_csv(FILE, index=False)
            print(truth, *rows.loc[truth], flush=True)


def as_table() -> str:
    """The table of docs/interventions.md."""
    lines = [COLUMNS, ["---"] * len(COLUMNS)]
    for _, row in known().iterrows():
        shares = (f"{100 * row[name] / row['tables']:.1f}" for name in VERDICTS)
        lines.append([row["truth"], str(row["tables"]), *shares])
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


if __name__ == "__main__":
    if sys.argv[1:] == ["table"]:
        print(as_table())
    else:
        count(int(sys.argv[1]) if sys.argv[1:] else 500)
