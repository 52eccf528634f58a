"""What an intervention needs of the table of results: values of variants by seed."""

import numpy as np
import pandas as pd

from feature_diversity.base.errors import InputError
from feature_diversity.base.reading import HEADLINE
from feature_diversity.base.run import CELL

SETTING = [axis for axis in CELL if axis != "variant"]
POOLED = HEADLINE | {"vector": "gap"}  # the reading that penalties set
PRIMARY = "test_error"
OF_RUNS = (PRIMARY, "knn_test_error", "val_error", "final_loss")  # outcomes of runs; the others are of layers


class Values:
    """Values of the trained runs of one setting, at its largest number of epochs.

    Args:
        rows: of a table of results, all of one setting.
    """

    def __init__(self, rows: pd.DataFrame):
        self.rows = rows
        self.layers = list(dict.fromkeys(rows["layer"]))

    def of_run(self, column: str) -> pd.DataFrame:
        """Values of runs, seeds x variants; empty without the column."""
        if column not in self.rows:
            return pd.DataFrame()
        return self._table(self.rows, column)

    def of_layer(self, column: str, layer: str, **reading: object) -> pd.DataFrame:
        """Values of a layer, pooled vectors unless the table has none, seeds x variants."""
        rows = self.rows[self.rows["layer"] == layer]
        if column not in rows:
            return pd.DataFrame()
        wanted = POOLED | reading
        if wanted["vector"] not in set(rows["vector"]):
            wanted |= {"vector": HEADLINE["vector"]}  # of pooled layers both are one
        for name, value in wanted.items():
            rows = rows[rows[name] == value]
        return self._table(rows, column)

    def outcomes(self) -> dict[str, pd.DataFrame]:
        """All that may follow from a dose, by name: seeds x variants."""
        found = {name: self.of_run(name) for name in OF_RUNS}
        for layer in self.layers:
            found[f"excess {layer}"] = self.of_layer("excess", layer)
            found[f"centred energy {layer}"] = self.of_layer("energy", layer, centred=True)
            found[f"alignment {layer}"] = self.of_layer("alignment", layer)
        return found

    @staticmethod
    def _table(rows: pd.DataFrame, column: str) -> pd.DataFrame:
        seed, seeds = pd.factorize(rows["seed"], sort=True)
        variant, variants = pd.factorize(rows["variant"])
        values = np.full((len(seeds), len(variants)), np.nan)
        values[seed, variant] = rows[column]
        return pd.DataFrame(values, pd.Index(seeds, name="seed"), variants)


def settings(table: pd.DataFrame) -> list[tuple[dict[str, object], Values]]:
    """Each network's name and values, where its trainings end.

    Raises:
        InputError: the table has no variants.
    """
    if "variant" not in table:
        raise InputError("the table of results has no column variant: its study has no variants")
    trained = table[table["epochs"] > 0]
    network = [axis for axis in SETTING if axis != "epochs"]
    ends = trained.groupby(network, dropna=False)["epochs"].transform("max")
    grouped = trained[trained["epochs"] == ends].groupby(SETTING, sort=True, dropna=False)
    return [(dict(zip(SETTING, key, strict=True)), Values(rows)) for key, rows in grouped]


def complete(values: pd.DataFrame, variants: list[str]) -> np.ndarray | None:
    """Rows of the seeds that have all of some variants, (seeds, variants); None where there is none."""
    if not set(variants) <= set(values.columns):
        return None
    rows = values.to_numpy()[:, values.columns.get_indexer(variants)]
    rows = rows[~np.isnan(rows).any(axis=1)]
    return rows if len(rows) else None
