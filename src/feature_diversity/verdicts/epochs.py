"""Claims on figure 1: layers, width and the number of epochs."""

from feature_diversity.verdicts.evidence import Evidence
from feature_diversity.verdicts.ordered import always_highest, in_order
from feature_diversity.verdicts.runs import Runs


def head_is_most_diverse(runs: Runs) -> Evidence:
    """C01."""
    return always_highest(runs, "head", ["conv1", "res2", "res4"])


def diversity_rises_through_the_network(runs: Runs) -> Evidence:
    """C02."""
    return in_order(runs, [("res4", "res2"), ("head", "res4")], page=["res2", "res4", "head"])


def first_layer_above_second_block(runs: Runs) -> Evidence:
    """C03."""
    return in_order(runs, [("conv1", "res2")])


CLAIMS = {
    "C01": head_is_most_diverse,
    "C02": diversity_rises_through_the_network,
    "C03": first_layer_above_second_block,
}
