"""How every claim's test errs with five seeds: python benchmarks/verdicts.py [TABLES] [CLAIMS]

Synthetic tables (tests/support/claims_scenarios.py) whose truth is known, TABLES (500) of each kind. Prints a
row for each claim: how often, in percent, p <= 0.05 for the claim / for its opposite where all true values
are equal or lie on the edge of the claim ("null"), where they lie on a less favourable edge, where runs of
a seed are snapshots of one training whose noise wanders, and in each of NULLS; then the power in percent
against two standard deviations between seeds, for the claim and for its opposite, and the smallest effect,
in standard deviations, that the test says it finds with a power of 80 %.
"""

import sys
from pathlib import Path

import numpy as np

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT / "src"), str(ROOT / "tests")]

from support.claims_scenarios import EDGES, NULLS, SCENARIOS, Scenario  # noqa: E402

from feature_diversity.claims.evidence import NotTestable  # noqa: E402
from feature_diversity.claims.judge import JUDGES  # noqa: E402
from feature_diversity.claims.paper import ALPHA, claims  # noqa: E402
from feature_diversity.claims.runs import Runs  # noqa: E402

HEAD = ["claim", "null", "edge", "snapshots", *NULLS, "power, 2 SD", "-2 SD", "smallest"]


def rejections(claim: str, make: Scenario, size: float, tables: int, **options) -> tuple:
    """Percentages of tables in which the claim, and its opposite, is found; median smallest effect."""
    found, smallest = np.ones((tables, 2)), []
    for draw in range(tables):
        try:
            evidence = JUDGES[claim](Runs(make(size, draw=draw, **options)))
        except NotTestable:
            continue
        found[draw] = evidence.p, evidence.p_opposed
        smallest.append(evidence.smallest_sd)
    stated, opposed = 100 * np.mean(found <= ALPHA, axis=0)
    return stated, opposed, float(np.median(smallest)) if smallest else np.nan


def row(claim: str, tables: int) -> list[str]:
    """The cells of a claim's row."""

    def both(scenario: Scenario | None, **options) -> str:
        if scenario is None:
            return ""
        stated, opposed, _ = rejections(claim, scenario, 0, tables, **options)
        return f"{stated:.1f} / {opposed:.1f}"

    true = SCENARIOS[claim]
    cells = [claim, both(true), both(EDGES.get(claim))]
    several = claims()[claim]["family"] == "epochs"
    cells.append(both(true, snapshots=True) if several else "")
    cells += [both(scenarios.get(claim)) for scenarios in NULLS.values()]
    stated, _, smallest = rejections(claim, true, 2, tables)
    _, opposed, _ = rejections(claim, true, -2, tables)
    return [*cells, f"{stated:.0f}", f"{opposed:.0f}", f"{smallest:.1f}" if np.isfinite(smallest) else ""]


def main() -> None:
    """Print the table; the claims named after TABLES alone, if any."""
    tables = int(sys.argv[1]) if len(sys.argv) > 1 else 500
    print("| " + " | ".join(HEAD) + " |")
    print("|" + " --- |" * len(HEAD))
    for claim in sys.argv[2:] or SCENARIOS:
        print("| " + " | ".join(row(claim, tables)) + " |", flush=True)


if __name__ == "__main__":
    main()
