"""Rows of a table numbered by what they share."""

import numpy as np
import pandas as pd

MOST = 2**31  # combinations, which keeps their numbers exact


def codes(table: pd.DataFrame, columns: list[str]) -> np.ndarray:
    """Number the rows by the combinations of some columns.

    Args:
        table: any table.
        columns: columns whose combinations are told apart; what is missing counts as a value.

    Returns:
        (rows,), integers 0, 1, ... in the sorted order of the combinations.
    """
    result, count = np.zeros(len(table), dtype=np.int64), 1
    for column in columns:
        values = np.asarray(table[column])
        if (values == values[:1]).all():
            continue
        numbers, found = pd.factorize(values, sort=True, use_na_sentinel=False)
        if count * len(found) > MOST:
            result = np.unique(result, return_inverse=True)[1]
            count = result.max() + 1
        result, count = result * len(found) + numbers, count * len(found)
    return np.unique(result, return_inverse=True)[1]


def means_by(values: np.ndarray, group: np.ndarray) -> np.ndarray:
    """Means of the rows of each group.

    Args:
        values: (rows, columns); NaN where there is none, which takes no part.
        group: (rows,) numbers 0, 1, ...

    Returns:
        (groups, columns); NaN where a group has no value.
    """
    known, groups = ~np.isnan(values), group.max() + 1
    counts = [np.bincount(group, mine, groups) for mine in known.T]
    sums = [np.bincount(group, mine, groups) for mine in np.where(known, values, 0).T]
    with np.errstate(invalid="ignore"):
        return np.divide(sums, counts).T
