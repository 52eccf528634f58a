"""BatchNorm over the batches of all ranks."""

from functools import partial

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from feature_diversity.compute.ranks import gather, world_size


def synchronise(network: nn.Module) -> None:
    """Let every BatchNorm in the network, in training, normalise by mean and variance over all ranks.

    Parameters and the keys of the state stay. On GPUs PyTorch's own synchronised BatchNorm, which exists
    only there, takes their place. With one rank nothing changes.
    """
    if world_size() == 1:
        return
    if next(network.parameters()).is_cuda:
        nn.SyncBatchNorm.convert_sync_batchnorm(network)
        return
    for module in network.modules():
        if isinstance(module, _BatchNorm):
            module.forward = partial(synchronised, module, module.forward)


def synchronised(norm: _BatchNorm, alone: partial, x: Tensor) -> Tensor:
    """Compute this rank's part of what `norm` would make of all ranks' batches in one, with gradients.

    Args:
        norm: the BatchNorm, whose running statistics learn from the whole.
        alone: what `norm` does by itself, for evaluation.
        x: N x C or N x C x H x W, of the same shape on every rank.

    Returns:
        Normalised x, in its shape.
    """
    if not norm.training:
        return alone(x)
    others = [dimension for dimension in range(x.ndim) if dimension != 1]
    variance, mean = torch.var_mean(x, others, correction=0)
    variances, means = gather(torch.stack([variance, mean])[None]).unbind(dim=1)
    # the whole's variance is the mean of the parts' variances, and the variance of their means
    variance, mean = variances.mean(dim=0) + means.var(dim=0, correction=0), means.mean(dim=0)
    if norm.track_running_stats:
        with torch.no_grad():
            count = x.numel() // len(mean) * world_size()
            norm.num_batches_tracked += 1
            norm.running_mean.lerp_(mean, norm.momentum)
            norm.running_var.lerp_(variance * (count / (count - 1)), norm.momentum)
    shape = [-1 if dimension == 1 else 1 for dimension in range(x.ndim)]
    scale = norm.weight * torch.rsqrt(variance + norm.eps)
    return torch.addcmul((norm.bias - mean * scale).view(shape), x, scale.view(shape))
