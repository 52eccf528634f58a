"""Small networks with random weights, and what passes through them."""

import pytest
import torch
import torchvision
from torch import nn


@pytest.fixture(scope="module")
def resnet():
    torch.manual_seed(0)
    return torchvision.models.resnet18(num_classes=7)


@pytest.fixture(scope="module")
def images():
    return torch.randn(12, 3, 32, 32, generator=torch.Generator().manual_seed(1))


class Tokens(nn.Module):
    """A class token and another prefix token before five patches, then an encoder."""

    def __init__(self):
        super().__init__()
        self.prefix = nn.Parameter(torch.randn(1, 2, 8))
        layer = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True)
        self.encoder = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)

    def forward(self, x):
        return self.encoder(torch.cat([self.prefix.expand(len(x), -1, -1), x], dim=1))


@pytest.fixture(scope="module")
def transformer():
    torch.manual_seed(0)
    return Tokens()


@pytest.fixture(scope="module")
def patches():
    return torch.randn(9, 5, 8, generator=torch.Generator().manual_seed(2))
