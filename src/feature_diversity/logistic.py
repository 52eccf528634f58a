"""Multinomial logistic regression with an L2 penalty: a grid of penalties fitted at once, to convergence."""

import torch
import torch.nn.functional as F
from torch import Tensor

TOLERANCE = 1e-5  # largest entry of the gradient of the mean loss at the end
ITERATIONS = 2000


def fit_grid(x: Tensor, labels: Tensor, classes: int, penalties: list[float]) -> list[tuple[Tensor, Tensor]]:
    """Fit one classifier for each penalty.

    x: floating, N x D, about centred. labels: int64, N. Each minimises mean cross-entropy + penalty / 2 x sum
    of squared weights (biases free) from zero weights: convex, so that no seed is involved. Returns (weight
    D x classes, bias classes) for each penalty, in the order given.

    All are fitted by one L-BFGS, in coordinates in which every one of them is equally curved in all
    directions at the start: the features' principal axes, scaled by (variance / classes + penalty)^(-1/2).
    So few steps suffice, and each step's products with x serve all penalties.
    """
    axes, variances = principal_axes(x)
    z = x @ axes
    scales = torch.stack([(variances / classes + penalty).rsqrt() for penalty in penalties])[:, :, None]
    penalty = torch.tensor(penalties, dtype=x.dtype, device=x.device)
    weight = torch.zeros(len(penalties), z.shape[1], classes, dtype=x.dtype, device=x.device)
    bias = torch.zeros(len(penalties), classes, dtype=x.dtype, device=x.device)
    targets = labels.repeat(len(penalties))
    weight.requires_grad_()
    bias.requires_grad_()
    optimizer = torch.optim.LBFGS(
        [weight, bias],
        max_iter=ITERATIONS,
        max_eval=2 * ITERATIONS,
        tolerance_grad=TOLERANCE,
        tolerance_change=0,
        history_size=20,
        line_search_fn="strong_wolfe",
    )

    def objective() -> Tensor:
        optimizer.zero_grad()
        scaled = weight * scales
        scores = (z @ scaled.transpose(0, 1).flatten(1)).view(len(z), len(penalties), classes) + bias
        loss = F.cross_entropy(scores.transpose(0, 1).flatten(0, 1), targets) * len(penalties)
        loss = loss + (penalty / 2 * scaled.square().sum(dim=(1, 2))).sum()
        loss.backward()
        return loss

    optimizer.step(objective)
    fitted = axes @ (weight * scales).detach()
    return list(zip(fitted, bias.detach(), strict=True))


def principal_axes(x: Tensor) -> tuple[Tensor, Tensor]:
    """Orthonormal axes, D x min(N, D), that span the rows of x, and the mean square of x along each.

    Weights across these rows have no effect on the scores, so the penalty makes them zero.
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
