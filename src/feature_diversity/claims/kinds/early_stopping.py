"""C13: does the number of epochs with the least test error also give the most diverse features?"""

import numpy as np
from scipy import stats

from feature_diversity.base.run import CONFIGURATION
from feature_diversity.claims.evidence import Evidence, Part, every, some
from feature_diversity.claims.kinds.trends import by_training
from feature_diversity.claims.paper import LAYERS
from feature_diversity.claims.runs import Runs
from feature_diversity.statistics.bootstrap import interval
from feature_diversity.statistics.permutation import max_t, sign_flip


def early_stopping_is_most_diverse(runs: Runs) -> Evidence:
    """C13: yes, if so in every layer and width; no, if for some layer no number of epochs can be both.

    Yes needs a number of epochs that is significantly best in both and is so in 95 % of the bootstrap draws.
    No: of each number of epochs it is rejected (max-T over seeds) that it has the least error and the highest
    diversity of all; p of a network is the largest of these. Networks are combined by Fisher's method, layers
    by Bonferroni's.
    """
    parts, stated, opposed = [], [], []
    for layer in LAYERS:
        kept = runs.complete(layer, "error")
        refuted = []
        for network, table in kept.table.groupby(CONFIGURATION):
            one = Runs(table)
            one.varied("epochs")
            part, yes, no = _network(one, layer, f"{layer} width {network[CONFIGURATION.index('width')]:g}")
            parts.append(part)
            stated.append(yes)
            refuted.append(no)
        opposed.append(float(stats.combine_pvalues(refuted).pvalue))
        left_out = kept.left_out
    shares = [part for part in parts if part.effect > 0]
    worst = max(parts, key=lambda part: part.effect)
    networks = runs.n_networks

    def least_p(n: int) -> float:
        return float(stats.combine_pvalues([2.0**-n] * networks).pvalue) if networks > 1 else 2.0**-n

    return Evidence(
        worst.effect,
        "largest regret: best diversity minus diversity at the least error",
        worst.low,
        worst.high,
        every(stated),
        some(opposed),
        least_p,
        runs.n,
        runs.n_seeds,
        tuple(parts),
        "; ".join(
            [
                f"the two numbers of epochs differ in {len(shares)} of {len(parts)} layers and widths",
                *left_out,
            ]
        ),
    )


def _network(runs: Runs, layer: str, name: str) -> tuple[Part, float, float]:
    """Regret with interval, p that the positions agree, and p that they do not, of one layer and network."""
    cells, draws = runs.cells([layer, "error"], ["epochs"])
    best = int(cells["error"].to_numpy().argmin())
    diversity = cells[layer].to_numpy()
    regret = draws[0].max(axis=1) - draws[0][np.arange(draws.shape[1]), draws[1].argmin(axis=1)]
    share = float(np.mean(draws[0].argmax(axis=1) == draws[1].argmin(axis=1)))
    part = Part(name, float(diversity.max() - diversity[best]), *interval(regret, runs.n_seeds))
    values = [by_training(runs, column).to_numpy() for column in (layer, "error")]
    others = [number for number in range(len(cells)) if number != best]
    ahead = [values[0][:, [best]] - values[0][:, others], values[1][:, others] - values[1][:, [best]]]
    stated = every(sign_flip(column) for column in np.hstack(ahead).T)
    return part, max(stated, 1 - share), _refuted(*values)


def _refuted(diversity: np.ndarray, error: np.ndarray) -> float:
    """p that no number of epochs has both the least error and the highest diversity; (seeds, epochs) each."""
    return every(
        max_t(np.hstack([error[:, [place]] - error, diversity - diversity[:, [place]]]))
        for place in range(error.shape[1])
    )
