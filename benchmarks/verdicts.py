"""False positives and power of every claim's test: python benchmarks/verdicts.py [TABLES] [CLAIMS]

Synthetic tables (tests/support/claims_scenarios.py) whose truth is known, TABLES (500) of each kind. How
often p <= 0.05, for the claim and for its opposite, becomes a row of benchmarks/verdicts.csv as soon as it is
known; kinds that stand there with as many tables are not judged again.

    python benchmarks/verdicts.py table

prints the table of docs/claims.md, in percent, from that file: where all true values are equal or lie on
the edge of the claim ("null"), where they lie on a less favourable edge, where runs of a seed are snapshots
of one training whose noise wanders, and in each of NULLS; then the power against two standard deviations
between seeds, for the claim and for its opposite, and the smallest effect, in standard deviations, that the
test says it finds with a power of 80 %.
"""

import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT / "src"), str(ROOT / "tests")]

from support.claims_scenarios import EDGES, NULLS, SCENARIOS  # noqa: E402

from feature_diversity.claims.evidence import NotTestable  # noqa: E402
from feature_diversity.claims.judge import JUDGES  # noqa: E402
from feature_diversity.claims.paper import claims  # noqa: E402
from feature_diversity.claims.runs import Runs  # noqa: E402
from feature_diversity.statistics.multiplicity import ALPHA  # noqa: E402

FILE = Path(__file__).with_suffix(".csv")
POWER, OPPOSED = "power, 2 SD", "-2 SD"
KINDS = ["null", "edge", "snapshots", *NULLS, POWER, OPPOSED]
COLUMNS = ["claim", "kind", "tables", "stated", "opposed", "smallest_sd"]


def maker(claim: str, kind: str) -> Callable[[int], pd.DataFrame] | None:
    """What makes the tables of a kind, from the number of a draw; None where the claim has no such kind."""
    true = SCENARIOS[claim]
    if kind in (POWER, OPPOSED):
        return lambda draw: true(2 if kind == POWER else -2, draw=draw)
    if kind == "snapshots":
        several = claims()[claim]["family"] == "epochs"
        return (lambda draw: true(0, draw=draw, snapshots=True)) if several else None
    make = true if kind == "null" else EDGES.get(claim) if kind == "edge" else NULLS[kind].get(claim)
    return (lambda draw: make(0, draw=draw)) if make else None


def rejections(claim: str, make: Callable[[int], pd.DataFrame], tables: int) -> tuple[int, int, float]:
    """In how many tables the claim, and its opposite, is found; median smallest effect."""
    found, smallest = np.ones((tables, 2)), [np.nan]
    for draw in range(tables):
        try:
            evidence = JUDGES[claim](Runs(make(draw)))
        except NotTestable:
            continue
        found[draw] = evidence.p, evidence.p_opposed
        smallest.append(evidence.smallest_sd)
    stated, opposed = (found <= ALPHA).sum(axis=0)
    return int(stated), int(opposed), float(pd.Series(smallest).median())


def known() -> pd.DataFrame:
    """What has been counted so far."""
    if not FILE.exists():
        return pd.DataFrame(columns=COLUMNS)
    return pd.read_csv(FILE, keep_default_na=False, na_values={"smallest_sd": ""})


def count(tables: int, chosen: list[str]) -> None:
    """Judge the tables of every kind that has not been counted, and keep the counts."""
    for claim in chosen:
        for kind in KINDS:
            rows = known()
            same = rows["claim"].eq(claim) & rows["kind"].eq(kind)
            make = maker(claim, kind)
            if make is None or (same & rows["tables"].ge(tables)).any():
                continue
            row = [claim, kind, tables, *rejections(claim, make, tables)]
            rows = pd.concat([known()[~same], pd.DataFrame([row], columns=COLUMNS)], ignore_index=True)
            order = rows["claim"] + rows["kind"].map({name: f"{at:02}" for at, name in enumerate(KINDS)})
            rows.iloc[order.argsort()].round(2).to_csv(FILE, index=False)
            print(*row, flush=True)


def table() -> str:
    """The table of docs/claims.md."""
    counts = known().set_index(["claim", "kind"])
    lines = [["claim", *KINDS, "smallest"], ["---"] * (len(KINDS) + 2)]
    for claim in dict.fromkeys(counts.index.get_level_values("claim")):
        cells = []
        for kind in KINDS:
            if (claim, kind) not in counts.index:
                cells.append("")
                continue
            row = counts.loc[(claim, kind)]
            stated, opposed = (100 * row[name] / row["tables"] for name in ("stated", "opposed"))
            both = f"{stated:.1f} / {opposed:.1f}"
            cells.append({POWER: f"{stated:.0f}", OPPOSED: f"{opposed:.0f}"}.get(kind, both))
        smallest = counts["smallest_sd"].get((claim, POWER), np.nan)
        lines.append([claim, *cells, f"{smallest:.1f}" if np.isfinite(smallest) else ""])
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


if __name__ == "__main__":
    if sys.argv[1:] == ["table"]:
        print(table())
    else:
        count(int(sys.argv[1]) if sys.argv[1:] else 500, sys.argv[2:] or list(SCENARIOS))
