"""How VISSL's recipes optimise: learning-rate schedules, parameter groups, LARC."""

import math
from collections.abc import Iterable, Sequence

import torch
from torch import nn

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
) -> torch.optim.Optimizer:
    """The optimiser "sgd" or "larc" over `groups` (from `parameter_groups`).

    Its learning rate is 0 until the training loop sets `group["lr"]` of every group, before each step.
    Raises ValueError for another optimiser.
    """
    if optimizer == "sgd":
        return torch.optim.SGD(groups, lr=0.0, momentum=momentum, nesterov=nesterov)
    if optimizer == "larc":
        return LARC(
            groups,
            lr=0.0,
            momentum=momentum,
            nesterov=nesterov,
            trust_coefficient=trust_coefficient,
            clip=larc_clip,
        )
    raise ValueError(f"optimizer must be larc or sgd, not {optimizer!r}")


class LARC(torch.optim.Optimizer):
    """SGD with momentum and a rate of its own for each tensor (You et al. 2017, as NVIDIA apex has it).

    The gradient g of a parameter p becomes a (g + weight_decay p), with
    a = trust_coefficient |p| / (|g| + weight_decay |p| + eps); with `clip`, a is min(a / lr, 1), so that
    the rate never exceeds lr. Where p or g is all zeros, g enters as it is, without weight decay.
    The defaults are VISSL's. Nothing waits for the device. All parameters of a group are on one device.
    """

    def __init__(
        self,
        params: Iterable[torch.Tensor] | Iterable[dict],
        lr: float,
        *,
        momentum: float = 0.9,
        nesterov: bool = False,
        weight_decay: float = 0.0,
        trust_coefficient: float = 0.001,
        clip: bool = False,
        eps: float = 1e-8,
    ):
        defaults = {
            "lr": lr,
            "momentum": momentum,
            "nesterov": nesterov,
            "weight_decay": weight_decay,
            "trust_coefficient": trust_coefficient,
            "clip": clip,
            "eps": eps,
        }
        super().__init__(params, defaults)

    @torch.no_grad()
    def step(self) -> None:
        """Update every parameter that has a gradient; the gradients stay as they are."""
        for group in self.param_groups:
            params = [parameter for parameter in group["params"] if parameter.grad is not None]
            if params:
                self._step_group(group, params)

    def _step_group(self, group: dict, params: list[torch.Tensor]) -> None:
        grads = _adapted_gradients(params, group)
        for parameter in params:
            # a buffer of zeros is SGD's usual start: after one step it holds the first gradient
            if "momentum_buffer" not in self.state[parameter]:
                self.state[parameter]["momentum_buffer"] = torch.zeros_like(parameter)
        buffers = [self.state[parameter]["momentum_buffer"] for parameter in params]
        torch._foreach_mul_(buffers, group["momentum"])
        torch._foreach_add_(buffers, grads)
        if group["nesterov"]:
            torch._foreach_add_(grads, buffers, alpha=group["momentum"])
        else:
            grads = buffers
        torch._foreach_add_(params, grads, alpha=-group["lr"])


def _adapted_gradients(params: list[torch.Tensor], group: dict) -> list[torch.Tensor]:
    """New tensors a (g + weight_decay p), a gradient left as it is where p or g is all zeros."""
    weight_decay = group["weight_decay"]
    grads = [parameter.grad for parameter in params]
    param_norm = torch.stack(torch._foreach_norm(params))
    grad_norm = torch.stack(torch._foreach_norm(grads))
    rate = group["trust_coefficient"] * param_norm / (grad_norm + weight_decay * param_norm + group["eps"])
    if group["clip"]:
        rate = (rate / group["lr"]).clamp(max=1)
    rate = torch.where(param_norm == 0, 1, rate)  # and weight_decay p adds nothing
    rate = torch.where(grad_norm == 0, 0, rate)  # takes the weight decay back out
    adapted = torch._foreach_add(grads, params, alpha=weight_decay)
    torch._foreach_mul_(adapted, rate.unbind())
    return adapted
