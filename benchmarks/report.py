"""Time, memory and size of table, claims, figures and report of 10,000 runs: python benchmarks/report.py

The runs are those of `claims.py`, 4 layers and 18 readings, with companion measures, each in a folder of its
own. Each stage runs in a process of its own, as in the workflow; then the page is opened in a headless
Chromium without a network.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd
from claims import ROOT, SHAPES, results
from playwright.sync_api import sync_playwright
from safetensors.numpy import save_file

from feature_diversity.base.run import Run

MEASURES = ["excess", "effective_dimension", "uniformity", "rankme", "effective_rank", "alpha_req", "nesum"]
MEASURES += ["stable_rank", "participation_ratio", "vendi_q1", "vendi_q2", "vendi_qinf", "alignment"]
FIGURES = ["figure1", "figure2", "figure3", "figure4", "layers", "untrained", "measures", "cosine"]


def main() -> None:
    """Print a line for each shape of table and stage, and one for the page in the browser."""
    rng = np.random.default_rng(1)
    for name, grids in SHAPES.items():
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder)
            rows = results(grids)
            rows["mean_cosine"] = 1 - 1 / (2 * rows["energy"] ** 2 + 0.1)
            for measure in MEASURES:
                rows[measure] = rng.standard_normal(len(rows))
            print(f"{name}: {len(rows) // 72:,} runs, {len(rows):,} rows", flush=True)
            write_runs(rows, path)
            start = time.perf_counter()
            stage(
                *("tabulate", "--results", path, "--error-source", "measured"),
                *("--figures", json.dumps({grid["figures"][0]: [values(grid)] for grid in grids})),
                *("--runs", json.dumps([values(grid) for grid in grids])),
                *("--early-stopping", json.dumps({"rule": "validation", "patience": 1})),
                *("--csv", path / "results.csv", "--parquet", path / "results.parquet"),
            )
            stage("claims", "--table", path / "results.csv", "--output", path / "claims.csv")
            stage(
                "figures",
                "--table",
                path / "results.csv",
                "--figures",
                *FIGURES,
                "--folder",
                path / "figures",
            )
            stage("report", "--table", path / "results.parquet", "--claims", path / "claims.csv",
                  "--figures", path / "figures", "--output", path / "report.html",
                  "--provenance", path / "provenance.json")  # fmt: skip
            print(f"  together  {time.perf_counter() - start:6.1f} s")
            print(f"  page      {(path / 'report.html').stat().st_size / 1e6:6.1f} MB")
            browse(path / "report.html")


def values(grid: pd.DataFrame) -> dict[str, list]:
    """The values of each axis of a grid, as a study has them."""
    return {axis: grid[axis].unique().tolist() for axis in Run.__dataclass_fields__}


def write_runs(rows: pd.DataFrame, folder: Path) -> None:
    """The files of each run, with a model of one parameter."""
    readings = ["layer", "vector", "centred", "s", "energy", "diversity", "mean_cosine"]
    names = ("algorithm", "depth", "width", "norm", "seed")
    numbers = set(rows.select_dtypes("number"))
    for start in range(0, len(rows), 72):
        part = rows[start : start + 72]
        first = part.iloc[0]
        run = {name: first[name].item() if name in numbers else first[name] for name in names}
        place = folder / Run(**run, epochs=int(first["epochs"])).folder
        place.mkdir(parents=True, exist_ok=True)  # a run may be in several figures
        facts = {
            "network": run,
            "epochs": int(first["epochs"]),
            "engine": "native",
            "dataset": {"name": "synthetic"},
        }
        metadata = {"facts": json.dumps(facts)}
        save_file({"trunk.conv1.weight": np.ones(1, np.float32)}, place / "model.safetensors", metadata)
        errors = {name: first[name] for name in ("test_error", "val_error")}
        errors |= {
            f"{split}_top{k}": 1 - errors[f"{split}_error"] for split in ("test", "val") for k in (1, 5)
        }
        linear = errors | {"protocol": "cached", "penalty": 0.1, "layers": {"head": errors}}
        (place / "linear.json").write_text(json.dumps(linear))
        part[readings].to_csv(place / "energy.csv", index=False)
        part.drop_duplicates(["layer", "vector"])[["layer", "vector", *MEASURES]].to_csv(
            place / "measures.csv", index=False
        )


def stage(name: str, *arguments: object) -> None:
    """Run a stage; print its wall time and its largest memory."""
    start = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, "-m", "feature_diversity", name, *map(str, arguments)],
        env=os.environ | {"PYTHONPATH": str(ROOT / "src")},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        sys.exit(f"error: the stage {name} failed")
    print(f"  {name:<9} {time.perf_counter() - start:6.1f} s {usage.ru_maxrss / 1024:6.0f} MB", flush=True)


def browse(page: Path) -> None:
    """Print the seconds until the page is ready to use, and until its chart is drawn after that."""
    with sync_playwright() as driver:
        options = ["--no-sandbox"] if os.geteuid() == 0 else []
        browser = driver.chromium.launch(executable_path=shutil.which("chromium"), args=options)
        tab = browser.new_context(offline=True).new_page()
        start = time.perf_counter()
        tab.goto(page.as_uri())
        tab.wait_for_selector("html[data-ready]")
        print(f"  opened    {time.perf_counter() - start:6.1f} s")
        start = time.perf_counter()
        tab.locator("#chart").scroll_into_view_if_needed()
        tab.wait_for_selector("#chart[data-points]")
        print(f"  chart     {time.perf_counter() - start:6.1f} s", flush=True)
        browser.close()


if __name__ == "__main__":
    main()
