"""Claims on rank correlations of diversity and test error over cells."""

import numpy as np
import pandas as pd
from scipy import stats

from feature_diversity.base.run import CELL
from feature_diversity.claims.evidence import Evidence, NotTestable, Part, every, some
from feature_diversity.claims.paper import MARGIN
from feature_diversity.claims.runs import Runs
from feature_diversity.statistics.bootstrap import DRAWS, FEWEST, codes, equivalence, interval
from feature_diversity.statistics.permutation import rank_correlation, within_ranks


def correlation_of(draws: np.ndarray, strata: np.ndarray) -> np.ndarray:
    """Spearman's rho within strata in each draw; draws: (2, draws, cells)."""
    a, b = (within_ranks(values, strata) for values in draws)
    scale = np.sqrt((a**2).sum(axis=1) * (b**2).sum(axis=1))
    return (a * b).sum(axis=1) / np.where(scale > 0, scale, np.nan)


def need_points(strata: np.ndarray, fewest: int = 3) -> None:
    """NotTestable unless some stratum has `fewest` cells: two points always lie on a line."""
    if np.bincount(strata).max() < fewest:
        raise NotTestable(f"needs {fewest} cells or more to correlate")


def correlated(
    runs: Runs, layers: list[str], strata_by: list[str], *, sign: int, two_sided: bool
) -> Evidence:
    """That diversity and test error are correlated with this sign in every one of the layers.

    The units are cells (means over seeds); errors are permuted within strata. Opposed: the other sign in
    some layer (Bonferroni).
    """
    parts, stated, opposed, notes = [], [], [], []
    factor = 2 if two_sided else 1
    for layer in layers:
        kept = runs.complete(layer, "error")
        cells, draws = kept.cells([layer, "error"], CELL)
        strata = codes(cells, strata_by)
        need_points(strata)
        rho, positive, negative = rank_correlation(cells[layer].to_numpy(), cells["error"].to_numpy(), strata)
        with_sign, without = (positive, negative) if sign > 0 else (negative, positive)
        stated.append(min(1.0, factor * with_sign))
        opposed.append(min(1.0, factor * without))
        low, high = interval(correlation_of(draws, strata), kept.n_seeds)
        parts.append(Part(layer, rho, low, high, stated[-1]))
        pooled = stats.spearmanr(cells[layer], cells["error"]).statistic
        tau = stats.kendalltau(cells[layer], cells["error"]).statistic
        notes.append(f"{layer} over all cells: rho {pooled:.2f}, tau-b {tau:.2f}")
        runs = Runs(runs.table, kept.left_out)
    weakest = min(parts, key=lambda part: sign * part.effect)
    return Evidence(
        weakest.effect,
        f"Spearman's rho of diversity and test error over {len(cells)} cells"
        + (", the weakest layer" if len(layers) > 1 else ""),
        weakest.low,
        weakest.high,
        every(stated),
        some(opposed),
        None,
        runs.n,
        runs.n_seeds,
        tuple(parts),
        "; ".join([*notes, *runs.left_out]),
    )


def partial(cells: pd.DataFrame, x: str, y: str, given: np.ndarray, strata: np.ndarray) -> float:
    """Partial Spearman correlation of x and y within strata, given a third variable."""
    ranks = [
        within_ranks(np.asarray(values, dtype=float)[None], strata)[0]
        for values in (cells[x], cells[y], given)
    ]
    a, b, c = (r / np.sqrt((r**2).sum()) if (r**2).sum() > 0 else r for r in ranks)
    scale = np.sqrt(max(1 - (a @ c) ** 2, 0) * max(1 - (b @ c) ** 2, 0))
    return float((a @ b - (a @ c) * (b @ c)) / scale) if scale > 1e-12 else np.nan


def equivalent(
    parts: list[Part], draws: list[np.ndarray], runs: Runs, name: str, notes: list[str]
) -> Evidence:
    """That each of some rank correlations lies within +-MARGIN, by the bootstrap over seeds.

    Opposed: some of them lies outside (Bonferroni). With fewer than FEWEST seeds nothing is decided.
    """
    enough = runs.n_seeds >= FEWEST
    tests = [equivalence(values, MARGIN) for values in draws]
    parts = [
        Part(part.name, part.effect, *interval(values, runs.n_seeds), inside if enough else np.nan)
        for part, values, (inside, _) in zip(parts, draws, tests, strict=True)
    ]
    strongest = max(parts, key=lambda part: abs(part.effect))
    return Evidence(
        strongest.effect,
        name,
        strongest.low,
        strongest.high,
        every(inside for inside, _ in tests) if enough else np.nan,
        some(outside for _, outside in tests) if enough else np.nan,
        lambda n: 1 / DRAWS if n >= FEWEST else 1.0,
        runs.n,
        runs.n_seeds,
        tuple(parts),
        "; ".join([*notes, *runs.left_out]),
    )
