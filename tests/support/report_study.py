"""A small study's table of results, for the tests of the report."""

import itertools
from pathlib import Path

import numpy as np
import pandas as pd

from feature_diversity.stages import claims, figures, report

LAYERS = ["conv1", "res2", "res4", "trunk", "head"]


def study_table() -> pd.DataFrame:
    """12 networks with three seeds, in figures 1 and 3, two vectors and two powers; arbitrary numbers."""
    rng = np.random.default_rng(0)
    rows = []
    networks = [("simclr", width, epochs) for width in (0.25, 0.5) for epochs in (0, 5, 10, 20)]
    networks += [(name, 0.25, epochs) for name in ("supervised", "rotnet") for epochs in (0, 20)]
    for (algorithm, width, epochs), seed in itertools.product(networks, (1, 2, 3)):
        shown = ["figure1"] * (algorithm == "simclr") + ["figure3"] * (epochs == 20 and width == 0.25)
        run = {"dataset": "digits", "algorithm": algorithm, "depth": 14, "width": width, "norm": "batchnorm"}
        run |= {
            "variant": "default",
            "epochs": epochs,
            "seed": seed,
            "figures": " ".join(shown),
            "n_params": round(8e6 * width**2),
        }
        error = 0.6 - 0.02 * epochs - 0.1 * width + 0.01 * rng.standard_normal()
        run |= {"test_error": error, "val_error": error + 0.01}
        for place, layer in enumerate(LAYERS):
            for vector, s in itertools.product(("flatten", "gap"), (1, 2)):
                diversity = -1.6 + 0.1 * place + 0.01 * epochs * s + 0.02 * rng.standard_normal()
                reading = {"layer": layer, "vector": vector, "centred": False, "s": s}
                rows.append(
                    run | reading | {"diversity": diversity, "energy": -diversity, "rankme": 10 * place}
                )
    return pd.DataFrame(rows)


def make_report(table: pd.DataFrame, folder: Path, *options: str, pictures: tuple[str, ...] = ()) -> Path:
    """Write the table to `folder` and run the stages `claims`, `figures` and `report`; path of the page."""
    table.to_csv(folder / "results.csv", index=False)
    csv, verdicts, drawn = str(folder / "results.csv"), str(folder / "claims.csv"), str(folder / "figures")
    claims.main(["--table", csv, "--output", verdicts])
    if pictures:
        figures.main(["--table", csv, "--figures", *pictures, "--folder", drawn])
    page, facts = folder / "report.html", folder / "provenance.json"
    inputs = ["--table", csv, "--claims", verdicts, "--figures", drawn]
    report.main([*inputs, "--output", str(page), "--provenance", str(facts), *options])
    return page
