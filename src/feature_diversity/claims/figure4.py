"""Claims on figure 4: depth and norm, few epochs, a small data set."""

import numpy as np

from feature_diversity.base.run import CELL
from feature_diversity.claims.cells import Cells
from feature_diversity.claims.evidence import Evidence, NotTestable
from feature_diversity.claims.kinds.comparisons import Comparison, compare, comparison
from feature_diversity.claims.kinds.layers import always_highest, in_order
from feature_diversity.claims.kinds.relations import unrelated
from feature_diversity.claims.kinds.trends import slope
from feature_diversity.claims.paper import LAYERS
from feature_diversity.claims.runs import Runs

POINTS = "percentage points of test error"
NOT_LESS = 0.1  # of the range between layers: a fall in diversity that counts as none (C30), our choice


def head_is_most_diverse(runs: Runs) -> Evidence:
    """C24."""
    return always_highest(runs, "head", ["conv1", "res2", "res4"])


def nothing_is_correlated(runs: Runs) -> Evidence:
    """C25."""
    return unrelated(runs, LAYERS, ["algorithm", "width", "norm", "epochs"])


def first_layer_is_second(runs: Runs) -> Evidence:
    """C26."""
    return in_order(runs, [("head", "conv1"), ("conv1", "res2"), ("conv1", "res4")])


def diversity_falls_through_the_trunk(runs: Runs) -> Evidence:
    """C27."""
    return in_order(runs, [("conv1", "res2"), ("res2", "res4")])


def deeper_has_higher_error(runs: Runs) -> Evidence:
    """C28."""
    runs = runs.complete("error")
    runs.varied("depth")
    cells = Cells(runs, ["error"])
    name = f"{POINTS} gained with each doubling of the depth"
    return compare(runs, cells, [slope(cells, POINTS, {"error": 1}, "depth")], name)


def deeper_needs_more_epochs(runs: Runs) -> Evidence:
    """C29: error falls faster with epochs in deeper networks: the interaction of their logarithms."""
    runs = runs.complete("error")
    runs.varied("depth")
    runs.varied("epochs")
    cells = Cells(runs, ["error"])
    centred, stratum = np.zeros(len(cells.frame)), ["algorithm", "width", "norm"]
    for rows in cells.frame.groupby(stratum).indices.values():
        # of both logarithms, made orthogonal to each alone: their product is the interaction
        depth, epochs = (np.log2(cells.frame[axis].to_numpy(float)[rows]) for axis in ("depth", "epochs"))
        design = np.column_stack([np.ones(len(rows)), *_levels(depth), *_levels(epochs)])
        product = depth * epochs
        centred[rows] = product - design @ np.linalg.lstsq(design, product, rcond=None)[0]
    square = (centred**2).sum()
    if square < 1e-9:
        raise NotTestable("needs two depths that share two numbers of epochs")
    faster = Comparison("interaction", (-centred / square)[None, :, None], np.ones(1))
    name = f"{POINTS} by which the fall with each doubling of epochs grows with each doubling of depth"
    return compare(runs, cells, [faster], name)


def _levels(values: np.ndarray) -> list[np.ndarray]:
    """Indicators of the distinct values."""
    return [(values == value).astype(float) for value in np.unique(values)]


def deeper_is_no_less_diverse(runs: Runs) -> Evidence:
    """C30: in every layer the deepest is not below the shallowest by NOT_LESS of the range between layers.

    Contradicted when in every layer it falls by more than that.
    """
    runs = runs.complete(*LAYERS)
    depths = runs.varied("depth")
    cells = Cells(runs, LAYERS)
    weights, places = cells.between(
        (cells.frame["depth"] == depths[-1]).to_numpy(),
        (cells.frame["depth"] == depths[0]).to_numpy(),
        [axis for axis in CELL if axis != "depth"],
    )
    means = cells.frame[LAYERS].mean()
    span = cells.column(**{means.idxmax(): 1}) - cells.column(**{means.idxmin(): 1})
    margin = NOT_LESS * np.full((len(cells.frame), 1), 1 / len(cells.frame)) * span
    kept = []
    for layer in LAYERS:
        plain = comparison(layer, weights, cells.column(**{layer: 1}), places, group=layer)
        kept.append(Comparison(layer, plain.weights + margin, plain.share, plain.places, layer))
    tenth = NOT_LESS * float(means.max() - means.min())
    name = f"diversity of the deepest minus the shallowest network plus a margin of {tenth:.3g}, the least"
    return compare(runs, cells, kept, name)


def norms(cells: Cells, name: str, column: str, sign: int, group: str = "") -> Comparison:
    """That a column is higher (sign 1) or lower with LayerNorm than with BatchNorm."""
    norm = cells.frame["norm"]
    if not {"layernorm", "batchnorm"} <= set(norm):
        raise NotTestable("needs LayerNorm and BatchNorm")
    sides = [norm.eq(kind).to_numpy() for kind in ("layernorm", "batchnorm")]
    weights, places = cells.between(sides[0], sides[1], [axis for axis in CELL if axis != "norm"])
    return comparison(name, sign * weights, cells.column(**{column: 1}), places, group=group)


def layernorm_is_more_diverse(runs: Runs) -> Evidence:
    """C31: in every layer. Contradicted when in every layer it is less."""
    runs = runs.complete(*LAYERS)
    cells = Cells(runs, LAYERS)
    more = [norms(cells, layer, layer, 1, layer) for layer in LAYERS]
    return compare(runs, cells, more, "diversity of LayerNorm minus BatchNorm, the least of the layers")


def layernorm_has_lower_error(runs: Runs) -> Evidence:
    """C32."""
    runs = runs.complete("error")
    cells = Cells(runs, ["error"])
    return compare(runs, cells, [norms(cells, POINTS, "error", -1)], f"{POINTS} of BatchNorm minus LayerNorm")


CLAIMS = {
    "C24": head_is_most_diverse,
    "C25": nothing_is_correlated,
    "C26": first_layer_is_second,
    "C27": diversity_falls_through_the_trunk,
    "C28": deeper_has_higher_error,
    "C29": deeper_needs_more_epochs,
    "C30": deeper_is_no_less_diverse,
    "C31": layernorm_is_more_diverse,
    "C32": layernorm_has_lower_error,
}
