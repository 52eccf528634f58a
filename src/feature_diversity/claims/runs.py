"""The runs of one family of claims in one reading of the energy, a row each."""

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import pandas as pd

from feature_diversity.base.reading import READING
from feature_diversity.base.run import CELL, CONFIGURATION, NETWORK, RUN
from feature_diversity.claims.evidence import NotTestable
from feature_diversity.statistics.bootstrap import cell_means, codes

KEY = ["dataset", *RUN]


@dataclass(frozen=True)
class Runs:
    """table: KEY, n_params, `error` (test error in percent), published (bool), val_error, and a column of
    diversity for each layer. left_out: what was left out and why, for people. headline: whether this is the
    reading that counts. rows: the rows of the table of results in this reading.
    """

    table: pd.DataFrame
    left_out: tuple[str, ...] = ()
    headline: bool = True
    rows: pd.DataFrame | None = None

    def complete(self, *columns: str) -> "Runs":
        """The runs that have finite values in these columns; the others are counted in `left_out`."""
        missing = [column for column in columns if column not in self.table]
        if missing:
            raise NotTestable(f"the table has no layer {', '.join(missing)}")
        finite = np.isfinite(self.table[list(columns)]).all(axis=1)
        if not finite.any():
            raise NotTestable(f"no run has finite values of {', '.join(columns)}")
        if finite.all():
            return self
        text = f"{(~finite).sum()} of {len(finite)} runs without a finite {' or '.join(columns)} left out"
        return replace(self, table=self.table[finite], left_out=(*self.left_out, text))

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
    def published(self) -> bool:
        """Whether all errors are published numbers, one a cell."""
        return bool(self.table["published"].all()) and not self.table.duplicated(CELL).any()

    @property
    def n(self) -> int:
        return len(self.table)

    @cached_property
    def n_seeds(self) -> int:
        """Seeds of the cell that has fewest."""
        return int(np.bincount(codes(self.table, CELL)).min())

    @cached_property
    def n_networks(self) -> int:
        """Different networks, each trained from every seed."""
        return int(codes(self.table, CONFIGURATION).max()) + 1

    def cells(self, columns: list[str], by: list[str]) -> tuple[pd.DataFrame, np.ndarray]:
        """Means over seeds and their bootstrap draws; see `bootstrap.cell_means`."""
        return cell_means(self.table, columns, by)


FACTS = ["n_params", "error", "published", "val_error", "early_stopped", "figures"]


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
