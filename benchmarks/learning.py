"""Does every algorithm learn? Its test error before, halfway and at the end of training, in each seed.

    python benchmarks/learning.py docs/studies/objectives_small/results.parquet

prints the table of benchmarks/learning.md, from the results of a study that has all algorithms with one
network, untrained, halfway and at the end. The recipes are the package's own for small images, unchanged.
"""

import argparse
from pathlib import Path

import pandas as pd

from feature_diversity.results.table import read_results

NETWORK = {"depth": 14, "width": 0.125, "norm": "batchnorm"}
EPOCHS = [0, 10, 20]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("results", type=Path, help="results.parquet of a study")
    print(report(read_results(parser.parse_args().results)))


def errors(results: pd.DataFrame) -> pd.DataFrame:
    """Test errors in percent: a row for each algorithm and seed, a column for each of EPOCHS."""
    of_network = (results[list(NETWORK)] == pd.Series(NETWORK)).all(axis=1)
    runs = results[of_network & results["epochs"].isin(EPOCHS)]
    axes = ["algorithm", "seed"]  # a run has a row for each layer and reading, with the same error
    return 100 * runs.pivot_table("test_error", axes, "epochs", aggfunc="first")[EPOCHS]


def report(results: pd.DataFrame) -> str:
    """The table as Markdown, lowest error first."""
    table = errors(results)
    pixels = 100 * results["pixel_error"].iloc[0]
    start, half, end = EPOCHS
    lines = [
        f"| algorithm | untrained | {half} epochs | {end} epochs "
        "| below untrained | below half | below pixels |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    by_algorithm = table.groupby(level="algorithm")
    for name in by_algorithm[end].mean().sort_values().index:
        seeds = by_algorithm.get_group(name)
        means = " | ".join(f"{seeds[at].mean():.1f} ± {seeds[at].std():.1f}" for at in EPOCHS)
        below = [seeds[end] < seeds[start], seeds[end] < seeds[half], seeds[end] < pixels]
        counts = " | ".join(f"{than.sum()} of {len(seeds)}" for than in below)
        lines.append(f"| {name} | {means} | {counts} |")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
