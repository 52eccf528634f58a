"""Convolution and BatchNorm that are also fast on the CPU where an image has few pixels left.

Deep stages see 1 x 1 to 4 x 4 pixels of a 32 x 32 image. There, PyTorch's convolution spends most of
its time on padding, and its BatchNorm on strides. Both modules are PyTorch's in all but speed.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

FEW = 4  # pixels a side of the output up to which one matrix product is the faster 1 x 1 convolution


class Conv2d(nn.Conv2d):
    """`torch.nn.Conv2d`; square kernels of 1 or of 3 with padding 1 are matrix products on small maps."""

    def forward(self, x: Tensor) -> Tensor:
        """Map N x C x H x W as `torch.nn.Conv2d` does."""
        size, stride = x.shape[-1], self.stride[0]
        plain = self.groups == 1 and self.stride == (stride, stride)
        if x.device.type == "cpu" and x.dtype == self.weight.dtype and x.shape[-2] == size and plain:
            shape = (self.kernel_size, self.padding, self.dilation)
            if shape == ((1, 1), (0, 0), (1, 1)) and size <= FEW * stride:
                x = x[:, :, ::stride, ::stride].permute(0, 2, 3, 1)
                return F.linear(x, self.weight.flatten(1), self.bias).permute(0, 3, 1, 2)
            if shape == ((3, 3), (1, 1), (1, 1)) and size <= 2 and stride <= 2:
                x = _EveryPixel.apply(x, self.weight, stride)
                return x if self.bias is None else x + self.bias[:, None, None]
        return super().forward(x)


class BatchNorm2d(nn.BatchNorm2d):
    """`torch.nn.BatchNorm2d`."""

    def forward(self, x: Tensor) -> Tensor:
        """Map N x C x H x W as `torch.nn.BatchNorm2d` does."""
        if x.shape[2:] == (1, 1):
            return nn.BatchNorm1d.forward(self, x.flatten(1))[:, :, None, None]
        return super().forward(x)

    def _check_input_dim(self, x: Tensor) -> None:
        if x.ndim not in (2, 4):
            raise ValueError(f"expected images, N x C x H x W, not {x.ndim} dimensions")


class _EveryPixel(torch.autograd.Function):
    """3 x 3 convolution, padding 1, of maps so small that each output pixel sees every input pixel.

    So it is one matrix product with each pixel's window of the kernel. x: N x C x S x S, S of 1 or 2.
    """

    @staticmethod
    def forward(ctx, x: Tensor, weight: Tensor, stride: int) -> Tensor:
        rows = x.permute(0, 2, 3, 1).flatten(1)
        matrix = torch.cat([window.permute(0, 2, 3, 1).flatten(1) for window in _windows(weight, x, stride)])
        ctx.save_for_backward(rows, matrix)
        ctx.x, ctx.weight, ctx.stride = x.to("meta"), weight.to("meta"), stride
        side = -(-x.shape[-1] // stride)
        return (rows @ matrix.mT).unflatten(1, (side, side, -1)).permute(0, 3, 1, 2)

    @staticmethod
    def backward(ctx, gradient: Tensor) -> tuple[Tensor, Tensor, None]:
        rows, matrix = ctx.saved_tensors
        _, channels, size, _ = ctx.x.shape
        gradient = gradient.permute(0, 2, 3, 1).flatten(1)
        for_x = (gradient @ matrix).unflatten(1, (size, size, channels)).permute(0, 3, 1, 2)
        # as zeros_like, which loads sympy for a tensor without content: half a second
        like, place = ctx.weight, {"dtype": ctx.weight.dtype, "device": gradient.device}
        for_weight = torch.empty_strided(like.shape, like.stride(), **place).zero_()
        parts = (gradient.mT @ rows).split(len(for_weight))
        for window, part in zip(_windows(for_weight, for_x, ctx.stride), parts, strict=True):
            window += part.unflatten(1, (size, size, channels)).permute(0, 3, 1, 2)
        return for_x, for_weight, None


def _windows(weight: Tensor, x: Tensor, stride: int) -> list[Tensor]:
    """For each output pixel, the part of the kernel that lies on the image."""
    size = x.shape[-1]
    starts = range(1, 1 - size, -stride)  # where an output pixel's window begins in the kernel
    return [weight[:, :, i : i + size, j : j + size] for i in starts for j in starts]
