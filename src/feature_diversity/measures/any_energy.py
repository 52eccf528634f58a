"""The hyperspherical energy of arrays or of tensors: one name for both. Arrays load no torch."""

import sys
from collections.abc import Iterable
from dataclasses import replace
from typing import TYPE_CHECKING, Union

import numpy as np
from numpy.typing import ArrayLike

from feature_diversity.measures import energy
from feature_diversity.measures.energy import Energy

if TYPE_CHECKING:
    from torch import Tensor


def hyperspherical_energy(
    x: Union[ArrayLike, "Tensor"],
    s: float | Iterable[float] = (0, 1, 2),
    *,
    reduction: str = "mean",
    distance: str = "chordal",
    center: bool = False,
    half_space: bool = False,
    block_size: int | None = None,
    duplicates: str = "inf",
    gram: np.ndarray | None = None,
) -> Energy:
    """Compute the energy of the directions of the rows of `x`, in float64 (Liu et al. 2018).

    Of a tensor, computed on its device, `.value[s]` is a tensor that can be differentiated: as a loss,
    `hyperspherical_energy(features, s=1).value[1].backward()` pushes the directions apart.

    Args:
        x: NumPy array (or what becomes one) or torch tensor, (N, ...), N >= 2, any real dtype; trailing axes
            are flattened.
        s: one power or several, each finite and >= 0.
        reduction: "mean" over pairs, or "sum" over ordered pairs.
        distance: "chordal", or of arrays "angular".
        center: subtract the mean row before the rows are normalised.
        half_space: of arrays, whether a direction and its opposite are one.
        block_size: rows of the Gram matrix held at once; any value gives the same energies.
        duplicates: what two rows of one direction lead to, "inf" (an infinite energy) or "raise". Where a
            gradient is asked for they always raise.
        gram: of arrays, inner products of the rows where known.

    Returns:
        Energies, standard errors and duplicates, by power.

    Raises:
        ValueError: fewer than two rows; a row that is not finite or has no direction (the message names it);
            a negative or infinite s; an unknown option, or one that tensors do not have; two rows of one
            direction with duplicates="raise" or where a gradient is asked for.
    """
    torch = sys.modules.get("torch")  # without torch nothing is a tensor
    if torch is None or not isinstance(x, torch.Tensor):
        return energy.hyperspherical_energy(
            x,
            s,
            reduction=reduction,
            distance=distance,
            center=center,
            half_space=half_space,
            block_size=block_size,
            duplicates=duplicates,
            gram=gram,
        )
    from feature_diversity.measures import torch_energy

    if distance != "chordal" or half_space or gram is not None:
        raise ValueError("distance, half_space and gram are for arrays: give x.detach().cpu().numpy()")
    energy.check_option("reduction", reduction, ("mean", "sum"))
    energy.check_option("duplicates", duplicates, ("inf", "raise"))
    result = torch_energy.hyperspherical_energy(x, s, center=center, block_size=block_size)
    if result.duplicates and duplicates == "raise":
        raise ValueError("rows {} and {} have one direction".format(*result.duplicates[0]))
    if reduction == "mean":
        return result
    pairs = result.n * (result.n - 1)
    return replace(
        result,
        value={power: value * pairs for power, value in result.value.items()},
        standard_error={power: error * pairs for power, error in result.standard_error.items()},
    )
