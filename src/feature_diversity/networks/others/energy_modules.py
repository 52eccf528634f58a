"""The hyperspherical energy as what a training loop expects: a metric with states, and a loss."""

import torch
import torch.distributed as dist
from torch import Tensor, nn

from feature_diversity.measures.any_energy import hyperspherical_energy
from feature_diversity.measures.energy import checked_powers


class HypersphericalEnergy(nn.Module):
    """Mean energy of the directions of all features since the last reset, over batches and ranks.

    The protocol is torchmetrics': update, compute, reset; a call updates and returns the value of its own
    batch. Energies are of pairs, so the state is all vectors, N x D, as they came. Two vectors of one
    direction make the energy infinite: a DistributedSampler that repeats images to fill up ranks does that,
    so give it as many images as ranks divide, or drop_last=True.

    >>> metric = HypersphericalEnergy(s=1)
    >>> metric.update(torch.tensor([[1.0, 0.0]]))
    >>> metric.update(torch.tensor([[0.0, 2.0], [-3.0, 0.0]]))
    >>> round(metric.compute().item(), 6)
    0.638071

    Args:
        s: power, finite and >= 0.
        center: subtract the mean vector before directions are taken.

    Raises:
        ValueError: a negative or infinite s.
    """

    def __init__(self, s: float = 1, *, center: bool = False):
        super().__init__()
        (self.s,) = checked_powers(s)
        self.center = center
        self.features: list[Tensor] = []

    def update(self, features: Tensor) -> None:
        """Add the vectors of a batch, (B, ...), any real dtype; trailing axes are flattened. No gradient.

        Raises:
            ValueError: no axis of vectors, or another length than the vectors before.
        """
        if features.ndim < 2 or features.is_complex():
            raise ValueError(
                f"features are {features.dtype} of shape {tuple(features.shape)}, expected B x D"
            )
        rows = features.detach().flatten(1).clone()
        _check_lengths([*self.features[:1], rows])
        self.features.append(rows)

    def compute(self) -> Tensor:
        """The mean energy over pairs, float64 without axes, the same on every rank.

        Where torch.distributed is initialised, every rank has to call it: their vectors are gathered.

        Raises:
            ValueError: fewer than two vectors in all, lengths that differ between ranks; vectors as
                `hyperspherical_energy` refuses.
        """
        parts = self.features
        if dist.is_available() and dist.is_initialized():
            parts = _of_all_ranks(parts)
        if not parts:
            raise ValueError("no features: compute() was called before update()")
        _check_lengths(parts)
        return hyperspherical_energy(torch.cat(parts), self.s, center=self.center).value[self.s]

    def reset(self) -> None:
        """Forget all vectors."""
        self.features = []

    def forward(self, features: Tensor) -> Tensor:
        """Update by a batch of two vectors or more, and return the energy of that batch on this rank."""
        self.update(features)
        return hyperspherical_energy(self.features[-1], self.s, center=self.center).value[self.s]


class HypersphericalEnergyLoss(nn.Module):
    """Mean energy of the directions of a batch, to be minimised: it pushes them apart (Liu et al. 2018).

    The gradient is exact, also between nearly parallel vectors. Each rank takes its own batch.

    >>> loss = HypersphericalEnergyLoss(s=1)
    >>> round(loss(torch.tensor([[1.0, 0.0], [0.0, 2.0], [-3.0, 0.0]])).item(), 6)
    0.638071

    Args:
        s: power, finite and >= 0.
        center: subtract the mean vector before directions are taken.

    Raises:
        ValueError: a negative or infinite s.
    """

    def __init__(self, s: float = 1, *, center: bool = False):
        super().__init__()
        (self.s,) = checked_powers(s)
        self.center = center

    def forward(self, features: Tensor) -> Tensor:
        """Compute the loss.

        Args:
            features: (N, ...), N >= 2, any real dtype; trailing axes are flattened.

        Returns:
            Float64 without axes.

        Raises:
            ValueError: as `hyperspherical_energy`; two vectors of one direction, which has no gradient.
        """
        return hyperspherical_energy(features, self.s, center=self.center).value[self.s]


def _of_all_ranks(parts: list[Tensor]) -> list[Tensor]:
    """The vectors of all ranks, of which some may have none, on this rank's device."""
    gathered: list[list[Tensor]] = [[] for _ in range(dist.get_world_size())]
    dist.all_gather_object(gathered, [part.cpu() for part in parts])
    device = parts[0].device if parts else None
    return [part.to(device) for of_rank in gathered for part in of_rank]


def _check_lengths(parts: list[Tensor]) -> None:
    lengths = sorted({part.shape[1] for part in parts})
    if len(lengths) > 1:
        raise ValueError(f"features have lengths {', '.join(map(str, lengths))}, expected one")
