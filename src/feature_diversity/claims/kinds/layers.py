"""Claims about the order of layers: every run has all of them, so differences are taken within runs."""

import numpy as np

from feature_diversity.base.run import CELL
from feature_diversity.claims.cells import Cells
from feature_diversity.claims.evidence import Evidence
from feature_diversity.claims.kinds.comparisons import compare, comparison
from feature_diversity.claims.runs import Runs


def in_order(runs: Runs, pairs: list[tuple[str, str]], *, in_every_cell: bool = False) -> Evidence:
    """That in each pair the first layer is more diverse than the second, over all cells.

    in_every_cell: a single cell in which it is not contradicts the claim.
    """
    layers = list(dict.fromkeys(layer for pair in pairs for layer in pair))
    runs = runs.complete(*layers)
    cells = Cells(runs, layers)
    comparisons = [
        comparison(f"{a} - {b}", cells.each(), cells.column(**{a: 1, b: -1}), cells.frame[CELL])
        for a, b in pairs
    ]
    name = "difference of diversity" + (f", the least of {len(pairs)}" if len(pairs) > 1 else "")
    return compare(runs, cells, comparisons, name, in_every_place=in_every_cell)


def always_highest(runs: Runs, top: str, others: list[str]) -> Evidence:
    """That layer `top` is the most diverse in every cell; see `in_order`."""
    found = in_order(runs, [(top, other) for other in others], in_every_cell=True)
    table = runs.complete(top, *others).table
    first = int((table[[top]].to_numpy() > table[others].to_numpy()).all(axis=1).sum())
    return _noted(
        found, f"{top} is first in {first} of {len(table)} runs ({np.mean(first / len(table)):.0%})"
    )


def _noted(found: Evidence, text: str) -> Evidence:
    return Evidence(**vars(found) | {"note": "; ".join(filter(None, [text, found.note]))})
