"""False positives and power of every claim's test with five seeds: python benchmarks/verdicts.py [TABLES]

Synthetic tables (tests/claims_scenarios.py) whose truth is known: TABLES (500) of each kind without an
effect, a fifth of them of snapshots, a tenth for power. Prints a row for each claim: how often p <= 0.05 for
the claim and for its opposite where all true values are equal, or lie on the edge of the claim ("null"),
where they lie on an edge less favourable than that, and where runs of a seed are snapshots of one training
whose noise wanders; then the power against an effect of one and of two standard deviations between seeds, and
of two in the opposite direction, for the claim alone and at worst after Holm's correction in its family.
"""

import sys
from pathlib import Path

import numpy as np

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT / "src"), str(ROOT / "tests")]

from support.claims_scenarios import EDGES, SCENARIOS, Scenario  # noqa: E402

from feature_diversity.claims import figure1 as epochs  # noqa: E402
from feature_diversity.claims import figure2 as parameters  # noqa: E402
from feature_diversity.claims import figure3 as algorithms  # noqa: E402
from feature_diversity.claims import figure4 as small_scale  # noqa: E402
from feature_diversity.claims import overall  # noqa: E402
from feature_diversity.claims.kinds import correlations  # noqa: E402
from feature_diversity.claims.paper import ALPHA, claims  # noqa: E402
from feature_diversity.claims.runs import Runs  # noqa: E402
from feature_diversity.statistics import bootstrap  # noqa: E402

JUDGES = epochs.CLAIMS | parameters.CLAIMS | algorithms.CLAIMS | small_scale.CLAIMS | overall.CLAIMS
BY_BOOTSTRAP = {"C08", "C09", "C13", "C15", "C17", "C22", "C25"}  # else it gives intervals alone


def rejections(claim: str, scenario: Scenario, size: float, tables: int, **options) -> list[str]:
    """Percentages of tables in which the claim, and its opposite, is found: alone, and at worst with Holm."""
    bootstrap.DRAWS = 2_000 if claim in BY_BOOTSTRAP else 20
    correlations.DRAWS = parameters.DRAWS = algorithms.DRAWS = bootstrap.DRAWS
    bootstrap._weights.cache_clear()
    found = [
        JUDGES[claim](Runs(scenario(size, draw=draw, **options), headline=False)) for draw in range(tables)
    ]
    p = np.array([[evidence.p, evidence.p_opposed] for evidence in found])
    rates = [100 * np.mean(p <= ALPHA, axis=0), 100 * np.mean(p <= ALPHA / of_family(claim), axis=0)]
    return [f"{stated:.1f} / {opposed:.1f}" for stated, opposed in rates]


def of_family(claim: str) -> int:
    """Number of tests in the claim's family, Holm's largest factor."""
    return sum(claims()[other]["family"] == claims()[claim]["family"] for other in JUDGES.keys() & SCENARIOS)


def main() -> None:
    """Print the table; the claims named after TABLES alone, if any."""
    tables = int(sys.argv[1]) if len(sys.argv) > 1 else 500
    print("| claim | null | edge | snapshots | 1 SD | 2 SD | 2 SD, Holm | -2 SD | -2 SD, Holm |")
    print("| --- | --- | --- | --- | --- | --- | --- | --- | --- |")
    for claim in sys.argv[2:] or SCENARIOS:
        true = SCENARIOS[claim]
        null = rejections(claim, true, 0, tables)[0]
        edge = rejections(claim, EDGES[claim], 0, tables)[0] if claim in EDGES else ""
        several = claims()[claim]["family"] == "epochs"
        snapshots = rejections(claim, true, 0, tables // 5, snapshots=True)[0] if several else ""
        one = rejections(claim, true, 1, tables // 10)[0].split(" / ")[0]
        two = [text.split(" / ")[0] for text in rejections(claim, true, 2, tables // 10)]
        opposite = [text.split(" / ")[1] for text in rejections(claim, true, -2, tables // 10)]
        row = [claim, null, edge, snapshots, one, *two, *opposite]
        print("| " + " | ".join(row) + " |", flush=True)


if __name__ == "__main__":
    main()
