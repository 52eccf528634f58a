"""Synthetic tables of results whose truth is known."""

from collections.abc import Callable

import numpy as np
import pandas as pd

LAYERS = ["conv1", "res2", "res4", "head"]
HEADLINE = {"vector": "flatten", "centred": False, "s": 1}


def table(
    figure: str,
    error: Callable[..., float] = lambda **run: 0.3,
    diversity: Callable[..., float] = lambda **run: -1.0,
    *,
    noise: float = 0.01,
    seeds: int = 5,
    draw: int = 0,
    algorithm=("simclr",),
    depth=(50,),
    width=(1,),
    norm=("batchnorm",),
    epochs=(100,),
    layers=LAYERS,
) -> pd.DataFrame:
    """A row for each run and layer: `error(**run)` and `diversity(layer=..., **run)` plus normal noise."""
    rng = np.random.default_rng(draw)
    rows = []
    for a in algorithm:
        for d in depth:
            for w in width:
                for n in norm:
                    for e in epochs:
                        for seed in range(1, seeds + 1):
                            run = {"algorithm": a, "depth": d, "width": float(w), "norm": n, "epochs": e}
                            known = {"dataset": "digits", **run, "seed": seed, "figures": figure}
                            known["n_params"] = round(1e6 * d * w**2)
                            known["test_error"] = error(**run) + noise * rng.standard_normal()
                            known["val_error"] = known["test_error"]
                            for layer in layers:
                                value = diversity(layer=layer, **run) + noise * rng.standard_normal()
                                rows.append(
                                    known | {"layer": layer, **HEADLINE, "energy": -value, "diversity": value}
                                )
    return pd.DataFrame(rows)
