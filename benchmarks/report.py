"""Time, memory and size of figures and report for 10,000 runs: python benchmarks/report.py

The tables are those of `claims.py`, 4 layers and 18 readings, with companion measures. Each stage runs in
a process of its own, as in the workflow; then the page is opened in a headless Chromium without a network.
"""

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
            noise = pd.DataFrame(rng.standard_normal((len(rows), len(MEASURES))), columns=MEASURES)
            rows = pd.concat([rows, noise], axis=1)
            rows.to_csv(path / "results.csv", index=False)
            rows.to_parquet(path / "results.parquet", index=False)
            print(f"{name}: {len(rows) // 72:,} runs, {len(rows):,} rows", flush=True)
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
            print(f"  page      {(path / 'report.html').stat().st_size / 1e6:6.1f} MB")
            browse(path / "report.html")


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
