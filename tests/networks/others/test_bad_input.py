"""Whatever happens, the network is left as it was, and bad input ends in one message."""

import math

import pytest
import torch
from torch import nn

from feature_diversity import measure
from feature_diversity.base.errors import InputError

LAYERS = ["layer1.1", "avgpool", "fc"]


def state_of(model):
    return (
        [module.training for module in model.modules()],
        [len(module._forward_hooks) for module in model.modules()],
        {name: tensor.clone() for name, tensor in model.state_dict().items()},
        [parameter.requires_grad for parameter in model.parameters()],
    )


def assert_unchanged(model, before):
    after = state_of(model)
    assert after[:2] == before[:2]
    assert after[3] == before[3]
    assert all(torch.equal(after[2][name], tensor) for name, tensor in before[2].items())


@pytest.fixture
def mixed(resnet):
    """In training mode but for one BatchNorm, with a hook of its own."""
    resnet.train()
    resnet.bn1.eval()
    handle = resnet.fc.register_forward_hook(lambda module, inputs, output: None)
    yield resnet
    handle.remove()


def test_a_network_keeps_its_modes_hooks_and_statistics(mixed, images):
    before = state_of(mixed)
    measure(mixed, images, LAYERS)
    assert_unchanged(mixed, before)
    assert torch.is_grad_enabled()


def nan_in(images, row):
    damaged = images.clone()
    damaged[row] = math.nan
    return damaged


BAD = [
    (lambda x: x[:1], {}, "images: 1 found, expected two or more"),
    (lambda x: x[:0], {}, "images: 0 found, expected two or more"),
    (lambda x: nan_in(x, 7), {"batch_size": 5}, "layer layer1.1: image 7 is not finite: it has nan"),
    (lambda x: x[:1].repeat(4, 1, 1, 1), {}, "layer layer1.1, reading flatten: the features are constant"),
    (lambda x: (x * 9).byte(), {}, "images are torch.uint8, expected floats"),
    (lambda x: x[:, :1], {}, r"the model fails on float32 images of shape \(12, 1, 32, 32\) on cpu: "),
    (lambda x: {"pixels": x}, {}, "images is dict, expected a tensor"),
    (lambda x: 3, {}, "images is int, expected a tensor"),
    (lambda x: "nowhere", {}, "nowhere does not exist, expected a folder of images"),
    (lambda x: [{"pixels": x[0]}], {}, "images come as dict, expected a tensor"),
    (
        lambda x: iter([x[:6], x[6:, :, :16]]),
        {},
        r"layer layer1.1 gives \(64, 4, 8\) an image, expected \(64, 8",
    ),
    (lambda x: x, {"readings": ["pooled"]}, r"readings is \['pooled'\], expected a list of some of flatten"),
    (lambda x: x, {"readings": ["gap", "gap"]}, r"readings is \['gap', 'gap'\], expected a list"),
    (lambda x: x, {"powers": []}, r"powers is \[\], expected one or more"),
    (lambda x: x, {"readings": "gap"}, "readings is 'gap', expected a list"),
    (lambda x: x, {"powers": [-1]}, r"powers is \[-1\], expected one or more finite numbers >= 0"),
    (lambda x: x, {"tokens": "first"}, "tokens is 'first', expected one of cls, mean, patches"),
    (lambda x: x, {"batch_size": 0}, "batch_size is 0"),
    (lambda x: x, {"transform": torch.neg}, "transform is for a folder"),
    (lambda x: x, {"layers": ["layer9"]}, "layer 'layer9' does not exist"),
]


@pytest.mark.parametrize(("change", "options", "message"), BAD)
def test_bad_input_is_one_message_and_the_network_unchanged(mixed, images, change, options, message):
    before = state_of(mixed)
    with pytest.raises(InputError, match=message):
        measure(mixed, change(images), **({"layers": LAYERS} | options))
    assert_unchanged(mixed, before)


def test_folders_without_images_and_damaged_files_are_named(resnet, tmp_path):
    with pytest.raises(InputError, match="has no images, expected files that end in "):
        measure(resnet, tmp_path)
    (tmp_path / "broken.png").write_bytes(b"no image")
    with pytest.raises(InputError, match=r"broken\.png is not an image"):
        measure(resnet, tmp_path)


class Odd(nn.Module):
    """Layers that return what cannot be measured, and one that is never called."""

    def __init__(self):
        super().__init__()
        self.pair, self.table, self.whole, self.wide, self.number = (Returns(kind) for kind in KINDS)
        self.unused = nn.Linear(3, 3)
        self.weight = nn.Parameter(torch.ones(1))

    def forward(self, x):
        for layer in (self.pair, self.table, self.whole, self.wide, self.number):
            layer(x)
        return x


KINDS = [
    lambda x: (x, x),
    lambda x: {"x": x},
    lambda x: x.long(),
    lambda x: x[:, None, None, None, :],
    lambda x: x.sum(),
]


class Returns(nn.Module):
    def __init__(self, kind):
        super().__init__()
        self.kind = kind

    def forward(self, x):
        return self.kind(x)


@pytest.mark.parametrize(
    ("layer", "message"),
    [
        ("pair", "layer pair returns a tuple, expected one tensor"),
        ("table", "layer table returns a dict, expected one tensor"),
        ("whole", "layer whole returns torch.int64, expected floats"),
        ("wide", r"layer wide returns shape \(6, 1, 1, 1, 3\), expected N x C x H x W"),
        ("number", r"layer number returns shape \(\) for 6 images"),
        ("unused", "layer unused is never called"),
    ],
)
def test_outputs_that_are_no_features_are_named(layer, message):
    model = Odd().train()
    before = state_of(model)
    with pytest.raises(InputError, match=message):
        measure(model, torch.eye(6, 3), layer)
    assert_unchanged(model, before)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, "the model does not tell how many stand for no patch"),
        ({"tokens": "cls", "prefix_tokens": 0}, "tokens is 'cls', but there is no prefix"),
        ({"tokens": "patches", "prefix_tokens": 7}, "returns 7 tokens, expected more than 7, the prefix"),
    ],
)
def test_prefix_tokens_that_do_not_fit_are_named(transformer, patches, options, message):
    with pytest.raises(InputError, match=message):
        measure(transformer, patches, "encoder.layers.1", **options)


def test_a_network_without_weights_is_named():
    with pytest.raises(InputError, match="the model is on the device meta"):
        measure(nn.Sequential(nn.Linear(3, 3, device="meta"), nn.ReLU()), torch.eye(6, 3))
