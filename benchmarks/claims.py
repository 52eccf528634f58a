"""Time and memory of the stage `claims` on tables of 10,000 runs: python benchmarks/claims.py

Two shapes of table, 4 layers and 18 readings each: few cells with many seeds, and many cells with few seeds.
Each is judged by the command line in a process of its own, as the workflow does.
"""

import itertools
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd

ROOT = Path(__file__).parents[1]
ALGORITHMS = ["simclr", "deepclusterv2", "jigsaw", "rotnet", "npid", "pirl", "supervised"]
EPOCHS = [100, 200, 400, 800, 1000]
MANY = list(range(20, 1020, 20))


def grid(figure: str, seeds: int, **axes: list) -> pd.DataFrame:
    """The runs of one figure."""
    single = {"algorithm": ["simclr"], "depth": [50], "width": [1.0], "norm": ["batchnorm"], "epochs": [100]}
    values = single | axes | {"variant": ["default"], "seed": range(1, seeds + 1)}
    return pd.DataFrame(itertools.product(*values.values()), columns=list(values)).assign(figures=figure)


SHAPES = {
    "few cells, many seeds": [
        grid("figure1", 167, width=[1.0, 2.0, 4.0], epochs=EPOCHS),
        grid("figure2", 84, depth=[101, 152], width=[1.0, 2.0, 4.0], epochs=EPOCHS),
        grid("figure3", 357, algorithm=ALGORITHMS, epochs=[300]),
        grid("figure4", 312, depth=[50, 101, 152, 200], norm=["batchnorm", "layernorm"], epochs=[30]),
    ],
    "many cells, few seeds": [
        grid("figure1", 5, width=[float(w) for w in range(1, 11)], epochs=MANY),
        grid("figure2", 5, depth=[101, 152, 200], width=[float(w) for w in range(1, 4)], epochs=MANY),
        grid("figure3", 36, algorithm=ALGORITHMS, width=[float(w) for w in range(1, 11)], epochs=[300]),
        grid("figure4", 14, depth=list(range(14, 200, 2)), norm=["batchnorm", "layernorm"], epochs=[30]),
    ],
}


def results(grids: list[pd.DataFrame]) -> pd.DataFrame:
    """A table of results of these runs, with all columns that the workflow writes but a few."""
    rng = np.random.default_rng(0)
    runs = pd.concat(grids, ignore_index=True)
    runs.insert(0, "dataset", "synthetic")
    runs["n_params"] = (4e5 * runs["depth"] * runs["width"] ** 2).astype(int)
    runs["test_error"] = 0.5 - 0.02 * np.log(runs["epochs"]) + 0.01 * rng.standard_normal(len(runs))
    runs["val_error"] = runs["test_error"] + 0.005 * rng.standard_normal(len(runs))
    readings = itertools.product(
        ["conv1", "res2", "res4", "head"], ["flatten", "gap", "vissl"], [False, True], [0, 1, 2]
    )
    rows = runs.merge(pd.DataFrame(readings, columns=["layer", "vector", "centred", "s"]), how="cross")
    rows["energy"] = 1 + rows["s"] + 0.05 * rng.standard_normal(len(rows)) - 0.02 * np.log(rows["width"])
    rows["diversity"] = -rows["energy"]
    return rows


def main() -> None:
    """Print a line for each shape of table."""
    print(f"{'table':<24} {'runs':>7} {'rows':>9} {'wall s':>7} {'CPU s':>7} {'peak MB':>8}")
    for name, grids in SHAPES.items():
        with tempfile.TemporaryDirectory() as folder:
            table = Path(folder, "results.csv")
            rows = results(grids)
            rows.to_csv(table, index=False)
            command = [sys.executable, "-m", "feature_diversity", "claims", "--table", table]
            done = subprocess.run(
                ["/usr/bin/time", "-f", "%e %U %M", *command, "--output", Path(folder, "claims.csv")],
                env=os.environ | {"PYTHONPATH": str(ROOT / "src"), "OMP_NUM_THREADS": "1"},
                capture_output=True,
                text=True,
                check=True,
            )
            wall, cpu, peak = map(float, re.search(r"([0-9.]+) ([0-9.]+) ([0-9]+)\s*$", done.stderr).groups())
            size = f"{len(rows) // 72:>7,} {len(rows):>9,}"
            print(f"{name:<24} {size} {wall:>7.1f} {cpu:>7.1f} {peak / 1024:>8.0f}")


if __name__ == "__main__":
    main()
