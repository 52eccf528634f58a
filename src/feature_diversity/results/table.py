"""The table of results as its readers need it: loaded, checked, one reading of the energy chosen."""

from pathlib import Path

import pandas as pd

from feature_diversity.base.errors import InputError
from feature_diversity.base.reading import HEADLINE
from feature_diversity.base.run import DEFAULT, NETWORK, OTHERS, RUN

NEEDED = ["dataset", *RUN, "layer", *HEADLINE, "diversity", "test_error"]


def read_results(path: Path) -> pd.DataFrame:
    """The table of results, .csv or .parquet; InputError for a file that is none, naming what it lacks.

    All runs of a table without the column `variant`, as older ones are, are of the default one.
    """
    try:
        table = pd.read_parquet(path) if path.suffix == ".parquet" else pd.read_csv(path, low_memory=False)
    except (OSError, ValueError) as error:  # pandas' and pyarrow's errors are ValueErrors
        raise InputError(f"{path} cannot be read as a table of results: {error}") from None
    table = with_variant(table)
    missing = [column for column in NEEDED if column not in table]
    if missing:
        raise InputError(f"{path}: no column {', '.join(missing)}; expected a table of the stage `tabulate`")
    return table


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
