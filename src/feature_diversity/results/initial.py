"""What training changed: each measure minus its value in the same network before training."""

import numpy as np
import pandas as pd

from feature_diversity.base.reading import READING
from feature_diversity.base.run import NETWORK

PREFIX = "delta_"


def since_initialisation(table: pd.DataFrame, measures: list[str]) -> pd.DataFrame:
    """Measures minus those of the untrained network of the same axes and seed, layer and reading.

    Args:
        table: rows of all runs, with NETWORK, epochs, layer and READING; epochs 0 is untrained.
        measures: columns of numbers.

    Returns:
        A column `delta_{measure}` for each, rows as in the table. NaN without an untrained network, and where
        both are infinite; 0 in the untrained network's own rows.
    """
    place = [*NETWORK, "layer", *READING]
    untrained = table[table["epochs"] == 0].set_index(place)[measures].astype(float)
    before = untrained.reindex(pd.MultiIndex.from_frame(table[place])).to_numpy()
    with np.errstate(invalid="ignore"):
        change = table[measures].to_numpy(dtype=float) - before
    return pd.DataFrame(change, table.index, [PREFIX + measure for measure in measures])
