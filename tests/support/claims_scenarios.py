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
Scenario = Callable[..., pd.DataFrame]


def step(run: pd.DataFrame) -> np.ndarray:
    """0, 1, 2, ... for the numbers of epochs."""
    return np.searchsorted(np.unique(run["epochs"]), run["epochs"])


def scenario(
    figure: str,
    axes: dict,
    error: Callable | None = None,
    diversity: Callable | None = None,
    relation: Callable | None = None,
) -> Scenario:
    """Runs of a figure; error(run, size) and diversity(run, layer, size) are the true means.

    relation(size): how far the noise of diversity follows that of the error.
    """

    def make(size: float, **options) -> pd.DataFrame:
        return runs(
            figure,
            lambda run: 30 + (error(run, size) if error else 0.0),
            lambda run, layer: diversity(run, layer, size) if diversity else 0.0,
            relation=relation(size) if relation else 0.0,
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


def by_depth(run: pd.DataFrame) -> np.ndarray:
    """0, 1, 2, 3 for the depths."""
    return np.searchsorted(np.unique(run["depth"]), run["depth"])


def trend(factor: str) -> Callable:
    """The size, times log2 of a factor."""
    return lambda run, size: size * np.log2(run[factor] / run[factor].min())


def along_width(run: pd.DataFrame, layer: str, size: float) -> np.ndarray:
    """C17: growth with each doubling of parameters along width, or, with a negative size, along depth."""
    factor = (run["width"] / run["width"].min()) ** 2 if size > 0 else run["depth"] / run["depth"].min()
    return abs(size) * np.log2(factor)


def larger(run: pd.DataFrame, size: float) -> np.ndarray:
    """C15: the largest network is worse; with a negative size every larger network is better."""
    rank = np.searchsorted(np.unique(run["n_params"]), run["n_params"])
    return size * (rank == rank.max()) if size >= 0 else size * rank


def of_places(*order: int) -> Callable:
    """The algorithms' values: this order, times the size."""
    return lambda run, size: (
        abs(size) * np.array(order)[np.searchsorted(np.unique(run["algorithm"]), run["algorithm"])]
    )


def without_order(run: pd.DataFrame, size: float) -> np.ndarray:
    """C23: errors without relation to the places 0 ... 6, or, with a negative size, in their order."""
    return of_places(*([3, 0, 5, 2, 6, 1, 4] if size > 0 else range(7)))(run, size)


def weakly(size: float) -> float:
    """Claims of no correlation: none, or that of the error itself; at 0 rho = 0.3, the edge."""
    return (
        0.0 if size > 0 else -size if size < 0 else 0.3294
    )  # Pearson's r 0.313, Spearman's 6 / pi asin(r / 2) = 0.3


def falling_with_depth(run: pd.DataFrame, layer: str, size: float) -> np.ndarray:
    """C30: layers 30 apart, so that a fall of 3 from the shallowest to the deepest is the edge."""
    return 10.0 * LAYERS.index(layer) + (size - 1) * by_depth(run)


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
    "C07": scenario("figure1", FIGURE1, relation=lambda size: -size),
    "C08": scenario("figure1", FIGURE1, relation=weakly),
    "C09": scenario("figure1", FIGURE1, lambda run, size: -abs(size) * at(run, -2 if size > 0 else -1)),
    "C10": scenario("figure1", FIGURE1, diversity=lambda run, layer, size: size * at(run, 0)),
    "C11": scenario("figure1", FIGURE1, diversity=lambda run, layer, size: -size * step(run)),
    "C12": scenario("figure1", FIGURE1, relation=lambda size: size),
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
    "C23": scenario("figure3", FIGURE3, without_order, any_layer(of_places(*range(7)))),
    "C24": scenario("figure4", FIGURE4, diversity=of_layers(head=1)),
    "C25": scenario("figure4", FIGURE4, relation=weakly),
    "C26": scenario("figure4", FIGURE4, diversity=of_layers(head=2, conv1=1)),
    "C27": scenario("figure4", FIGURE4, diversity=of_layers(conv1=2, res2=1)),
    "C28": scenario("figure4", FIGURE4, lambda run, size: size * by_depth(run)),
    "C29": scenario(
        "figure4", FIGURE4 | {"epochs": [30, 100]}, lambda run, size: -size * by_depth(run) * step(run)
    ),
    "C30": scenario("figure4", FIGURE4, diversity=falling_with_depth),
    "C31": scenario(
        "figure4", FIGURE4, diversity=lambda run, layer, size: size * (run["norm"] == "layernorm")
    ),
    "C32": scenario("figure4", FIGURE4, lambda run, size: -size * (run["norm"] == "layernorm")),
    "C33": scenario("figure1", FIGURE1, diversity=any_layer(trend("width"))),
    "C34": scenario("figure1", FIGURE1, relation=lambda size: -size),
}


def both_first(name: str) -> Callable:
    """The named algorithm is far above all rivals but one, which is as high."""
    return lambda run, size: 9 * run["algorithm"].isin([name, "pirl"])


# Edges that are less favourable than "all equal": true but for one comparison, which is equal.
EDGES: dict[str, Scenario] = {
    "C01": scenario("figure1", FIGURE1, diversity=lambda run, layer, size: -9.0 * (layer in LAYERS[:2])),
    "C02": scenario("figure1", FIGURE1, diversity=lambda run, layer, size: 9.0 * (layer == "head")),
    "C04": scenario(
        "figure1", FIGURE1, diversity=lambda run, layer, size: (layer != "res4") * trend("width")(run, 9)
    ),
    "C05": scenario(
        "figure1", FIGURE1, diversity=lambda run, layer, size: (layer != "conv1") * trend("width")(run, 9)
    ),
    "C06": scenario("figure1", FIGURE1, lambda run, size: 9 * at(run, -1)),
    "C09": scenario("figure1", FIGURE1, lambda run, size: 9 * (step(run) < 3)),
    "C10": scenario("figure1", FIGURE1, diversity=lambda run, layer, size: -9 * (step(run) > 1)),
    "C13": scenario("figure1", FIGURE1, lambda run, size: -9 * at(run, -2)),
    "C15": scenario(
        "figure2",
        FIGURE2,
        lambda run, size: -9 * np.minimum(np.searchsorted(np.unique(run["n_params"]), run["n_params"]), 4),
    ),
    "C16": scenario("figure2", FIGURE2, diversity=any_layer(lambda run, size: trend("width")(run, 9))),
    "C18": scenario("figure3", FIGURE3, diversity=any_layer(both_first("supervised"))),
    "C19": scenario("figure3", FIGURE3, below(both_first("supervised"))),
    "C20": scenario("figure3", FIGURE3, below(both_first("deepclusterv2"))),
    "C21": scenario("figure3", FIGURE3, diversity=any_layer(both_first("rotnet"))),
    "C22": scenario(
        "figure3",
        FIGURE3,
        lambda run, size: (
            9 * run["algorithm"].isin(["simclr", "jigsaw"]) - 9 * run["algorithm"].isin(["npid", "pirl"])
        ),
    ),
    "C23": scenario(
        "figure3",
        FIGURE3,
        lambda run, size: of_places(0, 1, 2, 3, 4, 5, 5)(run, 9),
        any_layer(lambda run, size: of_places(*range(7))(run, 9)),
    ),
    "C26": scenario("figure4", FIGURE4, diversity=lambda run, layer, size: 9.0 * (layer == "head")),
    "C27": scenario("figure4", FIGURE4, diversity=lambda run, layer, size: 9.0 * (layer == "conv1")),
    "C31": scenario(
        "figure4",
        FIGURE4,
        diversity=lambda run, layer, size: 9.0 * ((run["norm"] == "layernorm") & (layer != "res2")),
    ),
    "C33": scenario(
        "figure1", FIGURE1, diversity=lambda run, layer, size: (layer != "conv1") * trend("width")(run, 9)
    ),
}

UNBALANCED = [(1.0, EPOCHS), (2.0, [100, 1000]), (4.0, [100, 1000])]  # study `imagenet`, figure 1
RELATIONS = ["C07", "C08", "C12", "C25", "C34"]


def drifting(figure: str, axes: dict) -> Scenario:
    """Error and diversity move along epochs (or depth) by 9 a step, and seeds have no part in it."""
    along = by_depth if "depth" in axes else step
    return scenario(
        figure, axes, lambda run, size: -9.0 * along(run), any_layer(lambda run, size: 9.0 * along(run))
    )


def walking(number: int) -> Scenario:
    """One network, so many snapshots of each training, whose errors and diversities wander at random."""
    epochs = list(range(1, number + 1))
    make = scenario("figure1", {"epochs": epochs})
    return lambda size, **options: make(size, **options | {"snapshots": True})


def unbalanced(make: Scenario) -> Scenario:
    """Runs of which wide networks have few numbers of epochs."""

    def table(size: float, **options) -> pd.DataFrame:
        whole = make(size, **options)
        kept = [whole["width"].eq(width) & whole["epochs"].isin(epochs) for width, epochs in UNBALANCED]
        return whole[np.logical_or.reduce(kept)].reset_index(drop=True)

    return table


def alike_over_width(run: pd.DataFrame, layer: str, size: float) -> np.ndarray:
    """C05: every layer falls with width, conv1 no more than others, but it is low at both ends."""
    ends = at(run, 0) | at(run, -1)
    return -3.0 * np.log2(run["width"]) - 9.0 * (layer == "conv1") * ends


def attenuated(figure: str, axes: dict, scale: float = 1.0) -> Scenario:
    """Error and diversity of cells agree perfectly, and differ `scale` times as much as seeds scatter."""

    def shared(run: pd.DataFrame) -> np.ndarray:
        cells = run.groupby(["depth", "width", "norm", "epochs"], sort=False).ngroup().to_numpy()
        return scale * np.random.default_rng(cells.max()).standard_normal(cells.max() + 1)[cells]

    return scenario(figure, axes, lambda run, size: shared(run), any_layer(lambda run, size: shared(run)))


def collapsed(make: Scenario, size: float = 2.0) -> Scenario:
    """The claim would hold, but 12 of the 20 runs that it calls more diverse have collapsed."""

    def table(_: float, **options) -> pd.DataFrame:
        runs_ = make(size, **options)
        better = runs_["norm"].eq("layernorm") & runs_["seed"].le(3)
        runs_.loc[better, LAYERS] = -np.inf
        return runs_

    return table


def one_reversed(claim: str, size: float = 2.0) -> Scenario:
    """The claim holds by the size but in one cell (or layer), where the opposite does, by as much."""
    axis = "norm" if claim in ("C28", "C29") else "epochs" if claim in ("C04", "C05", "C33") else None

    def table(_: float, **options) -> pd.DataFrame:
        true, false = (SCENARIOS[claim](sign * size, **options) for sign in (1, -1))
        if claim in ("C18", "C21"):
            return true.assign(res2=false["res2"])
        if axis:
            here = true[axis] == true[axis].max()
        elif claim in ("C11", "C14"):
            here = true["width"] == true["width"].max()
        elif claim in ("C31", "C32"):
            here = true["depth"] == true["depth"].max()
        else:
            here = true.groupby(["width", "epochs", "depth", "norm"]).ngroup().eq(0)
        return true.where(~here, false)

    return table


# The algorithms that a claim of figure 3 turns on, beside PIRL, the rival that is as good on the edge
TARGETS = {"C18": "supervised", "C19": "supervised", "C20": "deepclusterv2", "C21": "rotnet", "C22": "rotnet"}


def unequal(claim: str) -> Scenario:
    """The claim's edge, with seeds that scatter twice as much in the networks that its comparisons turn on.

    In figures 1 and 2 it is the narrowest network, in figure 3 the claim's algorithm and a rival, in figure 4
    the shallowest and the deepest.
    """

    def noise(run: pd.DataFrame) -> np.ndarray:
        if len(set(run["algorithm"])) > 1:
            noisy = run["algorithm"].isin([TARGETS.get(claim, "rotnet"), "pirl"])
        elif len(set(run["width"])) > 1:
            noisy = run["width"].eq(run["width"].min())
        else:
            noisy = run["depth"].isin([run["depth"].min(), run["depth"].max()])
        return np.where(noisy, 2.0, 1.0)

    make = EDGES.get(claim, SCENARIOS[claim])
    return lambda size, **options: make(size, **options | {"noise": noise})


# Further tables in which the claim is false, by what is wrong with them
NULLS: dict[str, dict[str, Scenario]] = {
    "drift": {claim: drifting("figure1", FIGURE1) for claim in ("C07", "C08", "C12", "C34")}
    | {"C25": drifting("figure4", FIGURE4)},
    **{
        f"walk {number}": {
            claim: walking(number) for claim in SCENARIOS if claim < "C15" and claim not in ("C04", "C05")
        }
        | {"C34": walking(number)}
        for number in (5, 10, 20)
    },
    "unbalanced": dict.fromkeys(["C04", "C07", "C12", "C33", "C34"], unbalanced(drifting("figure1", FIGURE1)))
    | {"C05": unbalanced(scenario("figure1", FIGURE1, diversity=alike_over_width))},
    "attenuated": {claim: attenuated("figure1", FIGURE1) for claim in ("C07", "C08", "C12", "C34")}
    | {"C25": attenuated("figure4", FIGURE4)},
    "unequal noise": {claim: unequal(claim) for claim in SCENARIOS},
    "collapse": {"C31": collapsed(SCENARIOS["C31"])},
    "one reversed": {
        claim: one_reversed(claim)
        for claim in (
            *("C01", "C02", "C03", "C04", "C05", "C11", "C14", "C24", "C26", "C27", "C28", "C29"),
            *("C18", "C21", "C31", "C32", "C33"),
        )
    },
}
