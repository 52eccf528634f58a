"""The stage `predict` on tables whose truth is known: python benchmarks/prediction.py [TABLES]

For each planted relation, and for none, TABLES (500) small studies with five seeds: in how many of them, in
percent, the diversity is found to rise / to fall with the error along each axis (p_max_t <= 0.05).

    python benchmarks/prediction.py speed

gives time and memory of the command on 10,000 runs x 20 measures x 7 layers, in two shapes of study.
"""

import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT / "src"), str(ROOT / "tests"), str(ROOT / "benchmarks")]

from claims import SHAPES  # noqa: E402
from support.prediction_tables import AXES, PLANTED, found_along  # noqa: E402

from feature_diversity.prediction.measures import COMPANIONS  # noqa: E402

LAYERS = ["conv1", "res2", "res3", "res4", "res5", "trunk", "head"]


def planted(tables: int) -> None:
    """Print a row for each relation."""
    print("| planted | " + " | ".join(AXES) + " |")
    print("| --- |" + " --- |" * len(AXES))
    for name, make in PLANTED.items():
        found = np.array([found_along(make(draw)) for draw in range(tables)])
        up, down = 100 * (found > 0).mean(axis=0), 100 * (found < 0).mean(axis=0)
        print(f"| {name} | " + " | ".join(f"{a:.1f} / {b:.1f}" for a, b in zip(up, down, strict=True)) + " |")


def large(shape: str) -> pd.DataFrame:
    """10,000 runs with 20 measures in each of 7 layers: 6 readings of the diversity and 14 companions."""
    rng = np.random.default_rng(0)
    runs = pd.concat(SHAPES[shape], ignore_index=True).drop_duplicates(
        ["algorithm", "depth", "width", "norm", "epochs", "seed"]
    )
    runs = runs.assign(dataset="synthetic", n_test=10_000, n_params=4e5 * runs["depth"] * runs["width"] ** 2)
    runs["test_error"] = 0.5 - 0.02 * np.log(runs["epochs"]) + 0.01 * rng.standard_normal(len(runs))
    runs["val_error"] = runs["test_error"] + 0.005 * rng.standard_normal(len(runs))
    readings = [("flatten", centred, s) for centred in (False, True) for s in (0, 1, 2)]
    rows = runs.merge(pd.DataFrame({"layer": LAYERS}), how="cross")
    rows = rows.assign(**{name: rng.standard_normal(len(rows)) for name in list(COMPANIONS)[:14]})
    rows = rows.merge(pd.DataFrame(readings, columns=["vector", "centred", "s"]), how="cross")
    return rows.assign(diversity=rng.standard_normal(len(rows)) - rows["test_error"])


def speed() -> None:
    """Print a line for each shape of table."""
    print(f"{'table':<24} {'runs':>7} {'rows':>9} {'wall s':>7} {'CPU s':>7} {'peak MB':>8}")
    for shape in SHAPES:
        with tempfile.TemporaryDirectory() as folder:
            rows = large(shape)
            rows.to_parquet(Path(folder, "results.parquet"), index=False)
            command = [sys.executable, "-m", "feature_diversity", "predict"]
            command += [
                "--table",
                Path(folder, "results.parquet"),
                "--output",
                Path(folder, "prediction.csv"),
            ]
            done = subprocess.run(
                ["/usr/bin/time", "-f", "%e %U %M", *command],
                env=os.environ | {"PYTHONPATH": str(ROOT / "src")},
                capture_output=True,
                text=True,
                check=True,
            )
            wall, cpu, peak = map(float, re.search(r"([0-9.]+) ([0-9.]+) ([0-9]+)\s*$", done.stderr).groups())
            size = f"{len(rows) // 42:>7,} {len(rows):>9,}"
            print(f"{shape:<24} {size} {wall:>7.1f} {cpu:>7.1f} {peak / 1024:>8.0f}")


if __name__ == "__main__":
    speed() if sys.argv[1:] == ["speed"] else planted(int(sys.argv[1]) if sys.argv[1:] else 500)
