"""Claims on figure 2: the number of parameters, each training stopped early."""

from itertools import pairwise

import numpy as np

from feature_diversity.base.run import CONFIGURATION
from feature_diversity.claims.cells import Cells
from feature_diversity.claims.evidence import (
    AS_PUBLISHED,
    NOT_AS_PUBLISHED,
    Evidence,
    NotTestable,
    every,
    some,
)
from feature_diversity.claims.kinds.comparisons import (
    Comparison,
    compare,
    comparison,
    need_noise,
    seeds_needed,
    smallest_effect,
)
from feature_diversity.claims.kinds.stopping import stopped_early
from feature_diversity.claims.paper import LAYERS
from feature_diversity.claims.runs import Runs
from feature_diversity.statistics.multiplicity import ALPHA


def larger_is_not_always_better(runs: Runs) -> Evidence:
    """C15: some larger network is worse (Bonferroni). Contradicted: of neighbours the larger is better."""
    runs = stopped_early(runs.complete("error", "n_params"))
    cells = Cells(runs, ["error"])
    size, names = cells.frame["n_params"].to_numpy(), network_names(cells)
    pairs = [(i, j) for i in range(len(size)) for j in range(len(size)) if size[i] > size[j]]
    if not pairs:
        raise NotTestable("needs networks of two sizes")
    each = cells.each()[:, :, None]
    tested = cells.test(np.stack([each[large] - each[small] for large, small in pairs]))
    name = "percentage points of test error by which a larger network is worse than a smaller one, the most"
    facts = {"effect_name": name, "n_runs": runs.n, "n_seeds": runs.n_seeds}
    best = int(tested.estimate.argmax())
    large, small = (names[number] for number in pairs[best])
    note = "; ".join([f"{large} compared with {small}, of {len(pairs)} pairs", *runs.left_out])
    if runs.published:
        decided = AS_PUBLISHED if tested.estimate[best] > 0 else NOT_AS_PUBLISHED
        return Evidence(
            effect=float(tested.estimate[best]), basis="published", decided=decided, note=note, **facts
        )
    need_noise(tested)
    order = np.argsort(size, kind="stable")
    steps = {(b, a) for a, b in pairwise(order) if size[b] > size[a]}
    neighbours = [k for k, pair in enumerate(pairs) if pair in steps]
    smallest, smallest_sd = smallest_effect(tested, level=ALPHA / len(pairs))
    low, high = tested.interval()[best]
    return Evidence(
        effect=float(tested.estimate[best]),
        low=float(low),
        high=float(high),
        p=some(tested.p),
        p_opposed=every(tested.p_below[k] for k in neighbours),
        smallest=float(smallest[best]),
        smallest_sd=float(smallest_sd[best]),
        seeds_needed=seeds_needed(tested.estimate[[best]], smallest[[best]], runs.n_seeds),
        note=note,
        **facts,
    )


def network_names(cells: Cells) -> list[str]:
    """A name for each cell, for people."""
    return [
        f"ResNet-{row.depth} x{row.width:g}" + ("" if row.norm == "batchnorm" else f" {row.norm}")
        for row in cells.frame.itertuples()
    ]


def along(cells: Cells, layer: str, axis: str) -> Comparison:
    """That a layer's diversity rises with the parameters that an axis, width or depth, brings."""
    equal = [other for other in CONFIGURATION if other != axis]
    weights, places, share = cells.slopes("n_params", equal)
    return comparison(f"{layer} along {axis}", weights, cells.column(**{layer: 1}), places, share, layer)


def diversity_grows_with_size(runs: Runs) -> Evidence:
    """C16: along width and along depth, in every layer. Contradicted: in every layer it falls along one."""
    runs = stopped_early(runs.complete("n_params", *LAYERS))
    axes = [axis for axis in ("width", "depth") if len(runs.values(axis)) > 1]
    cells = Cells(runs, LAYERS)
    axes = [
        axis for axis in axes if len(cells.slopes("n_params", [o for o in CONFIGURATION if o != axis])[0])
    ]
    if not axes:
        raise NotTestable("needs networks that differ in width or depth alone")
    growing = [along(cells, layer, axis) for layer in LAYERS for axis in axes]
    name = "diversity gained with each doubling of the parameters, the least of axes and layers"
    notes = () if len(axes) == 2 else (f"size varies along {axes[0]} alone",)
    return compare(runs, cells, growing, name, notes=notes)


def growth_is_strongest_along_width(runs: Runs) -> Evidence:
    """C17: in every layer. Contradicted when in every layer it is stronger along depth."""
    runs = stopped_early(runs.complete("n_params", *LAYERS))
    runs.varied("width")
    runs.varied("depth")
    cells = Cells(runs, LAYERS)
    differences = []
    for layer in LAYERS:
        try:
            wide, deep = (along(cells, layer, axis).average for axis in ("width", "depth"))
        except NotTestable:
            raise NotTestable(
                "needs networks that differ in width alone, and others in depth alone"
            ) from None
        differences.append(Comparison(layer, (wide - deep)[None], np.ones(1), group=layer))
    name = (
        "diversity gained with each doubling of parameters along width minus along depth, the least of layers"
    )
    return compare(runs, cells, differences, name)


CLAIMS = {
    "C15": larger_is_not_always_better,
    "C16": diversity_grows_with_size,
    "C17": growth_is_strongest_along_width,
}
