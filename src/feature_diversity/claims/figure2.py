"""Claims on figure 2: the number of parameters, each training stopped early."""

import numpy as np

from feature_diversity.base.run import CONFIGURATION
from feature_diversity.claims.evidence import CONTRADICTED, SUPPORTED, Evidence, NotTestable, Part, every
from feature_diversity.claims.kinds.correlations import correlation_of
from feature_diversity.claims.kinds.trends import slope_weights
from feature_diversity.claims.paper import LAYERS
from feature_diversity.claims.runs import Runs
from feature_diversity.results.table import early_stopped
from feature_diversity.statistics.bootstrap import DRAWS, FEWEST, contrasts, interval
from feature_diversity.statistics.permutation import rank_correlation, two_sample


def stopped_early(runs: Runs) -> Runs:
    """Of each training the run chosen by early stopping, whatever its number of epochs, which is set to 0."""
    table = early_stopped(runs.table.assign(layer=""))
    unknown = int(table["stop_unknown"].sum())
    note = (
        f"{unknown} of {len(table)} trainings without a validation error to stop by, their longest run taken"
    )
    return Runs(table.assign(epochs=0), (*runs.left_out, *([note] if unknown else [])))


def by_size(runs: Runs, column: str) -> list[tuple[float, str, np.ndarray]]:
    """Number of parameters, name and values of each network, from the smallest."""
    networks = []
    for (_, depth, width, norm), rows in runs.table.groupby(CONFIGURATION):
        name = f"ResNet-{depth} x{width:g}" + ("" if norm == "batchnorm" else f" {norm}")
        networks.append((float(rows["n_params"].mean()), name, rows[column].to_numpy()))
    return sorted(networks, key=lambda network: network[0])


def larger_is_not_always_better(runs: Runs) -> Evidence:
    """C15. Contradicted when of all neighbours in size the larger has the lower error."""
    runs = stopped_early(runs.complete("error", "n_params"))
    networks = by_size(runs, "error")
    pairs = [
        (i, j) for i in range(len(networks)) for j in range(len(networks)) if networks[i][0] > networks[j][0]
    ]
    if not pairs:
        raise NotTestable("needs networks of two sizes")
    weights = np.zeros((len(pairs), len(networks)))
    for row, (large, small) in enumerate(pairs):
        weights[row, large], weights[row, small] = 1, -1
    samples = [values for _, _, values in networks]
    p, estimates, limits = contrasts(samples, weights)
    best = int(np.nanargmax(limits)) if np.isfinite(limits).any() else int(estimates.argmax())
    large, small = (networks[number][1] for number in pairs[best])
    name = "percentage points of test error by which a larger network is worse than a smaller one"
    note = f"{large} compared with {small}, of {len(pairs)} pairs"
    if runs.published:
        decided = SUPPORTED if (estimates > 0).any() else CONTRADICTED
        return Evidence(
            *(float(estimates.max()), name),
            n_runs=runs.n,
            n_seeds=1,
            basis="published",
            decided=decided,
            note="; ".join([note, *runs.left_out]),
        )
    falling = every(two_sample(b[2], a[2]) for a, b in zip(networks[1:], networks, strict=False))
    enough = runs.n_seeds >= FEWEST
    return Evidence(
        float(estimates[best]),
        name,
        float(limits[best]),
        np.inf if np.isfinite(limits[best]) else np.nan,
        p if enough else np.nan,
        falling,
        lambda n: 1 / DRAWS if n >= FEWEST else 1.0,
        runs.n,
        runs.n_seeds,
        note="; ".join([note, "the lower limit holds for all pairs at once", *runs.left_out]),
    )


def diversity_grows_with_size(runs: Runs) -> Evidence:
    """C16: in every layer. Contradicted when it falls in every layer."""
    runs = stopped_early(runs.complete("n_params"))
    parts, growing, falling = [], [], []
    for layer in LAYERS:
        kept = runs.complete(layer)
        cells, draws = kept.cells([layer, "n_params"], CONFIGURATION)
        if len(cells) < 3:
            raise NotTestable("needs networks of three sizes")
        rho, up, down = rank_correlation(cells[layer].to_numpy(), cells["n_params"].to_numpy())
        growing.append(up)
        falling.append(down)
        low, high = interval(correlation_of(draws, np.zeros(len(cells), dtype=int)), kept.n_seeds)
        parts.append(Part(layer, rho, low, high, up))
        runs = Runs(runs.table, kept.left_out)
    least = min(parts, key=lambda part: part.effect)
    return Evidence(
        least.effect,
        f"Spearman's rho of diversity and parameters over {len(cells)} networks, the least of the layers",
        least.low,
        least.high,
        every(growing),
        every(falling),
        None,
        runs.n,
        runs.n_seeds,
        tuple(parts),
        "; ".join(runs.left_out),
    )


def growth_is_strongest_along_width(runs: Runs) -> Evidence:
    """C17: in every layer. Contradicted when in every layer it is stronger along depth."""
    runs = stopped_early(runs.complete("n_params"))
    runs.varied("width")
    runs.varied("depth")
    parts, wide, deep = [], [], []
    for layer in LAYERS:
        kept = runs.complete(layer)
        cells, draws = kept.cells([layer, "n_params"], CONFIGURATION)
        log_size = np.log2(cells["n_params"].to_numpy())
        others = ["algorithm", "norm"]
        weights = slope_weights(log_size, cells[["depth", *others]]) - slope_weights(
            log_size, cells[["width", *others]]
        )
        if not np.isfinite(weights).all():
            raise NotTestable("needs networks that differ in width alone, and others in depth alone")
        samples = [rows[layer].to_numpy() for _, rows in kept.table.groupby(CONFIGURATION)]
        wide.append(contrasts(samples, weights[None])[0])
        deep.append(contrasts(samples, -weights[None])[0])
        effect = float(cells[layer].to_numpy() @ weights)
        parts.append(Part(layer, effect, *interval(draws[0] @ weights, kept.n_seeds), wide[-1]))
        runs = Runs(runs.table, kept.left_out)
    least = min(parts, key=lambda part: part.effect)
    enough = runs.n_seeds >= FEWEST
    return Evidence(
        least.effect,
        "diversity gained with each doubling of parameters along width minus along depth, least of layers",
        least.low,
        least.high,
        every(wide) if enough else np.nan,
        every(deep) if enough else np.nan,
        lambda n: 1 / DRAWS if n >= FEWEST else 1.0,
        runs.n,
        runs.n_seeds,
        tuple(parts),
        "; ".join(runs.left_out),
    )


CLAIMS = {
    "C15": larger_is_not_always_better,
    "C16": diversity_grows_with_size,
    "C17": growth_is_strongest_along_width,
}
