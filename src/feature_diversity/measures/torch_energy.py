"""The hyperspherical energy of tensors, on any device and with a gradient; same numbers as `energy.py`."""

from collections.abc import Iterable

import numpy as np
import torch
from torch import Tensor

from feature_diversity.measures.directions import PARALLEL, Directions
from feature_diversity.measures.energy import (
    NEAR,
    Energy,
    check_block_size,
    checked_powers,
    mean_and_jackknife,
)

CHUNK = 2**24  # values gathered at once for the pairs that are compared by differences


def hyperspherical_energy(
    x: Tensor,
    s: float | Iterable[float] = (0, 1, 2),
    *,
    center: bool = False,
    block_size: int | None = None,
) -> Energy:
    """Compute mean chordal energies of the rows of `x` in float64, on the tensor's device.

    Agrees with `energy.hyperspherical_energy` to 1e-10. Takes two copies of x in float64, and
    block_size x N x 16 bytes; with a gradient about N x N x 16 bytes for each power. Devices that have no
    float64 (Apple's mps) hand the rows to the CPU, and the gradient comes back.

    Args:
        x: (N, ...), N >= 2, any real dtype; trailing axes are flattened.
        s: one power or several, each >= 0.
        center: subtract the mean row before the rows are normalised.
        block_size: rows of the Gram matrix held at once (None: 4,096).

    Returns:
        Energies (float64 tensors without axes, differentiable where x is), standard errors and duplicates,
        by power.

    Raises:
        ValueError: as `energy.hyperspherical_energy`; two rows of one direction where a gradient is asked
            for, since an infinite energy has none.
    """
    powers = checked_powers(s)
    check_block_size(block_size)
    block_size = block_size or 4096
    rows, unit = _directions(x, center)
    n = len(unit)
    of_row = {power: unit.new_zeros(n) for power in powers}
    squared_distances = 0.0
    duplicates: list[tuple[int, int]] = []
    for start in range(0, n, block_size):
        stop = min(start + block_size, n)
        r2 = 2 - 2 * unit[start:stop] @ unit[start:].T
        i, j = torch.nonzero(r2 < NEAR, as_tuple=True)
        i, j = i[j > i], j[j > i]
        near = _near(rows, unit, start + i, start + j)
        r2[i, j] = near
        inside = j < stop - start
        r2[j[inside], i[inside]] = near[inside]
        same = near == 0
        duplicates += zip((start + i[same]).tolist(), (start + j[same]).tolist(), strict=True)
        r2.diagonal().zero_()
        squared_distances += (r2.sum() + r2[:, stop - start :].sum()).item()
        r2.diagonal().fill_(1)
        for power in powers:
            energies = -0.5 * torch.log(r2) if power == 0 else r2 ** (-power / 2)
            energies.diagonal().zero_()
            of_row[power][start:stop] += energies.sum(dim=1)
            of_row[power][stop:] += energies[:, stop - start :].sum(dim=0)
    if duplicates and unit.requires_grad:
        i, j = duplicates[0]
        raise ValueError(f"rows {i} and {j} have one direction: their energy is infinite, without a gradient")
    value, error = {}, {}
    for power in powers:
        value[power] = of_row[power].sum() / (n * (n - 1))
        sums = of_row[power].detach().cpu().numpy()
        error[power] = mean_and_jackknife(sums, power, "chordal", half_space=False)[1]
    mean_cosine = 1 - squared_distances / (2 * n * (n - 1))
    return Energy(value, error, n, unit.shape[1], duplicates, mean_cosine)


def _directions(x: Tensor, center: bool) -> tuple[Tensor, Tensor]:
    """Rows scaled by powers of two (centred if asked for), and the same with length 1."""
    if x.ndim < 2 or len(x) < 2 or x.numel() == 0 or x.is_complex():
        raise ValueError(f"need at least two real rows and one column, got {tuple(x.shape)} of {x.dtype}")
    rows = x.reshape(len(x), -1).to("cpu" if x.device.type == "mps" else x.device, torch.float64)
    if not torch.isfinite(rows).all():
        bad = torch.nonzero(~torch.isfinite(rows))[0].tolist()
        raise ValueError(f"row {bad[0]} is not finite: its value {bad[1]} is {rows[bad[0], bad[1]]}")
    rounding = torch.zeros((), dtype=torch.float64, device=rows.device)
    if center:
        rows = rows * _power_of_two(rows.abs().max())
        mean = rows.mean(dim=0)
        rows = rows - mean
        rounding = 4 * torch.finfo(torch.float64).eps * torch.linalg.norm(mean)
    peak = rows.abs().amax(dim=1, keepdim=True)
    scale = _power_of_two(peak)
    rows = rows * scale
    norm = torch.linalg.norm(rows, dim=1, keepdim=True)
    for i in torch.nonzero(norm[:, 0] <= rounding * scale[:, 0])[:1, 0].tolist():
        reason = "equals the mean of all rows" if center else "is zero"
        raise ValueError(f"row {i} {reason}: it has no direction")
    return rows, rows / norm


def _power_of_two(peak: Tensor) -> Tensor:
    peak = peak.detach()
    exponent = torch.frexp(peak).exponent.clamp(-1000, 1000)
    return torch.ldexp(torch.ones_like(peak), -exponent)


def _near(rows: Tensor, unit: Tensor, i: Tensor, j: Tensor) -> Tensor:
    """|u_i - u_j|² of the pairs (i, j) from differences; the nearest on the host, to full precision."""
    result = unit.new_empty(len(i))
    step = max(1, CHUNK // unit.shape[1])
    for first in range(0, len(i), step):
        pairs = slice(first, first + step)
        result[pairs] = torch.sum((unit[i[pairs]] - unit[j[pairs]]) ** 2, dim=1)
    correction = torch.zeros_like(result)  # added, so that the gradient stays that of the differences
    for k in torch.nonzero(result < PARALLEL)[:, 0].tolist():
        pair = Directions(rows[[i[k].item(), j[k].item()]].detach().cpu().numpy())
        correction[k] = pair.near(0, np.array([1]))[0] - result[k].detach()
    return result + correction
