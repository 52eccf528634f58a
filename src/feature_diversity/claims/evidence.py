"""What a claim's function returns, and what of it is a verdict."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from feature_diversity.statistics.multiplicity import ALPHA

SUPPORTED = "supported"
CONTRADICTED = "contradicted"
UNDECIDED = "undecided"
NOT_TESTABLE = "not testable"
AS_PUBLISHED = "as published"
NOT_AS_PUBLISHED = "not as published"
BY_DEFINITION = "by definition"
YES, NO, OPEN = "yes", "no", "open"
VERDICTS = {  # basis -> the verdicts that it can give, in the order in which they are counted
    "test": [SUPPORTED, CONTRADICTED, UNDECIDED],
    "intervention": [SUPPORTED, CONTRADICTED, UNDECIDED],
    "published": [AS_PUBLISHED, NOT_AS_PUBLISHED],
    "question": [YES, NO, OPEN],
    "definition": [BY_DEFINITION, CONTRADICTED],
    "none": [NOT_TESTABLE],
}
POWER = 0.8
LARGE = 2  # standard deviations between seeds; an effect that a study should be able to find
MOST_SEEDS = 1_000  # a number beyond this says nothing but "very many"


class NotTestable(Exception):
    """The table lacks what a claim needs; the message says what, for people."""


@dataclass(frozen=True)
class Part:
    """One piece of a claim, such as one layer: its effect, 95 % interval and p in the stated direction."""

    name: str
    effect: float
    low: float = np.nan
    high: float = np.nan
    p: float = np.nan

    def __str__(self) -> str:
        text = f"{self.name}: {self.effect:.3g}"
        if np.isfinite(self.low):
            text += f" [{self.low:.3g}, {self.high:.3g}]"
        return text + (f" p={self.p:.2g}" if np.isfinite(self.p) else "")


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """What the runs say about a claim.

    p, p_opposed: p values of the stated and of the opposite direction, NaN where nothing is tested.
    smallest: the least effect that the test finds with a power of 80 %, in the unit of the effect;
    smallest_sd: the same in standard deviations between seeds. seeds_needed: how many seeds would find an
    effect as large as this one with that power, NaN where no such number can be told.
    limit: what so few seeds cannot show, if it is not told by smallest_sd; said before the verdict.
    decided: the verdict of claims that are decided otherwise: by intervention, definition, published numbers.
    note: what people should know besides, without a full stop.
    """

    effect: float = np.nan
    effect_name: str = ""
    low: float = np.nan
    high: float = np.nan
    p: float = np.nan
    p_opposed: float = np.nan
    smallest: float = np.nan
    smallest_sd: float = np.nan
    seeds_needed: float = np.nan
    n_runs: int = 0
    n_seeds: int = 0
    parts: tuple[Part, ...] = ()
    note: str = ""
    limit: str = ""
    basis: str = "test"
    decided: str | None = None


def decide(p: float, p_opposed: float) -> str:
    """Verdict from the p values of the two directions; undecided where neither, or each, rejects."""
    stated, opposed = p <= ALPHA, p_opposed <= ALPHA
    if stated == opposed:
        return UNDECIDED
    return SUPPORTED if stated else CONTRADICTED


def every(p: Iterable[float]) -> float:
    """p of "all of these" (intersection-union, Berger 1982): the largest."""
    return float(max(p))


def some(p: Iterable[float]) -> float:
    """p of "at least one of these" (Bonferroni): the least, times their number."""
    p = list(p)
    return min(1.0, min(p) * len(p))
