"""VISSL's bottleneck ResNet: any depth and width, BatchNorm or LayerNorm, named layers."""

from collections.abc import Callable, Iterable, Iterator
from functools import partial

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from feature_diversity.networks.convolution import BatchNorm2d, Conv2d
from feature_diversity.networks.depths import BLOCKS

# VISSL's "LayerNorm": one group over (C, H, W) of each image, an affine per channel
NORMS: dict[str, Callable[[int], nn.Module]] = {
    "batchnorm": BatchNorm2d,
    "layernorm": partial(nn.GroupNorm, 1),
}

# In network order; VISSL's names, and this project's `trunk` for what the heads get (same as flatten)
LAYERS = ("conv1", "res2", "res3", "res4", "res5", "res5avg", "flatten", "trunk")


def resnet(depth: int, width: float = 1, norm: str = "batchnorm") -> "ResNet":
    """Make VISSL's ResNet trunk, without a classifier, with PyTorch's default initialisation.

    The keys of its `state_dict` are torchvision's, without `fc`.

    Args:
        depth: a key of `BLOCKS`.
        width: multiplies every channel count, also the stem's (torchvision's wide ResNets widen only the
            inner 3x3); fractions such as 0.125 are allowed.
        norm: a key of `NORMS`.

    Raises:
        ValueError: another depth or norm, or 64 x width is not a positive integer.
    """
    if depth not in BLOCKS:
        raise ValueError(f"depth must be one of {', '.join(map(str, BLOCKS))}, not {depth!r}")
    if norm not in NORMS:
        raise ValueError(f"norm must be one of {', '.join(NORMS)}, not {norm!r}")
    channels = float(64 * width)
    if not (channels >= 1 and channels.is_integer()):
        raise ValueError(
            f"64 x width must be a positive integer (width 0.125, 0.5, 2, ...), not width {width!r}"
        )
    return ResNet(BLOCKS[depth], int(channels), NORMS[norm])


def parameter_count(depth: int, width: float = 1, norm: str = "batchnorm") -> int:
    """Count the trainable parameters of `resnet(depth, width, norm)` without allocating them."""
    with torch.device("meta"):
        return sum(parameter.numel() for parameter in resnet(depth, width, norm).parameters())


def fold_norms(trunk: "ResNet") -> None:
    """Put each BatchNorm of a trunk in eval mode into the convolution before it.

    The features stay the same but for rounding, and the CPU needs about four fifths of the time. LayerNorm
    depends on the image and stays where it is.
    """
    pairs = [(trunk, "conv1", "bn1")]
    for block in trunk.blocks():
        pairs += [(block, f"conv{number}", f"bn{number}") for number in (1, 2, 3)]
        pairs += [(block.downsample, "0", "1")] if block.downsample else []
    for parent, convolution, norm in pairs:
        if isinstance(getattr(parent, norm), BatchNorm2d):
            folded = fuse_conv_bn_eval(getattr(parent, convolution), getattr(parent, norm))
            setattr(parent, convolution, folded)
            setattr(parent, norm, nn.Identity())


class Bottleneck(nn.Module):
    """1x1, 3x3, 1x1 convolutions around a shortcut (He et al. 2016); the stride is on the 3x3."""

    expansion = 4

    def __init__(self, in_channels: int, channels: int, stride: int, norm: Callable[[int], nn.Module]):
        super().__init__()
        out_channels = self.expansion * channels
        self.conv1 = Conv2d(in_channels, channels, 1, bias=False)
        self.bn1 = norm(channels)
        self.conv2 = Conv2d(channels, channels, 3, stride, padding=1, bias=False)
        self.bn2 = norm(channels)
        self.conv3 = Conv2d(channels, out_channels, 1, bias=False)
        self.bn3 = norm(out_channels)
        self.downsample = None
        if stride != 1 or in_channels != out_channels:
            projection = Conv2d(in_channels, out_channels, 1, stride, bias=False)
            self.downsample = nn.Sequential(projection, norm(out_channels))

    def forward(self, x: Tensor) -> Tensor:
        """Map N x in_channels x H x W to N x 4 channels x H / stride x W / stride."""
        shortcut = x if self.downsample is None else self.downsample(x)
        x = F.relu(self.bn1(self.conv1(x)), inplace=True)
        x = F.relu(self.bn2(self.conv2(x)), inplace=True)
        x = self.bn3(self.conv3(x))
        x += shortcut
        return F.relu(x, inplace=True)


class ResNet(nn.Module):
    """A trunk made by `resnet`. Always a 7x7 stride-2 stem and a max-pool, also for 32x32 images.

    Args:
        blocks: bottlenecks in each of the four stages.
        channels: of the stem.
        norm: channels -> module.

    Attributes:
        out_channels: length C of the pooled features, 2048 x width.
    """

    def __init__(self, blocks: tuple[int, int, int, int], channels: int, norm: Callable[[int], nn.Module]):
        super().__init__()
        self.conv1 = Conv2d(3, channels, 7, stride=2, padding=3, bias=False)
        self.bn1 = norm(channels)
        self.layer1 = _stage(channels, channels, blocks[0], 1, norm)
        self.layer2 = _stage(4 * channels, 2 * channels, blocks[1], 2, norm)
        self.layer3 = _stage(8 * channels, 4 * channels, blocks[2], 2, norm)
        self.layer4 = _stage(16 * channels, 8 * channels, blocks[3], 2, norm)
        self.out_channels = 32 * channels

    def blocks(self) -> list[Bottleneck]:
        """List all bottlenecks in network order."""
        return [block for stage in (self.layer1, self.layer2, self.layer3, self.layer4) for block in stage]

    def forward(self, x: Tensor) -> Tensor:
        """Compute pooled features, N x C, of images N x 3 x H x W (H, W of 32 or more; any floating type)."""
        return self.forward_layers(x, ("trunk",))["trunk"]

    def forward_layers(self, x: Tensor, layers: Iterable[str]) -> dict[str, Tensor]:
        """Compute the outputs of the named layers in one forward that ends at the last of them.

        Args:
            x: N x 3 x H x W, any floating type.
            layers: some of `LAYERS`.

        Returns:
            In network order: conv1 (after norm and ReLU, before the max-pool) and res2 to res5 (each stage
            after its last ReLU), N x channels x height x width; res5avg, N x C x 1 x 1; flatten and trunk,
            N x C.

        Raises:
            ValueError: a name that is not in `LAYERS`.
        """
        wanted = set(layers)
        if unknown := sorted(wanted.difference(LAYERS)):
            raise ValueError(f"unknown layer {', '.join(unknown)}: the layers are {', '.join(LAYERS)}")
        outputs = {}
        steps = self._steps(x)
        while len(outputs) < len(wanted):
            name, output = next(steps)
            if name in wanted:
                outputs[name] = output
        return outputs

    def _steps(self, x: Tensor) -> Iterator[tuple[str, Tensor]]:
        """(name, output) of each of `LAYERS`, computed only when asked for."""
        x = F.relu(self.bn1(self.conv1(x)), inplace=True)
        yield "conv1", x
        x = self.layer1(F.max_pool2d(x, 3, stride=2, padding=1))
        yield "res2", x
        x = self.layer2(x)
        yield "res3", x
        x = self.layer3(x)
        yield "res4", x
        x = self.layer4(x)
        yield "res5", x
        x = F.adaptive_avg_pool2d(x, 1)
        yield "res5avg", x
        x = x.flatten(1)
        yield "flatten", x
        yield "trunk", x


def _stage(
    in_channels: int, channels: int, blocks: int, stride: int, norm: Callable[[int], nn.Module]
) -> nn.Sequential:
    first = Bottleneck(in_channels, channels, stride, norm)
    rest = (Bottleneck(Bottleneck.expansion * channels, channels, 1, norm) for _ in range(blocks - 1))
    return nn.Sequential(first, *rest)
