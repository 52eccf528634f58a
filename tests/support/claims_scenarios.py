"""For each claim, runs in which it is true, false, or on the edge, as a function of the size of the effect.

The size is in standard deviations between seeds: above 0 the claim is true, below 0 its opposite, and at 0
the true values lie where the claim's test has its largest false positive rate or all are equal.
"""

from collections.abc import Callable

import numpy as np
import pandas as pd
from support.claims_tables import LAYERS, runs

EPOCHS = [100, 200, 400, 800, 1000]
ALGORITHMS = ["simclr", "deepclusterv2", "jigsaw", "rotnet", "npid", "pirl", "supervised"]
FIGURE1 = {"width": [1.0, 2.0, 4.0], "epochs": EPOCHS}
FIGURE2 = {"depth": [50, 101], "width": [1.0, 2.0, 4.0], "epochs": [100]}
FIGURE3 = {"algorithm": ALGORITHMS}
FIGURE4 = {"depth": [50, 101, 152, 200], "norm": ["batchnorm", "layernorm"], "epochs": [30]}
MANY = {"algorithm": [f"algorithm{number}" for number in range(60)]}
Scenario = Callable[..., pd.DataFrame]


def step(run: pd.DataFrame) -> np.ndarray:
    """0, 1, 2, ... for the numbers of epochs."""
    return np.searchsorted(np.unique(run["epochs"]), run["epochs"])


def scenario(
    figure: str, axes: dict, error: Callable | None = None, diversity: Callable | None = None
) -> Scenario:
    """Runs of a figure; error(run, size) and diversity(run, layer, size) are the true means."""

    def make(size: float, **options) -> pd.DataFrame:
        return runs(
            figure,
            lambda run: 30 + (error(run, size) if error else 0.0),
            lambda run, layer: diversity(run, layer, size) if diversity else 0.0,
            **axes | options,
        )

    return make


def of_layers(**heights: float) -> Callable:
    """Diversity: so many times the size for each layer."""
    return lambda run, layer, size: size * heights.get(layer, 0.0)


def of_algorithm(name: str, rival: str) -> Callable:
    """The named algorithm is higher by the size; with a negative size its rival is, as much."""
    return lambda run, size: abs(size) * (run["algorithm"] == (name if size > 0 else rival))


def below(values: Callable) -> Callable:
    """The same, with the other sign."""
    return lambda *arguments: -values(*arguments)


def any_layer(values: Callable) -> Callable:
    """The same for every layer."""
    return lambda run, layer, size: values(run, size)


def at(run: pd.DataFrame, place: int) -> np.ndarray:
    """Whether a run has the number of epochs at this place, -1 being the largest."""
    return (run["epochs"] == np.unique(run["epochs"])[place]).to_numpy()


def moved(run: pd.DataFrame, size: float) -> np.ndarray:
    """C13: the most diverse features at 800 epochs, or, with a negative size, at 100."""
    return abs(size) * at(run, -2 if size > 0 else 0)


def patterned(agreement: str) -> Callable:
    """Places of the numbers of epochs: in their order, without relation to it, or at rho = 0.3."""
    orders = {
        "same": [0, 1, 2, 3, 4],
        "unrelated": [2, 4, 0, 1, 3],  # rho = 0 against 0 ... 4
        "edge": [0, 3, 2, 4, 1],  # rho = 0.3
    }
    return lambda run: np.array(orders[agreement])[step(run)]


def correlated_cells(run: pd.DataFrame, layer: str, size: float) -> np.ndarray:
    """C08: the head follows the pattern of no relation, of rho = 0.3, or of the errors themselves."""
    return abs(size or 8) * patterned("unrelated" if size > 0 else "same" if size < 0 else "edge")(run)


def by_depth(run: pd.DataFrame) -> np.ndarray:
    """0, 1, 2, 3 for the depths."""
    return np.searchsorted(np.unique(run["depth"]), run["depth"])


def depth_pattern(run: pd.DataFrame, layer: str, size: float) -> np.ndarray:
    """C25: over four depths the order of no relation with 0 1 2 3, of 0.4, or the same."""
    order = [1, 3, 0, 2] if size > 0 else [0, 1, 2, 3] if size < 0 else [0, 3, 1, 2]
    return abs(size or 8) * np.array(order)[by_depth(run)]


def trend(factor: str, scale: float = 1.0) -> Callable:
    """The size, times log2 of a factor."""
    return lambda run, size: size * scale * np.log2(run[factor] / run[factor].min())


def along_width(run: pd.DataFrame, layer: str, size: float) -> np.ndarray:
    """C17: growth along width, or, with a negative size, along depth."""
    factor = "width" if size > 0 else "depth"
    return abs(size) * np.log2(run[factor] / run[factor].min())


def larger(run: pd.DataFrame, size: float) -> np.ndarray:
    """C15: the largest network is worse; with a negative size every larger network is better."""
    rank = np.searchsorted(np.unique(run["n_params"]), run["n_params"])
    return size * (rank == rank.max()) if size >= 0 else size * rank


def in_random_order(run: pd.DataFrame, size: float) -> np.ndarray:
    """C23: errors of many algorithms without relation to their place."""
    place = np.searchsorted(np.unique(run["algorithm"]), run["algorithm"])
    return 8 * np.random.default_rng(4).permutation(place.max() + 1)[place]


def numbered(run: pd.DataFrame, layer: str, size: float) -> np.ndarray:
    """C23: the algorithms' places."""
    return 8 * np.searchsorted(np.unique(run["algorithm"]), run["algorithm"])


SUPERVISED = of_algorithm("supervised", "pirl")
ROTNET = of_algorithm("rotnet", "pirl")

SCENARIOS: dict[str, Scenario] = {
    "C01": scenario("figure1", FIGURE1, diversity=of_layers(head=1)),
    "C02": scenario("figure1", FIGURE1, diversity=of_layers(res4=1, head=2)),
    "C03": scenario("figure1", FIGURE1, diversity=of_layers(conv1=1)),
    "C04": scenario("figure1", FIGURE1, diversity=any_layer(trend("width"))),
    "C05": scenario(
        "figure1", FIGURE1, diversity=lambda run, layer, size: -(layer == "conv1") * trend("width")(run, size)
    ),
    "C06": scenario(
        "figure1",
        FIGURE1,
        lambda run, size: size * at(run, -1),
        lambda run, layer, size: size * at(run, -1),
    ),
    "C07": scenario(
        "figure1",
        FIGURE1,
        lambda run, size: -abs(size) * patterned("same")(run),
        lambda run, layer, size: size * patterned("same")(run),
    ),
    "C08": scenario(
        "figure1", FIGURE1, lambda run, size: abs(size or 8) * patterned("same")(run), correlated_cells
    ),
    "C09": scenario("figure1", FIGURE1, lambda run, size: -abs(size) * at(run, -2 if size > 0 else -1)),
    "C10": scenario("figure1", FIGURE1, diversity=lambda run, layer, size: size * at(run, 0)),
    "C11": scenario("figure1", FIGURE1, diversity=lambda run, layer, size: -size * step(run)),
    "C12": scenario(
        "figure1", FIGURE1, lambda run, size: abs(size) * step(run), lambda run, layer, size: size * step(run)
    ),
    "C13": scenario("figure1", FIGURE1, lambda run, size: -abs(size) * at(run, -2), any_layer(moved)),
    "C14": scenario("figure1", FIGURE1, lambda run, size: -size * step(run)),
    "C15": scenario("figure2", FIGURE2, larger),
    "C16": scenario("figure2", FIGURE2, diversity=any_layer(trend("n_params"))),
    "C17": scenario("figure2", FIGURE2, diversity=along_width),
    "C18": scenario("figure3", FIGURE3, diversity=any_layer(SUPERVISED)),
    "C19": scenario("figure3", FIGURE3, below(SUPERVISED)),
    "C20": scenario("figure3", FIGURE3, below(of_algorithm("deepclusterv2", "pirl"))),
    "C21": scenario("figure3", FIGURE3, diversity=any_layer(ROTNET)),
    "C22": scenario("figure3", FIGURE3, lambda run, size: size * (run["algorithm"] == "rotnet")),
    "C23": scenario(
        "figure3",
        FIGURE3,
        lambda run, size: -size * np.searchsorted(np.unique(run["algorithm"]), run["algorithm"]),
        lambda run, layer, size: size * np.searchsorted(np.unique(run["algorithm"]), run["algorithm"]),
    ),
    "C24": scenario("figure4", FIGURE4, diversity=of_layers(head=1)),
    "C25": scenario("figure4", FIGURE4, lambda run, size: abs(size or 8) * by_depth(run), depth_pattern),
    "C26": scenario("figure4", FIGURE4, diversity=of_layers(head=2, conv1=1)),
    "C27": scenario("figure4", FIGURE4, diversity=of_layers(conv1=2, res2=1)),
    "C28": scenario("figure4", FIGURE4, lambda run, size: size * by_depth(run)),
    "C29": scenario(
        "figure4", FIGURE4 | {"epochs": [30, 100]}, lambda run, size: -size * by_depth(run) * step(run)
    ),
    # the claim's edge: the deepest lies one standard deviation below the shallowest
    "C30": scenario("figure4", FIGURE4, diversity=lambda run, layer, size: (size - 1 / 3) * by_depth(run)),
    "C31": scenario(
        "figure4", FIGURE4, diversity=lambda run, layer, size: size * (run["norm"] == "layernorm")
    ),
    "C32": scenario("figure4", FIGURE4, lambda run, size: -size * (run["norm"] == "layernorm")),
    "C33": scenario("figure1", FIGURE1, diversity=any_layer(trend("width"))),
    "C34": scenario(
        "figure1",
        FIGURE1,
        lambda run, size: -abs(size) * patterned("same")(run),
        lambda run, layer, size: size * patterned("same")(run),
    ),
}

# Edges that are less favourable than "all equal": true but for one comparison, which is equal.
EDGES: dict[str, Scenario] = {
    "C01": scenario("figure1", FIGURE1, diversity=lambda run, layer, size: -9.0 * (layer in LAYERS[:2])),
    "C02": scenario("figure1", FIGURE1, diversity=lambda run, layer, size: 9.0 * (layer == "head")),
    "C06": scenario("figure1", FIGURE1, lambda run, size: 9 * at(run, -1)),
    "C09": scenario("figure1", FIGURE1, lambda run, size: 9 * (step(run) < 3)),
    "C10": scenario("figure1", FIGURE1, diversity=lambda run, layer, size: -9 * (step(run) > 1)),
    "C13": scenario("figure1", FIGURE1, lambda run, size: -9 * at(run, -2)),
    "C15": scenario(
        "figure2",
        FIGURE2,
        lambda run, size: -9 * np.minimum(np.searchsorted(np.unique(run["n_params"]), run["n_params"]), 4),
    ),
    "C19": scenario("figure3", FIGURE3, lambda run, size: -9 * run["algorithm"].isin(["supervised", "pirl"])),
    "C20": scenario(
        "figure3", FIGURE3, lambda run, size: -9 * run["algorithm"].isin(["deepclusterv2", "pirl"])
    ),
    "C22": scenario(
        "figure3",
        FIGURE3,
        lambda run, size: (
            9 * run["algorithm"].isin(["simclr", "jigsaw"]) - 9 * run["algorithm"].isin(["npid", "pirl"])
        ),
    ),
    "C26": scenario("figure4", FIGURE4, diversity=of_layers()),
    "C27": scenario("figure4", FIGURE4, diversity=lambda run, layer, size: 9.0 * (layer == "conv1")),
}
ABSENCE = scenario("figure3", MANY, in_random_order, numbered)  # C23 is true
