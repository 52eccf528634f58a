"""The dose as a set point: how diverse a layer is to be, and how hard it is pulled there.

x is the excess energy over uniform directions, divided by that of the untreated run after as many epochs:
1 as without the penalty, 0 as spread out as uniform directions, 2 twice as crowded. A weight alone would
leave open what it does: the same weight moves one layer much and another hardly.
"""

from torch import Tensor


def penalty(x: Tensor | float, delta: float, kappa: float) -> Tensor | float:
    """Compute kappa (x - (1 - delta))².

    Args:
        x: excess as a share of the untreated run's.
        delta: the dose, -1 to 1: 1 asks for uniform directions, 0 for those of the untreated run, -1 for
            directions twice as crowded.
        kappa: strength, above 0.

    Returns:
        The penalty, at least 0.
    """
    return kappa * (x - (1 - delta)) ** 2


def slope(x: Tensor | float, delta: float, kappa: float) -> Tensor | float:
    """Compute the derivative of `penalty` by x."""
    return 2 * kappa * (x - (1 - delta))
