"""Blur: out of focus, through frosted glass, of motion and of zoom."""

import numpy as np
import torch
from torch import Tensor

from feature_diversity.data.corruptions.sampling import bell, filtered, smoothed, streaked, zoomed

DISKS = ((0.3, 0.4), (0.4, 0.5), (0.5, 0.6), (1, 0.2), (1.5, 0.1))  # radius, and blur of the disk's edge
GLASS = ((0.05, 1), (0.25, 1), (0.4, 1), (0.25, 2), (0.4, 2))  # blur before and after, rounds
STREAKS = ((6, 1), (6, 1.5), (6, 2), (8, 2), (9, 2.5))  # radius and sigma
ZOOMS = (1.06, 1.11, 1.16, 1.21, 1.26)  # from 1 in steps of 0.01


def defocus_blur(x: Tensor, severity: int, draws: torch.Generator) -> Tensor:
    """Spread each pixel over a disk."""
    radius, edge = DISKS[severity - 1]
    across = torch.arange(-3, 4)  # the largest disk and its edge
    disk = (across[:, None] ** 2 + across**2 <= radius**2).double()
    line = bell(torch.arange(-1, 2), edge)
    kernel = filtered((disk / disk.sum())[None, None], line[:, None] * line, "reflect")
    return filtered(x, kernel[0, 0], "reflect")


def glass_blur(x: Tensor, severity: int, draws: torch.Generator) -> Tensor:
    """Put each pixel's neighbour in its place, one above, to the left or both, between two slight blurs.

    The paper exchanges the two. The code that made CIFAR-10-C copies one over the other, since both names
    are views of one array; so do we, to corrupt as much as the published images are corrupted.
    """
    sigma, rounds = GLASS[severity - 1]
    x = smoothed(x, sigma, truncate=4, edge="replicate")
    side = x.shape[2]
    places = torch.arange(side)
    for _ in range(rounds):
        steps = torch.randint(-1, 1, (2, len(x), side, side), generator=draws)
        steps[:, :, :2], steps[:, :, :, :2] = 0, 0  # these rows and columns stay
        taken = (places[:, None] + steps[0]) * side + places + steps[1]
        taken = taken.flatten(1)[:, None].expand(-1, x.shape[1], -1)
        x = x.flatten(2).gather(2, taken).view_as(x)
    return smoothed(x, sigma, truncate=4, edge="replicate")


def motion_blur(x: Tensor, severity: int, draws: torch.Generator) -> Tensor:
    """Blur along a line, within 45 degrees of a row."""
    angles = 90 * torch.rand(len(x), generator=draws) - 45
    return streaked(x, angles, *STREAKS[severity - 1])


def zoom_blur(x: Tensor, severity: int, draws: torch.Generator) -> Tensor:
    """Average images zoomed more and more, the image itself twice."""
    factors = np.arange(1, ZOOMS[severity - 1], 0.01)
    return (x + sum(zoomed(x, factor) for factor in factors)) / (len(factors) + 1)
