"""Multinomial logistic regression with an L2 penalty: a grid of penalties fitted at once, to convergence."""

import math
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from feature_diversity.base.errors import InputError

TOLERANCE = 1e-5  # largest entry of the gradient of the mean loss at the end
LEAST_PENALTY = 1e-6  # with less, where classes are separable, such a gradient is far from the minimum
NEWTON_STEPS = 100
CONJUGATE_STEPS = 200  # for one Newton step
HALVINGS = 20


def fit_grid(x: Tensor, labels: Tensor, classes: int, penalties: list[float]) -> list[tuple[Tensor, Tensor]]:
    """Fit one classifier for each penalty.

    Each minimises mean cross-entropy + penalty / 2 x sum of squared weights (biases free) from zero weights:
    convex, so that no seed is involved. Newton's method; its steps are solved for by conjugate gradients in
    the features' principal axes, where the Hessian is nearly diagonal. All penalties go together, so that the
    products with x, which take the time, are shared. Those that have converged drop out.

    Args:
        x: floating, N x D, about centred.
        labels: int64, N.
        classes: how many.
        penalties: P of them, finite and at least LEAST_PENALTY.

    Returns:
        (weight, D x classes; bias, classes) for each penalty, in the order given.

    Raises:
        InputError: for another penalty.
    """
    for value in penalties:
        if not LEAST_PENALTY <= value < math.inf:
            raise InputError(f"penalties: found {value}, expected at least {LEAST_PENALTY:g}, finite")
    axes, variances = principal_axes(x)
    ones = x.new_ones(len(x), 1)
    z, variances = torch.cat([x @ axes, ones], dim=1), torch.cat([variances, x.new_ones(1)])
    onehot = F.one_hot(labels, classes).to(x.dtype)[:, None]
    penalty = x.new_tensor(penalties)[:, None, None].expand(-1, 1, z.shape[1]).clone()
    penalty[:, :, -1] = 0  # of the biases, the weights of the ones
    weights = x.new_zeros(len(penalties), classes, z.shape[1])
    active = torch.arange(len(penalties), device=x.device)
    for _ in range(NEWTON_STEPS):
        w, ridge = weights[active], penalty[active]
        scores = _products(z, w)
        p = scores.softmax(dim=2)
        gradient = _sums(z, p - onehot) + ridge * w
        left = torch.maximum(
            (gradient[:, :, :-1] @ axes.T).abs().amax(dim=(1, 2)), gradient[:, :, -1].abs().amax(dim=1)
        )
        left = left > TOLERANCE
        if not left.any():
            break
        active, w, ridge, gradient = active[left], w[left], ridge[left], gradient[left]
        scores, p = scores[:, left], p[:, left]
        curvature = (p * (1 - p)).mean(dim=0)[:, :, None]
        step = _conjugate_gradients(
            lambda s, some, p=p, ridge=ridge: _hessian_product(z, p[:, some], s) + ridge[some] * s,
            -gradient,
            (variances * curvature + ridge).clamp(min=1e-12).reciprocal(),
        )
        length = _line_search(scores, _products(z, step), onehot, w, step, ridge, gradient)
        weights[active] = w + length * step
        active = active[length.flatten() > 0]  # where rounding allows no lower value, this is the minimum
        if not len(active):
            break
    weight = axes @ weights[:, :, :-1].transpose(1, 2)
    return list(zip(weight, weights[:, :, -1], strict=True))


def principal_axes(x: Tensor) -> tuple[Tensor, Tensor]:
    """Find orthonormal axes that span the rows of x, and the mean square of x along each.

    Weights across these rows have no effect on the scores, so the penalty makes them zero.

    Args:
        x: N x D.

    Returns:
        D x K axes and K mean squares, K = min(N, D) or fewer.
    """
    wide = x.shape[1] > x.shape[0]
    product = (x @ x.T if wide else x.T @ x).double() / len(x)
    variances, vectors = torch.linalg.eigh(product)
    variances = variances.clamp(min=0)
    if wide:
        kept = variances > variances.max() * 1e-12
        variances, vectors = variances[kept], x.double().T @ vectors[:, kept]
        vectors = vectors / vectors.norm(dim=0)
    return vectors.to(x.dtype), variances.to(x.dtype)


def _products(z: Tensor, w: Tensor) -> Tensor:
    """Scores, N x P x classes, of weights, P x classes x D."""
    return (z @ w.flatten(0, 1).T).view(len(z), *w.shape[:2])


def _sums(z: Tensor, errors: Tensor) -> Tensor:
    """Means over rows of errors (N x P x classes) times features: P x classes x D."""
    return (errors.flatten(1).T @ z).view(*errors.shape[1:], z.shape[1]) / len(z)


def _hessian_product(z: Tensor, p: Tensor, s: Tensor) -> Tensor:
    """Hessian of the mean cross-entropy at probabilities p, times s (P x classes x D)."""
    t = p * _products(z, s)
    return _sums(z, t - p * t.sum(dim=2, keepdim=True))


def _conjugate_gradients(
    product: Callable[[Tensor, Tensor], Tensor], right: Tensor, inverse: Tensor
) -> Tensor:
    """Solve product(s) = right for each P until what is left is small. inverse: a preconditioner.

    product: of some of the P, whose numbers it is given as well; those that are solved drop out.
    """
    solution, residual = torch.zeros_like(right), right
    active = torch.arange(len(right), device=right.device)
    first = _length(right)
    target = first * first.sqrt().clamp(max=0.1)  # the nearer to the minimum, the more exactly
    target = target.clamp(min=TOLERANCE / 2)
    direction = preconditioned = inverse * residual
    squared = (residual * preconditioned).sum(dim=(1, 2), keepdim=True)
    for _ in range(CONJUGATE_STEPS):
        image = product(direction, active)
        size = squared / (direction * image).sum(dim=(1, 2), keepdim=True)
        solution[active] += size * direction
        residual = residual - size * image
        left = (_length(residual) > target).flatten()
        if not left.any():
            break
        if not left.all():
            active, inverse, target, squared = active[left], inverse[left], target[left], squared[left]
            direction, residual = direction[left], residual[left]
        preconditioned = inverse * residual
        before, squared = squared, (residual * preconditioned).sum(dim=(1, 2), keepdim=True)
        direction = preconditioned + squared / before * direction
    return solution


def _line_search(
    scores: Tensor, along: Tensor, onehot: Tensor, w: Tensor, step: Tensor, ridge: Tensor, gradient: Tensor
) -> Tensor:
    """The first of 1, 1/2, 1/4, ... that lowers the objective as it should: P x 1 x 1, 0 where none does."""

    def objective(length: Tensor) -> Tensor:
        logarithms = (scores + length.view(1, -1, 1) * along).log_softmax(dim=2)
        moved = w + length * step
        loss = -(logarithms * onehot).sum(dim=2).double().mean(dim=0)
        return loss + (ridge * moved.square()).double().sum(dim=(1, 2)) / 2

    slope = (gradient * step).sum(dim=(1, 2)).double()
    length = torch.ones_like(w[:, :1, :1])
    start = objective(torch.zeros_like(length))
    rounding = 1e-7 * start.abs()
    for _ in range(HALVINGS):
        enough = objective(length) <= start + 1e-4 * length.flatten() * slope + rounding
        if enough.all():
            return length
        length = torch.where(enough[:, None, None], length, length / 2)
    return torch.where(enough[:, None, None], length, 0)


def _length(x: Tensor) -> Tensor:
    return x.square().sum(dim=(1, 2), keepdim=True).sqrt()
