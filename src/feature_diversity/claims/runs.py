"""The runs of one family of claims in one reading of the energy, a row each."""

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import pandas as pd
from scipy import stats

from feature_diversity.base.reading import READING
from feature_diversity.base.run import CELL, CONFIGURATION, NETWORK, RUN
from feature_diversity.claims.evidence import NotTestable
from feature_diversity.statistics.groups import codes

KEY = ["dataset", *RUN]


@dataclass(frozen=True)
class Runs:
    """The runs of one family of claims in one reading.

    table: KEY, n_params, `error` (test error in percent), published (bool), val_error, and a column of
    diversity for each layer. left_out: what was left out and why, for people. headline: whether this is the
    reading that counts. rows: the rows of the table of results in this reading.
    """

    table: pd.DataFrame
    left_out: tuple[str, ...] = ()
    headline: bool = True
    rows: pd.DataFrame | None = None

    def complete(self, *columns: str) -> "Runs":
        """The runs that have values in these columns; the others are counted in `left_out`.

        An infinite energy is the least diversity there is: a run that has one stays, and the values of all
        these layers are replaced by their ranks among each other (Conover & Iman 1981), the infinite last.
        """
        missing = [column for column in columns if column not in self.table]
        if missing:
            raise NotTestable(f"the table has no layer {', '.join(missing)}")
        known = np.logical_and.reduce([self.table[column].notna().to_numpy() for column in columns])
        if not known.any():
            raise NotTestable(f"no run has values of {', '.join(columns)}")
        table, remarks = self.table, list(self.left_out)
        if not known.all():
            table = table[known]
            what = " or ".join(columns)
            remarks.append(f"{(~known).sum()} of {len(known)} runs without a value of {what} left out")
        layers = [column for column in columns if column not in FACTS]
        infinite = np.logical_or.reduce([np.isinf(table[layer].to_numpy()) for layer in layers])
        if infinite.any():
            ranks = stats.rankdata(table[layers].to_numpy()).reshape(len(table), -1)
            table = table.assign(**dict(zip(layers, ranks.T, strict=True)))
            remarks.append(
                f"{infinite.sum()} of {len(table)} runs with an infinite energy of {' or '.join(layers)}"
                " count as the least diverse, and ranks stand for diversity"
            )
        if table is self.table:
            return self  # with the numbers of its cells and trainings
        return replace(self, table=table, left_out=tuple(dict.fromkeys(remarks)))

    def where(self, chosen: pd.Series, missing: str) -> "Runs":
        """The chosen runs; NotTestable with the text `missing` if there is none."""
        if not chosen.any():
            raise NotTestable(missing)
        return replace(self, table=self.table[chosen])

    def values(self, column: str) -> list:
        """Distinct values of a column, sorted."""
        return sorted(self.table[column].unique())

    def varied(self, column: str, fewest: int = 2) -> list:
        """Distinct values of a column; NotTestable if there are fewer than needed."""
        values = self.values(column)
        if len(values) < fewest:
            found = ", ".join(f"{value:g}" if isinstance(value, float) else f"{value}" for value in values)
            raise NotTestable(f"needs {fewest} values of {column} or more, the runs have {found or 'none'}")
        return values

    @cached_property
    def training(self) -> np.ndarray:
        """A number for each run that tells its training: snapshots of one training share it."""
        return codes(self.table, NETWORK)

    @cached_property
    def cell(self) -> np.ndarray:
        """A number for each run that tells its cell: the runs of a cell differ in their seed alone."""
        return codes(self.table, CELL)

    @cached_property
    def network(self) -> np.ndarray:
        """A number for each run that tells what was trained, whatever the seed."""
        return codes(self.table, CONFIGURATION)

    @cached_property
    def published(self) -> bool:
        """Whether all errors are published numbers, one a cell."""
        return bool(self.table["published"].all()) and len(np.unique(self.cell)) == self.n

    @property
    def n(self) -> int:
        """Number of runs."""
        return len(self.table)

    @cached_property
    def n_seeds(self) -> int:
        """Seeds of the cell that has fewest."""
        return int(np.bincount(self.cell).min())

    @property
    def snapshots(self) -> bool:
        """Whether the table says that its numbers of epochs are snapshots of one training."""
        return "schedule" in self.table and bool(self.table["schedule"].eq("trajectory").any())


FACTS = ["n_params", "error", "published", "val_error", "early_stopped", "schedule", "figures"]


def runs_of(table: pd.DataFrame) -> pd.DataFrame:
    """The trained runs of the table of results, a row each: KEY, and those of FACTS that the table has."""
    runs = table[table["epochs"] > 0].drop_duplicates(KEY)
    source = runs["error_source"] if "error_source" in runs else pd.Series("measured", runs.index)
    runs = runs.assign(error=100 * runs["test_error"], published=source.eq("published"))
    return runs[KEY + [name for name in FACTS if name in runs]]


def belongs_to(shown: pd.Series, figures: list[str]) -> pd.Series:
    """Whether each text of figures' names, separated by blanks, holds one of `figures`."""
    known = {text: bool(set(str(text).split()) & set(figures)) for text in shown.unique()}
    return shown.map(known).astype(bool)


def diversities(table: pd.DataFrame) -> dict[tuple, pd.DataFrame]:
    """Reading -> diversity of every run, indexed by KEY, a column for each layer. Empty without energies."""
    if not {"layer", "diversity", *READING} <= set(table):
        return {}
    measured = table[table["epochs"] > 0].dropna(subset=["layer", *READING])
    measured = measured.drop_duplicates([*READING, "layer", *KEY])
    return {
        reading: rows.pivot(index=KEY, columns="layer", values="diversity")  # noqa: PD010  it copies, not averages
        for reading, rows in measured.groupby(READING)
    }
