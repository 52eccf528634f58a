"""Synthetic tables of runs and of results whose truth is known."""

import itertools
from collections.abc import Callable
from functools import cache

import numpy as np
import pandas as pd

LAYERS = ["conv1", "res2", "res4", "head", "trunk"]
HEADLINE = {"vector": "flatten", "centred": False, "s": 1}
AXES = {
    "algorithm": ["simclr"],
    "depth": [50],
    "width": [1.0],
    "norm": ["batchnorm"],
    "variant": ["default"],
    "epochs": [100],
    "seed": [1, 2, 3, 4, 5],
}
Values = Callable[[pd.DataFrame], np.ndarray | float]


def runs(
    figures: str,
    error: Values = lambda run: 30.0,
    diversity: Callable[[pd.DataFrame, str], np.ndarray | float] = lambda run, layer: 0.0,
    *,
    noise: float | Values = 1.0,
    draw: int = 0,
    snapshots: bool = False,
    relation: float = 0.0,
    **axes: list,
) -> pd.DataFrame:
    """A row for each run: `error` in percent and a column of diversity for each layer, plus normal noise.

    error, diversity: the true means, given the runs (and the layer). noise: its standard deviation, a number
    or one for each run.
    snapshots: runs of one seed at several numbers of epochs are one training, whose noise wanders. relation:
    by how many of its standard deviations the noise of every diversity follows that of the error; rho over
    seeds is then relation / sqrt(1 + relation^2).
    """
    grid = grid_of(tuple(map(tuple, (AXES | axes).values()))).copy()
    rng = np.random.default_rng(draw)
    scale = noise(grid) if callable(noise) else noise

    def drawn() -> np.ndarray:
        values = rng.standard_normal(len(grid))
        if snapshots:
            training = [grid[axis] for axis in AXES if axis != "epochs"]
            values = pd.Series(values).groupby(training).cumsum().to_numpy()
        return scale * values

    of_error = drawn()
    columns = {"error": error(grid) + of_error}
    for layer in LAYERS:
        columns[layer] = diversity(grid, layer) + relation * of_error + drawn()
    facts = {"dataset": "digits", "figures": figures, "published": False}
    return grid.assign(**facts, **columns, val_error=columns["error"] / 100)


@cache
def grid_of(values: tuple[tuple, ...]) -> pd.DataFrame:
    """A row for each combination of the values of AXES."""
    grid = pd.DataFrame(itertools.product(*values), columns=list(AXES))
    return grid.assign(n_params=1e6 * grid["depth"] * grid["width"] ** 2)


def results(*tables: pd.DataFrame, readings: tuple[dict, ...] = (HEADLINE,)) -> pd.DataFrame:
    """The table of results of such runs: a row for each run, layer and reading. Equal runs are joined."""
    wide = pd.concat(tables, ignore_index=True)
    key = ["dataset", *AXES]
    figures = wide.groupby(key)["figures"].transform(lambda names: " ".join(sorted(set(names))))
    wide = wide.assign(figures=figures).drop_duplicates(key)
    long = wide.melt([name for name in wide if name not in LAYERS], LAYERS, "layer", "diversity")
    long = long.assign(test_error=long["error"] / 100, energy=-long["diversity"])
    long = long.drop(columns=["error", "published"])
    return pd.concat([long.assign(**reading) for reading in readings], ignore_index=True)
