"""Rows of a table numbered by what they share."""

import numpy as np
import pandas as pd


def codes(table: pd.DataFrame, columns: list[str]) -> np.ndarray:
    """Number the rows by the combinations of some columns.

    Args:
        table: any table.
        columns: columns whose combinations are told apart.

    Returns:
        (rows,), integers 0, 1, ... in the sorted order of the combinations.
    """
    result = np.zeros(len(table), dtype=np.int64)
    for column in columns:
        values = pd.factorize(np.asarray(table[column]), sort=True)[0]
        if values.size and values.max() > 0:
            result = np.unique(result * (values.max() + 1) + values, return_inverse=True)[1]
    return result
