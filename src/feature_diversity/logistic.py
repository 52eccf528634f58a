"""Multinomial logistic regression with an L2 penalty, fitted to convergence."""

import torch
import torch.nn.functional as F
from torch import Tensor

TOLERANCE = 1e-5  # largest entry of the gradient of the mean loss at the end
ITERATIONS = 1000


def fit_path(x: Tensor, labels: Tensor, classes: int, penalties: list[float]) -> list[tuple[Tensor, Tensor]]:
    """Fit one classifier for each penalty, from the largest to the smallest, each starting from the last.

    x: floating, N x D, about standardised. labels: int64, N. Minimises mean cross-entropy +
    penalty / 2 x sum of squared weights (biases free) by L-BFGS from zero weights: convex, so that
    no seed is involved. Returns (weight D x classes, bias classes) for each penalty.
    """
    weight = torch.zeros(x.shape[1], classes, dtype=x.dtype, device=x.device, requires_grad=True)
    bias = torch.zeros(classes, dtype=x.dtype, device=x.device, requires_grad=True)
    fitted = []
    for penalty in penalties:
        optimizer = torch.optim.LBFGS(
            [weight, bias],
            max_iter=ITERATIONS,
            tolerance_grad=TOLERANCE,
            tolerance_change=0,
            history_size=10,
            line_search_fn="strong_wolfe",
        )

        def objective(penalty: float = penalty, optimizer: torch.optim.Optimizer = optimizer) -> Tensor:
            optimizer.zero_grad()
            loss = F.cross_entropy(x @ weight + bias, labels) + penalty / 2 * weight.square().sum()
            loss.backward()
            return loss

        optimizer.step(objective)
        fitted.append((weight.detach().clone(), bias.detach().clone()))
    return fitted
