"""Claims about the order of layers: paired tests, since every run has all layers."""

import numpy as np
from scipy import stats

from feature_diversity.base.run import CELL
from feature_diversity.claims.evidence import Evidence, Part, every
from feature_diversity.claims.runs import Runs
from feature_diversity.statistics.bootstrap import codes, interval
from feature_diversity.statistics.permutation import max_t, sign_flip


def always_highest(runs: Runs, top: str, others: list[str]) -> Evidence:
    """That layer `top` is the most diverse in every cell.

    Stated: the largest p over all cells and other layers. Opposed: in some cell, or over all, some other
    layer is more diverse (max-T over cells and pooled runs; trainings are the blocks).
    """
    runs = runs.complete(top, *others)
    table, training = runs.table, runs.training
    margins = table[[top]].to_numpy() - table[others].to_numpy()
    cell = codes(table, CELL)
    inside = [cell == number for number in range(cell.max() + 1)]
    p = every(sign_flip(margins[rows, k]) for rows in inside for k in range(len(others)))
    columns = [np.where(rows[:, None], -margins, np.nan) for rows in inside]
    p_opposed = max_t(np.hstack([-margins, *columns]), training)
    first = margins.min(axis=1) > 0
    share = stats.binomtest(int(first.sum()), len(first)).proportion_ci(method="exact")
    cells, draws = runs.cells([top, *others], CELL)
    least = (draws[0] - draws[1:]).min(axis=(0, 2))
    effect = float((cells[[top]].to_numpy() - cells[others].to_numpy()).min())
    low, high = interval(least, runs.n_seeds)
    return Evidence(
        effect,
        f"least margin of diversity of {top} over another layer in a cell",
        low,
        high,
        p,
        p_opposed,
        lambda n: 2.0**-n,
        runs.n,
        runs.n_seeds,
        note="; ".join(
            [
                f"{top} is first in {first.sum()} of {len(first)} runs"
                f" ({first.mean():.0%}, 95 % interval {share.low:.0%} to {share.high:.0%})",
                *runs.left_out,
            ]
        ),
    )


def in_order(runs: Runs, pairs: list[tuple[str, str]], page: list[str] | None = None) -> Evidence:
    """That in each pair the first layer is more diverse than the second, over all cells.

    page: layers from the least to the most diverse, for Page's trend test beside the paired tests.
    Opposed: some pair has the other order (max-T).
    """
    layers = list(dict.fromkeys(layer for pair in pairs for layer in pair))
    runs = runs.complete(*layers)
    table, training = runs.table, runs.training
    differences = np.stack([(table[a] - table[b]).to_numpy() for a, b in pairs], axis=1)
    each = [sign_flip(differences[:, k], training) for k in range(len(pairs))]
    notes = []
    if page:
        trend = stats.page_trend_test(table[page].to_numpy()).pvalue if len(table) > 1 else 1.0
        notes.append(f"Page's trend test p = {trend:.2g}")
        p = every([*each, trend])
    else:
        p = every(each)
    cells, draws = runs.cells(layers, CELL)
    place = {layer: number for number, layer in enumerate(layers)}
    parts, moved = [], []
    for (a, b), p_pair in zip(pairs, each, strict=True):
        moved.append((draws[place[a]] - draws[place[b]]).mean(axis=1))
        effect = float((cells[a] - cells[b]).mean())
        parts.append(Part(f"{a} - {b}", effect, *interval(moved[-1], runs.n_seeds), p_pair))
    low, high = interval(np.min(moved, axis=0), runs.n_seeds)
    return Evidence(
        min(part.effect for part in parts),
        "difference of diversity" if len(pairs) == 1 else "least difference of diversity between neighbours",
        low,
        high,
        p,
        max_t(-differences, training),
        lambda n: max(2.0 ** -(n * runs.n_networks), 1e-4),
        runs.n,
        runs.n_seeds,
        tuple(parts),
        "; ".join([*notes, *runs.left_out]),
    )
