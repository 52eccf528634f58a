"""Studies in small whose measure is related to the error along one axis, and the tables of their results."""

import itertools
from collections.abc import Callable

import numpy as np
import pandas as pd

from feature_diversity.prediction.predict import along_axes
from feature_diversity.prediction.runs import runs_of
from feature_diversity.prediction.study import Study

AXES = ["algorithm", "width", "epochs", "seed"]
HEADLINE = {"layer": "head", "vector": "flatten", "centred": False, "s": 1}
NOISE = 0.01  # standard deviation of the error between seeds


def grid(seeds: int = 5, **axes: list) -> pd.DataFrame:
    """Runs of 3 algorithms x 3 widths x 3 numbers of epochs x seeds; a training has a number of its own."""
    values = {"algorithm": ["simclr", "rotnet", "npid"], "depth": [14], "width": [0.25, 0.5, 1.0]}
    values |= {
        "norm": ["batchnorm"],
        "variant": ["default"],
        "epochs": [5, 10, 20],
        "seed": list(range(seeds)),
    } | axes
    runs = pd.DataFrame(itertools.product(*values.values()), columns=list(values)).assign(dataset="digits")
    training = runs.groupby(["algorithm", "depth", "width", "norm", "variant", "seed"], sort=False).ngroup()
    return runs.assign(training=training, n_params=1e6 * runs["width"] ** 2)


def results(runs: pd.DataFrame, error: np.ndarray, diversity: np.ndarray) -> pd.DataFrame:
    """The table of results: one layer, the headline reading."""
    facts = {"test_error": error, "val_error": error, "diversity": diversity, "energy": -diversity}
    return runs.assign(**facts, **HEADLINE)


def levels(values: pd.Series) -> np.ndarray:
    """-1, 0, 1 for the three values of an axis, in order."""
    return np.unique(values, return_inverse=True)[1] - 1.0


def study(draw: int, **weight: float) -> pd.DataFrame:
    """Errors that depend on every axis by far more than on the seed; diversity that has other seeds' noise.

    Diversity also depends on the error's part of each axis named: algorithm, width, epochs or seed.
    """
    rng = np.random.default_rng(draw)
    runs = grid()
    trainings = runs["training"].max() + 1
    of_seed = rng.standard_normal(trainings)[runs["training"]]
    parts = {"algorithm": -levels(runs["algorithm"]), "width": -levels(runs["width"])}
    parts |= {"epochs": -levels(runs["epochs"]), "seed": of_seed}
    error = 0.4 + 12 * NOISE * parts["algorithm"] + 6 * NOISE * parts["width"] + 4 * NOISE * parts["epochs"]
    error += NOISE * (of_seed + 0.2 * rng.standard_normal(len(runs)))
    diversity = -1.6 + rng.standard_normal(trainings)[runs["training"]] * (0.0 if "seed" in weight else 1.0)
    diversity = diversity + 0.2 * rng.standard_normal(len(runs))
    for axis, size in weight.items():
        diversity = diversity - size * parts[axis]
    return results(runs, error, diversity)


# Name -> a study of a draw. Diversity falls with the error in all but the last, where seeds say the opposite.
PLANTED: dict[str, Callable[[int], pd.DataFrame]] = {
    "nothing": lambda draw: study(draw),
    "seed": lambda draw: study(draw, seed=1.0),
    "width": lambda draw: study(draw, width=3.0),
    "epochs": lambda draw: study(draw, epochs=1.0),
    "algorithm against seed": lambda draw: study(draw, algorithm=3.0, seed=-1.0),
}


def found_along(table: pd.DataFrame, axes: list[str] = AXES) -> list[int]:
    """For each of the axes: the sign of psi of the diversity where it is significant, else 0."""
    study = Study(runs_of(table))
    results = [result for result in along_axes(study) if result.statistic == "psi"]
    found = pd.concat([result.rows(study.runs.measures) for result in results])
    psi = found[found["measure"] == "diversity"].set_index("axis").loc[axes]
    return [int(np.sign(row.estimate)) if row.p_max_t <= 0.05 else 0 for row in psi.itertuples()]
