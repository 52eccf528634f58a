"""The table of results as its readers need it: loaded, checked, one reading of the energy chosen."""

from collections.abc import Collection, Iterable
from pathlib import Path

import pandas as pd
from pandas.api.types import is_bool_dtype, is_numeric_dtype

from feature_diversity.base.errors import InputError
from feature_diversity.base.files import check_whole
from feature_diversity.base.reading import HEADLINE, READING
from feature_diversity.base.run import DEFAULT, NETWORK, OTHERS, RUN

# Columns that are shares, 0 ... 1; the other columns of numbers may be anything, infinite, or empty
SHARES = ["test_error", "val_error", "knn_test_error", "pixel_error", "chance_error"]
SHARES += ["layer_test_error", "layer_val_error"]
NUMBERS = ["depth", "width", "epochs", "seed", "s", "energy", "diversity", "n_dim", *SHARES]
NEEDED = ["dataset", *RUN, "layer", *HEADLINE, "diversity", "test_error"]


def outcomes_in(columns: Iterable[str]) -> list[str]:
    """The columns that are test errors of runs: the paper's first, then the others as they come."""
    found = [name for name in columns if name.endswith("test_error") and name != "layer_test_error"]
    return sorted(found, key=lambda name: name != "test_error")


def read_results(path: Path) -> pd.DataFrame:
    """The table of results, .csv or .parquet; InputError for a file that is none, naming what it lacks.

    InputError also as `check_rows`. All runs of a table without the column `variant`, as older ones are, are
    of the default one.
    """
    table = read_columns(path)
    missing = [column for column in NEEDED if column not in table]
    if missing:
        raise InputError(f"{path}: no column {', '.join(missing)}; expected a table of the stage `tabulate`")
    check_rows(table, path)
    return table


def read_image_counts(path: Path) -> pd.DataFrame:
    """Measures by the number of images, as the stage `tabulate` leaves them; InputError for another table."""
    table = read_columns(path)
    if missing := [column for column in (*RUN, "layer", "measure_images") if column not in table]:
        raise InputError(f"{path}: no column {', '.join(missing)}; expected one of the stage `tabulate`")
    return table


def read_columns(path: Path, wanted: Collection[str] | None = None) -> pd.DataFrame:
    """A table of results, .csv or .parquet, with the column `variant`; InputError where it is none.

    wanted: the columns to read, of those that there are; None: all.
    """
    try:
        if path.suffix == ".parquet":
            table = pd.read_parquet(path)
            table = table[[name for name in table if not wanted or name in wanted]]
        else:
            check_whole(path)
            table = pd.read_csv(path, low_memory=False, usecols=lambda name: not wanted or name in wanted)
    except (OSError, ValueError) as error:  # pandas' and pyarrow's errors are ValueErrors
        raise InputError(f"{path} cannot be read as a table of results: {error}") from None
    return with_variant(table)


def check_rows(table: pd.DataFrame, path: Path) -> None:
    """InputError for text in a column of numbers, a share beyond 0 ... 1, and two rows of one reading.

    Rows that do not say what they are of are not compared.
    """
    outcomes = outcomes_in(table.columns)
    for column in table.columns.intersection([*NUMBERS, *outcomes]):
        if not is_numeric_dtype(table[column]) or is_bool_dtype(table[column]):
            text = table[column][pd.to_numeric(table[column], errors="coerce").isna() & table[column].notna()]
            found = repr(text.iloc[0]) if len(text) else table[column].dtype
            raise InputError(f"{path}: column {column} has {found}, expected numbers")
    for column in table.columns.intersection([*SHARES, *outcomes]):
        beyond = table[column][(table[column] < 0) | (table[column] > 1)]
        if len(beyond):
            raise InputError(
                f"{path}: {column} is {beyond.iloc[0]:g} in row {beyond.index[0] + 1}, expected 0 to 1"
            )
    key = [column for column in (*RUN, "layer", *READING) if column in table]
    named = table[key].dropna()
    twice = named[named.duplicated()]
    if len(twice):
        found = f"{len(twice):,} rows of a run and reading twice, such as {twice.iloc[0].to_dict()}"
        raise InputError(f"{path} has {found}")


def with_variant(table: pd.DataFrame) -> pd.DataFrame:
    """The table, whose runs are of the default variant if it does not say."""
    return table if "variant" in table else table.assign(variant=DEFAULT)


def of_default(table: pd.DataFrame) -> pd.DataFrame:
    """Rows of the runs with the recipe as it is: what the paper's figures show and its claims are about."""
    return table[table["variant"] == DEFAULT]


def told(table: pd.DataFrame, axes: list[str]) -> list[str]:
    """The axes that say something of the table's runs.

    That is not the variant where all have the default one, nor what networks of others have not.
    """
    silent = {"variant": DEFAULT} | OTHERS
    return [axis for axis in axes if axis not in silent or not table[axis].eq(silent[axis]).all()]


def reading(table: pd.DataFrame, **changes: object) -> pd.DataFrame:
    """Rows with the headline reading of the energy, or with that reading changed, such as s=2."""
    chosen = pd.Series(True, index=table.index)
    for column, value in (HEADLINE | changes).items():
        chosen &= table[column] == value
    return table[chosen]


def shown_in(table: pd.DataFrame, figure: str) -> pd.DataFrame:
    """Rows of the runs that belong to a figure of the study."""
    if "figures" not in table:
        return table.iloc[:0]
    of_figure = {text: figure in str(text).split() for text in table["figures"].unique()}
    return table[table["figures"].map(of_figure).astype(bool)]


def early_stopped(table: pd.DataFrame) -> pd.DataFrame:
    """Of each training, the run at which to stop, never the untrained one.

    That is the run that the table marks as `early_stopped`; else the one with the least validation error, the
    earliest of equals; else, where no validation error is known, the longest, and `stop_unknown` is true.
    """
    trained = table[table["epochs"] > 0].reset_index(drop=True)
    nothing = pd.Series(float("nan"), index=trained.index)
    marked = trained.get("early_stopped", nothing).eq(True)
    error = trained.get("val_error", nothing)
    order = pd.DataFrame(
        {
            "unmarked": ~marked,
            "error": error,
            "epochs": trained["epochs"].where(error.notna(), -trained["epochs"]),
        }
    )
    best = order.sort_values(["unmarked", "error", "epochs"], kind="stable").index
    trained = trained.assign(stop_unknown=order["unmarked"] & order["error"].isna()).loc[best]
    return trained.drop_duplicates([*NETWORK, "layer"])
