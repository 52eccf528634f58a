"""What a claim's function returns, and what of it is a verdict."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

import numpy as np
from scipy import stats

from feature_diversity.claims.paper import ALPHA

SUPPORTED = "supported"
CONTRADICTED = "contradicted"
UNDECIDED = "undecided"
NOT_TESTABLE = "not testable here"
POWER = 0.8
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


@dataclass(frozen=True)
class Evidence:
    """What the runs say about a claim.

    p, p_opposed: p values of the stated and of the opposite direction, NaN where nothing is tested.
    least_p: number of seeds in each cell -> the least p that the claim's test can give with them.
    decided: the verdict of claims that no test over seeds decides: definitions, published numbers.
    note: what people should know besides, without a full stop.
    """

    effect: float
    effect_name: str
    low: float = np.nan
    high: float = np.nan
    p: float = np.nan
    p_opposed: float = np.nan
    least_p: Callable[[int], float] | None = None
    n_runs: int = 0
    n_seeds: int = 0
    parts: tuple[Part, ...] = ()
    note: str = ""
    basis: str = "seeds"
    decided: str | None = None
    details: dict = field(default_factory=dict)


def decide(p: float, p_opposed: float) -> str:
    """Verdict from the p values of the two directions; undecided where neither, or each, rejects."""
    stated, opposed = p <= ALPHA, p_opposed <= ALPHA
    if stated == opposed:
        return UNDECIDED
    return SUPPORTED if stated else CONTRADICTED


def seeds_needed(evidence: Evidence, tests: int) -> float:
    """Fewest seeds in each cell with which the claim could be decided; NaN where no number is known.

    As many as the test needs to reach alpha at all after Holm's correction for `tests` claims, at worst; and,
    if it has these already, as many as find an effect as large as this one with a power of 80 %, judged by
    how the z value grows with the root of the number.
    """
    if evidence.least_p is None or evidence.decided:
        return np.nan
    fewest = next((n for n in range(1, 65) if evidence.least_p(n) * tests <= ALPHA), np.nan)
    if not evidence.n_seeds >= fewest:
        return fewest
    z = stats.norm.isf(np.clip(np.fmin(evidence.p, evidence.p_opposed), 1e-12, 1))
    if not z > 0:
        return np.nan
    ratio = (stats.norm.isf(ALPHA / tests) + stats.norm.ppf(POWER)) / z
    needed = np.ceil(evidence.n_seeds * ratio**2)
    return max(needed, evidence.n_seeds + 1) if needed <= MOST_SEEDS else np.nan


def every(p: Iterable[float]) -> float:
    """p of "all of these" (intersection-union): the largest."""
    return float(max(p))


def some(p: Iterable[float]) -> float:
    """p of "at least one of these" (Bonferroni): the least, times their number."""
    p = list(p)
    return min(1.0, min(p) * len(p))
