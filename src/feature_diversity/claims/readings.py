"""Readings of the energy (vector x centred x s): their order, which are one, and what depends on them."""

import numpy as np
import pandas as pd

from feature_diversity.base.reading import HEADLINE
from feature_diversity.claims.evidence import NOT_TESTABLE

FIRST = tuple(HEADLINE.values())


def order_of(readings: dict[tuple, pd.DataFrame]) -> list[tuple]:
    """All readings, the headline first; that alone where there is none."""
    return sorted(readings, key=lambda reading: (reading != FIRST, reading)) or [FIRST]


def name_of(reading: tuple) -> str:
    """A reading for people, such as "flatten, centred, s = 2"."""
    vector, centred, s = reading
    return f"{vector}, {'' if centred in (True, 'True') else 'not '}centred, s = {s:g}"


def same_as(order: list[tuple], readings: dict[tuple, pd.DataFrame]) -> dict[tuple, str]:
    """Readings whose numbers are those of an earlier one, and that one's name.

    So are two ways to make vectors where the maps are small: such a reading is no second opinion.
    """
    found: dict[tuple, str] = {}
    for place, reading in enumerate(order if readings else []):
        for earlier in order[:place]:
            if earlier not in found and _equal(readings[reading], readings[earlier]):
                found[reading] = name_of(earlier)
                break
    return found


def _equal(a: pd.DataFrame, b: pd.DataFrame) -> bool:
    if a.shape != b.shape or list(a) != list(b) or not a.index.equals(b.index):
        return False
    return np.allclose(a.to_numpy(), b.to_numpy(), rtol=1e-9, atol=0, equal_nan=True)


def robustness(verdicts: pd.DataFrame) -> pd.DataFrame:
    """The table of verdicts with a column `robust`, and flips of sign first in the headline's note.

    robust: whether the verdict of the headline reading is the same when features are centred (or are not);
    empty for claims about errors alone, where either cannot be tested, and where an intervention decides.
    """
    verdicts = verdicts.assign(robust=pd.Series(index=verdicts.index, dtype=object))
    for _, rows in verdicts[verdicts["vector"].notna()].groupby("claim"):
        first = rows.index[rows["headline"]][0]
        main = rows.loc[first]
        alike = rows["vector"].eq(main["vector"]) & rows["s"].eq(main["s"]) & rows["basis"].eq(main["basis"])
        other = rows[alike & rows["centred"].ne(main["centred"])]
        if len(other) and NOT_TESTABLE not in {main["verdict"], *other["verdict"]}:
            verdicts.loc[first, "robust"] = bool(other["verdict"].eq(main["verdict"]).all())
        if text := _flips(main, rows[rows["same_as"].isna()], other):
            verdicts.loc[first, "note"] = f"{text}. {main['note']}"
    verdicts.insert(list(verdicts).index("verdict") + 1, "robust", verdicts.pop("robust"))
    return verdicts


def _flips(main: pd.Series, distinct: pd.DataFrame, centred: pd.DataFrame) -> str:
    """In which distinct readings the effect has another sign than in the headline; empty if in none."""
    flipped = distinct[np.sign(distinct["effect"]) * np.sign(main["effect"]) < 0]
    if flipped.empty:
        return ""
    text = f"The sign of the effect flips in {len(flipped)} of {len(distinct) - 1} other readings"
    if centred.index.isin(flipped.index).any():
        state = "are centred" if not main["centred"] else "are not centred"
        first = f"The sign of the effect flips when features {state} ({centred['effect'].iloc[0]:.2g})"
        text = f"{first}, and in {len(flipped)} of {len(distinct) - 1} other readings in all"
    return text
