"""The energy of a layer's neurons, that is of its weights, as a lever (Liu et al. 2018)."""

from collections.abc import Sequence

import torch
from torch import Tensor

from feature_diversity.training.penalties.energy import energy


def weight_energy(weights: Sequence[Tensor], s: float = 1.0) -> Tensor:
    """Compute the energy of the directions of neurons, a mean over weights (eq. 2; full space).

    Args:
        weights: outputs x inputs x ..., a neuron a row; those of one output have no pairs.
        s: power, >= 0.

    Returns:
        A scalar.

    Raises:
        ValueError: no weight has two neurons.
    """
    several = [energy(weight.flatten(1), s) for weight in weights if len(weight) > 1]
    if not several:
        raise ValueError("no weight has two neurons, so there is no energy of them")
    return torch.stack(several).mean()
