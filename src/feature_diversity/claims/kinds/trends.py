"""Claims that something rises or falls with an ordered factor: slopes on its log2."""

from collections.abc import Mapping

from feature_diversity.base.run import CELL
from feature_diversity.claims.cells import Cells
from feature_diversity.claims.kinds.comparisons import Comparison, comparison


def slope(
    cells: Cells, name: str, signs: Mapping[str, float], x: str, *, group: str | None = "", sign: int = 1
) -> Comparison:
    """That a sum of columns rises (sign 1) or falls (-1) with x among cells that are equal but for x.

    cells: of runs in which x varies. signs: columns and their factors.
    """
    equal = [axis for axis in CELL if axis != x]
    weights, places, share = cells.slopes(x, equal)
    return comparison(name, sign * weights, cells.column(**signs), places, share, group)
