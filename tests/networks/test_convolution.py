import pytest
import torch
import torch.nn.functional as F
from torch import nn

from feature_diversity.networks.convolution import BatchNorm2d, Conv2d


def images(*shape: int) -> torch.Tensor:
    """Random images in float64, channels last, that want a gradient."""
    torch.manual_seed(0)
    x = torch.randn(*shape, dtype=torch.float64)
    return x.to(memory_format=torch.channels_last).requires_grad_()


def assert_same(ours: torch.Tensor, theirs: torch.Tensor, *inputs: torch.Tensor) -> None:
    """Equal outputs, and equal gradients of a random weighting of them."""
    torch.testing.assert_close(ours, theirs, rtol=1e-12, atol=1e-12)
    weights = torch.randn_like(theirs)
    for one, other in zip(*(torch.autograd.grad(y, inputs, weights) for y in (ours, theirs)), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("kernel", [1, 3, 7])
@pytest.mark.parametrize("size", [1, 2, 3, 4, 8, 9])
@pytest.mark.parametrize("stride", [1, 2])
def test_a_convolution_is_torchs(kernel, size, stride):
    layer = Conv2d(5, 7, kernel, stride, padding=kernel // 2, bias=False).double()
    x = images(3, 5, size, size)
    assert_same(layer(x), F.conv2d(x, layer.weight, None, stride, kernel // 2), x, layer.weight)


@pytest.mark.parametrize(
    ("options", "shape"),
    [
        ({"kernel_size": 1}, (2, 2)),
        ({"kernel_size": 3, "padding": 1}, (2, 2)),
        ({"kernel_size": 3, "bias": False}, (3, 3)),
        ({"kernel_size": 1, "bias": False, "padding": 1}, (2, 2)),
        ({"kernel_size": 3, "bias": False, "padding": 1, "groups": 2}, (2, 2)),
        ({"kernel_size": 3, "bias": False, "padding": 1}, (2, 1)),
        ({"kernel_size": 1, "bias": False, "stride": 3}, (4, 4)),
        ({"kernel_size": 1, "bias": False, "stride": (1, 2)}, (4, 4)),
    ],
)
def test_an_unusual_convolution_is_torchs_as_well(options, shape):
    layer = Conv2d(4, 6, **options).double()
    x = images(3, 4, *shape)
    assert_same(layer(x), nn.Conv2d.forward(layer, x), x, layer.weight)


def test_the_weights_have_torchs_names_and_start():
    torch.manual_seed(0)
    ours = Conv2d(4, 6, 3).state_dict()
    torch.manual_seed(0)
    theirs = nn.Conv2d(4, 6, 3).state_dict()
    assert all(torch.equal(ours[key], theirs[key]) for key in theirs)


@pytest.mark.parametrize("size", [1, 2])
@pytest.mark.parametrize("mode", ["train", "eval"])
def test_batchnorm_is_torchs(size, mode):
    ours, theirs = (getattr(norm(5).double(), mode)() for norm in (BatchNorm2d, nn.BatchNorm2d))
    x = images(6, 5, size, size)
    assert_same(ours(x), theirs(x), x)
    for key, value in theirs.state_dict().items():
        torch.testing.assert_close(ours.state_dict()[key], value)


def test_batchnorm_refuses_what_are_no_images():
    with pytest.raises(ValueError, match="expected images, N x C x H x W, not 3 dimensions"):
        BatchNorm2d(5)(torch.zeros(2, 5, 3))
