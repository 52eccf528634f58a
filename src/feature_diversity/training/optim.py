"""How VISSL's recipes optimise: learning-rate schedules, parameter groups, LARC."""

import math
from collections.abc import Iterable, Sequence

import torch
from torch import nn
from torch.optim.sgd import sgd

# VISSL decides "warm-up over?" and "milestone passed?" at where + 1e-6, so that neither comes a step late
# because a share such as 30 / 105 was rounded
ROUNDING = 1e-6


def scaled_learning_rate(base: float, batch_size: int, reference: int = 256) -> float:
    """The linear scaling rule of Goyal et al. 2017: `base` is the rate for a batch of `reference` images."""
    return base * batch_size / reference


def learning_rate(
    where: float,
    *,
    base: float,
    schedule: str,
    warmup: float = 0.0,
    warmup_start: float = 0.0,
    end: float = 0.0,
    milestones: Sequence[float] = (),
    factor: float = 0.1,
) -> float:
    """The learning rate when the share `where`, in [0, 1), of the run is done, as VISSL computes it.

    base: the rate after warm-up, already scaled to the batch (`scaled_learning_rate`).
    schedule: "constant"; "cosine", from `base` to `end`; or "multistep", `base` times `factor` for each
    of the `milestones` (shares of the run) passed.
    warmup: share of the run with a linear rise from `warmup_start` to `base`. The schedule counts from
    the start of the run, not from the end of the warm-up: VISSL's cosine goes on below `base`.
    VISSL's "epoch" recipes set the rate once an epoch: give them `where` = epoch / epochs.
    Raises ValueError for another schedule, and for `where` outside [0, 1).
    """
    if not 0 <= where < 1:
        raise ValueError(f"where must be in [0, 1), not {where}")
    if where + ROUNDING < warmup:
        return warmup_start + (base - warmup_start) * where / warmup
    if schedule == "constant":
        return base
    if schedule == "cosine":
        return end + (base - end) * (1 + math.cos(math.pi * where)) / 2
    if schedule == "multistep":
        return base * factor ** sum(where + ROUNDING >= milestone for milestone in milestones)
    raise ValueError(f"schedule must be constant, cosine or multistep, not {schedule!r}")


def parameter_groups(
    modules: nn.Module, weight_decay: float, *, decay_norm: bool, decay_bias: bool
) -> list[dict]:
    """The trainable parameters in at most two groups, with and without weight decay, as in VISSL.

    decay_norm: also decay BatchNorm's weights (and its biases, where `decay_bias`). decay_bias: also decay
    the biases. The parameters of a LayerNorm trunk (GroupNorm) are always decayed: VISSL does not count
    GroupNorm as a norm. Raises ValueError if nothing is trainable.
    """
    decayed, not_decayed = [], []
    for module in modules.modules():
        for name, parameter in module.named_parameters(recurse=False):
            if not parameter.requires_grad:
                continue
            exempt = (name == "bias" and not decay_bias) or (
                isinstance(module, nn.modules.batchnorm._BatchNorm) and not decay_norm
            )
            if exempt and not isinstance(module, nn.GroupNorm):
                not_decayed.append(parameter)
            else:
                decayed.append(parameter)
    if not decayed and not not_decayed:
        raise ValueError("no trainable parameters")
    groups = [{"params": decayed, "weight_decay": weight_decay}, {"params": not_decayed, "weight_decay": 0.0}]
    return [group for group in groups if group["params"]]


def make_optimizer(
    groups: Iterable[dict],
    *,
    optimizer: str,
    momentum: float,
    nesterov: bool = False,
    trust_coefficient: float = 0.001,
    larc_clip: bool = False,
) -> "SGD":
    """The optimiser "sgd" or "larc" over `groups` (from `parameter_groups`).

    Its learning rate is 0 until the training loop sets `group["lr"]` of every group, before each step.
    Raises ValueError for another optimiser.
    """
    if optimizer == "sgd":
        return SGD(groups, momentum=momentum, nesterov=nesterov)
    if optimizer == "larc":
        return LARC(
            groups, momentum=momentum, nesterov=nesterov, trust_coefficient=trust_coefficient, clip=larc_clip
        )
    raise ValueError(f"optimizer must be larc or sgd, not {optimizer!r}")


class SGD:
    """SGD with momentum: PyTorch's fused kernel, one pass over parameters, gradients and momentum.

    groups: dictionaries with `params` and perhaps `weight_decay`; `param_groups` has them, with `lr`. The
    class around PyTorch's kernel is this one because importing `torch.optim.SGD`'s takes a second.
    """

    def __init__(self, groups: Iterable[dict], *, momentum: float = 0.0, nesterov: bool = False):
        self.momentum, self.nesterov = momentum, nesterov
        self.param_groups = [{"lr": 0.0, "weight_decay": 0.0} | group for group in groups]
        parameters = [parameter for group in self.param_groups for parameter in group["params"]]
        # a buffer of zeros is the usual start: after one step it holds the first gradient
        self.buffers = {parameter: torch.zeros_like(parameter) for parameter in parameters}

    def zero_grad(self) -> None:
        """Forget all gradients."""
        for parameter in self.buffers:
            parameter.grad = None

    def state_dict(self) -> dict[str, list[torch.Tensor]]:
        """The momentum of every parameter."""
        return {"momentum": [buffer.detach() for buffer in self.buffers.values()]}

    def load_state_dict(self, state: dict[str, list[torch.Tensor]]) -> None:
        """Take over the momentum of a `state_dict`; ValueError if it is of another number of parameters."""
        for buffer, saved in zip(self.buffers.values(), state["momentum"], strict=True):
            buffer.copy_(saved)

    @torch.no_grad()
    def step(self) -> None:
        """Update every parameter that has a gradient; the gradients stay as they are."""
        for group in self.param_groups:
            params = [parameter for parameter in group["params"] if parameter.grad is not None]
            if params:
                self._update(params, group)

    def _update(self, params: list[torch.Tensor], group: dict) -> None:
        self._sgd(params, [parameter.grad for parameter in params], group["lr"], group["weight_decay"])

    def _sgd(
        self, params: list[torch.Tensor], grads: list[torch.Tensor], rate: float, weight_decay: float
    ) -> None:
        sgd(
            params,
            grads,
            [self.buffers[parameter] for parameter in params],
            fused=params[0].device.type in ("cpu", "cuda"),
            weight_decay=weight_decay,
            momentum=self.momentum,
            lr=rate,
            dampening=0.0,
            nesterov=self.nesterov,
            maximize=False,
        )


class LARC(SGD):
    """SGD with momentum and a rate of its own for each tensor (You et al. 2017, as NVIDIA apex has it).

    The gradient g of a parameter p becomes a (g + weight_decay p), with
    a = trust_coefficient |p| / (|g| + weight_decay |p| + eps); with `clip`, a is min(a / lr, 1), so that
    the rate never exceeds lr. Where p or g is all zeros, g enters as it is, without weight decay.
    The defaults are VISSL's. Nothing waits for the device. All parameters of a group are on one device.
    """

    def __init__(
        self,
        groups: Iterable[dict],
        *,
        momentum: float = 0.9,
        nesterov: bool = False,
        trust_coefficient: float = 0.001,
        clip: bool = False,
        eps: float = 1e-8,
    ):
        super().__init__(groups, momentum=momentum, nesterov=nesterov)
        self.trust_coefficient, self.clip, self.eps = trust_coefficient, clip, eps

    def _update(self, params: list[torch.Tensor], group: dict) -> None:
        weight_decay = group["weight_decay"]
        grads = [parameter.grad for parameter in params]
        param_norm = torch.stack(torch._foreach_norm(params))
        grad_norm = torch.stack(torch._foreach_norm(grads))
        rate = self.trust_coefficient * param_norm / (grad_norm + weight_decay * param_norm + self.eps)
        if self.clip:
            rate = (rate / group["lr"]).clamp(max=1)
        rate = torch.where(param_norm == 0, 1, rate)  # and weight_decay p adds nothing
        rate = torch.where(grad_norm == 0, 0, rate)  # takes the weight decay back out
        adapted = torch._foreach_add(grads, params, alpha=weight_decay)
        torch._foreach_mul_(adapted, rate.unbind())
        self._sgd(params, adapted, group["lr"], weight_decay=0.0)
