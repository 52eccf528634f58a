"""Momentum networks: what moves slowly after the one in training (He et al. 2020, arXiv 1911.05722)."""

import math
from copy import deepcopy

import torch
from torch import Tensor, nn


class MomentumNetwork(nn.Module):
    """A moving average of projector and trunk, which sees what the trunk sees. No gradient reaches it.

    Args:
        head: the projector that it follows; it begins as a copy.
    """

    def __init__(self, head: nn.Module):
        super().__init__()
        self.head = deepcopy(head).requires_grad_(False)
        self.pairs = [(head, self.head)]  # in a list, what is followed is no part of this network
        self.seen: list[Tensor] | None = None  # features, between `update` and `projections`

    def follow(self, trunk: nn.Module) -> None:
        """Follow a trunk, too: begin as a copy of it, and look on when it is given images."""
        self.trunk = deepcopy(trunk).requires_grad_(False)
        self.pairs.append((trunk, self.trunk))
        trunk.register_forward_hook(self._look)

    @torch.no_grad()
    def update(self, share: Tensor) -> None:
        """Move every parameter by a share, 0 ... 1, of its way to the followed network's; then look on."""
        for followed, average in self.pairs:
            for goal, parameter in zip(followed.parameters(), average.parameters(), strict=True):
                parameter.lerp_(goal, share.to(parameter.dtype))
        self.seen = []

    @torch.no_grad()
    def projections(self) -> Tensor:
        """Project what the trunk was given since `update`: N x D."""
        features, self.seen = torch.cat(self.seen or []), None  # what backward computes anew is not looked at
        return self.head(features.to(next(self.head.parameters()).dtype))

    @torch.no_grad()
    def _look(self, trunk: nn.Module, inputs: tuple[Tensor], output: Tensor) -> None:
        if self.seen is not None:
            self.seen.append(self.trunk(*inputs))


def share_left(momentum: float, steps: Tensor, last_step: int) -> Tensor:
    """Compute 1 minus the momentum, which rises to 1 as half a cosine (Grill et al. 2020, section 3.3).

    Args:
        momentum: before the first step, 0 ... 1.
        steps: number of those done, a scalar.
        last_step: from which on it is 1.

    Returns:
        A scalar for `MomentumNetwork.update`.
    """
    done = (steps / max(1, last_step)).clamp(max=1)
    return (1 - momentum) * (torch.cos(math.pi * done) + 1) / 2
