import subprocess
import sys

import numpy as np
import pytest
import torch
import torchvision
from support.golden_weights import golden_input, golden_json, golden_state
from torch import nn

from feature_diversity.networks.depths import BLOCKS
from feature_diversity.networks.resnet import LAYERS, fold_norms, parameter_count, resnet

torch.set_num_threads(1)

FEATURES = golden_json("trunk_features.json")


def assert_summary(actual: torch.Tensor, expected: dict, tolerance: float) -> None:
    """`actual` has the shape, moments and first values of `expected`, within a relative `tolerance`."""
    x = actual.detach().double().numpy()
    summary = {
        "mean": x.mean(),
        "std": x.std(),
        "l2": np.linalg.norm(x),
        "abs_max": np.abs(x).max(),
        "first": x.ravel()[: len(expected["first"])],
    }
    assert list(x.shape) == expected.get("shape", list(x.shape))
    for name, value in expected.items():
        if name != "shape":
            scale = summary["abs_max"] if name == "first" else np.abs(value)
            np.testing.assert_allclose(summary[name], value, rtol=0, atol=tolerance * scale, err_msg=name)


# --- against VISSL ---


@pytest.mark.parametrize(
    "case", golden_json("trunk_param_counts.json"), ids=lambda c: f"{c['depth']}-{c['width']}"
)
def test_parameter_counts_are_vissls(case):
    norm = case["norm"].lower()
    assert parameter_count(case["depth"], case["width"], norm) == case["trunk_params"]
    with torch.device("meta"):
        trunk = resnet(case["depth"], case["width"], norm)
    by_block = {name: sum(p.numel() for p in child.parameters()) for name, child in trunk.named_children()}
    assert by_block == case["by_block"]
    assert trunk.out_channels == case["out_channels"]
    assert len(trunk.state_dict()) == case["state_dict_tensors"]


@pytest.mark.parametrize(("name", "keys"), golden_json("trunk_keys.json").items())
def test_state_dict_keys_and_shapes_are_vissls(name, keys):
    depth, width, norm = name.split("_")
    with torch.device("meta"):
        trunk = resnet(int(depth.removeprefix("rn")), int(width.removeprefix("w")), norm.lower())
    shapes = {f"_feature_blocks.{key}": list(tensor.shape) for key, tensor in trunk.state_dict().items()}
    assert shapes == keys
    assert list(shapes) == list(keys)


@pytest.mark.parametrize(("name", "shapes"), golden_json("trunk_layer_shapes.json").items())
def test_layer_shapes_are_vissls(name, shapes):
    _, _, norm, size = name.split("_")
    side = int(size.removeprefix("in"))
    with torch.device("meta"):
        layers = resnet(50, 1, norm.lower()).forward_layers(torch.empty(2, 3, side, side), shapes)
    assert {layer: list(output.shape) for layer, output in layers.items()} == shapes


@pytest.mark.parametrize("case", FEATURES)
def test_golden_weights_and_input_are_drawn_as_vissls_were(case):
    golden = FEATURES[case]
    with torch.device("meta"):
        state = golden_state(resnet(50, 1, golden["norm"].lower()), golden["weight_seed"])
    draws = {"input": golden_input(golden["input_seed"], golden["input_shape"])} | state
    for key, check in (golden["recipe_check"] | {"input": golden["input_check"]}).items():
        assert draws[key].flatten()[:4].tolist() == check["first"]
        assert draws[key].double().sum().item() == pytest.approx(check["sum"], rel=1e-6)


@pytest.mark.parametrize("case", FEATURES)
@pytest.mark.parametrize(
    ("mode", "dtype", "tolerance"),
    [
        ("eval_float64", torch.float64, 1e-9),
        ("eval_float32", torch.float32, 1e-4),
        ("train_float64", torch.float64, 1e-9),
    ],
)
def test_layer_outputs_are_vissls(case, mode, dtype, tolerance):
    golden = FEATURES[case]
    trunk = resnet(50, 1, golden["norm"].lower())
    trunk.load_state_dict(golden_state(trunk, golden["weight_seed"]))
    trunk.to(dtype).train(mode.startswith("train"))
    with torch.no_grad():
        outputs = trunk.forward_layers(
            golden_input(golden["input_seed"], golden["input_shape"]).to(dtype), LAYERS
        )
    assert torch.equal(outputs.pop("trunk"), outputs["flatten"])
    for layer, output in outputs.items():
        assert_summary(output, golden[mode][layer], tolerance)
    if trunk.training:
        for key, expected in golden.get("running_stats_after_one_train_forward", {}).items():
            assert_summary(trunk.state_dict()[key], expected, tolerance)


def test_initialisation_is_vissls():
    torch.manual_seed(0)
    trunk = resnet(50)
    convolutions = {
        f"{name}.weight": m.weight for name, m in trunk.named_modules() if isinstance(m, nn.Conv2d)
    }
    golden = golden_json("trunk_default_init.json")["conv"]
    assert convolutions.keys() == golden.keys()
    for key, weight in convolutions.items():
        bound = golden[key]["bound_1_over_sqrt_fan_in"]
        # of n uniform values the largest misses the bound by about 1 / n, the deviation is off by 1 / sqrt(n)
        assert bound * (1 - 10 / weight.numel()) <= weight.abs().max() <= bound * (1 + 1e-6)
        assert weight.std().item() == pytest.approx(golden[key]["std"], rel=6 / weight.numel() ** 0.5)
    assert all(
        (m.weight == 1).all() and (m.bias == 0).all()
        for m in trunk.modules()
        if isinstance(m, nn.BatchNorm2d)
    )


# --- against torchvision ---


@pytest.mark.parametrize("depth", [14, 50, 101, 152, 200])
def test_same_function_as_torchvisions_network(depth):
    trunk = resnet(depth).double()  # float32's rounding would hide a small mistake in so many layers
    theirs = torchvision.models.ResNet(torchvision.models.resnet.Bottleneck, list(BLOCKS[depth])).double()
    theirs.fc = nn.Identity()
    theirs.load_state_dict(trunk.state_dict(), strict=True)
    x = torch.randn(2, 3, 64, 64, dtype=torch.float64)
    with torch.no_grad():
        torch.testing.assert_close(trunk(x), theirs(x))
        torch.testing.assert_close(trunk.state_dict(), theirs.state_dict())  # running statistics
        torch.testing.assert_close(trunk.eval()(x), theirs.eval()(x))


def test_same_gradients_as_torchvisions_network():
    trunk, theirs = resnet(50).double(), torchvision.models.resnet50().double()
    theirs.load_state_dict(trunk.state_dict(), strict=False)
    theirs.fc = nn.Identity()
    x = torch.randn(4, 3, 32, 32, dtype=torch.float64)
    for network in (trunk, theirs):
        network(x).square().sum().backward()
    gradients = dict(theirs.named_parameters())
    for name, parameter in trunk.named_parameters():
        torch.testing.assert_close(parameter.grad, gradients[name].grad, rtol=1e-6, atol=1e-6)


# --- what is ours ---


@pytest.mark.parametrize("norm", ["batchnorm", "layernorm"])
@pytest.mark.parametrize("width", [0.125, 0.25, 0.5, 1 / 64, 1.5])
def test_width_multiplies_every_channel_count(width, norm):
    with torch.device("meta"):
        narrow, full = resnet(26, width, norm), resnet(26, 1, norm)
    for ours, reference in zip(narrow.parameters(), full.parameters(), strict=True):
        channels = [n if n == 3 or axis > 1 else n * width for axis, n in enumerate(reference.shape)]
        assert list(ours.shape) == channels
    assert narrow.out_channels == 2048 * width
    assert isinstance(narrow.out_channels, int)


@pytest.mark.parametrize("width", [0, -1, 0.1, 1 / 128, float("nan"), float("inf")])
def test_width_without_a_whole_number_of_channels_is_refused(width):
    with pytest.raises(ValueError, match="64 x width must be a positive integer"):
        resnet(50, width)


def test_unknown_depth_and_norm_are_refused():
    with pytest.raises(ValueError, match="depth must be one of 14, 26, 50, 101, 152, 200, not 18"):
        resnet(18)
    with pytest.raises(ValueError, match="norm must be one of batchnorm, layernorm, not 'group'"):
        resnet(50, norm="group")


@pytest.fixture
def small():
    return resnet(14, 0.125).eval()


@pytest.fixture
def images():
    return torch.randn(2, 3, 32, 32)


def test_layers_come_in_network_order_and_equal_those_asked_for_alone(small, images):
    together = small.forward_layers(images, reversed(LAYERS))
    assert tuple(together) == LAYERS
    for layer, output in together.items():
        assert torch.equal(output, small.forward_layers(images, [layer])[layer])
    assert torch.equal(together["trunk"], small(images))


def test_recorded_layers_are_not_negative(small, images):
    assert all((output >= 0).all() for output in small.forward_layers(images, LAYERS).values())


def test_nothing_is_computed_beyond_the_last_layer_asked_for(small, images):
    small.layer3 = small.layer4 = None
    assert tuple(small.forward_layers(images, ["res3", "conv1"])) == ("conv1", "res3")
    assert small.forward_layers(images, []) == {}


def test_an_unknown_layer_is_named_beside_the_allowed_ones(small, images):
    with pytest.raises(ValueError, match="unknown layer res6: the layers are conv1, res2"):
        small.forward_layers(images, ["res2", "res6"])


@pytest.mark.parametrize("norm", ["batchnorm", "layernorm"])
def test_memory_format_does_not_change_the_features(norm, images):
    trunk = resnet(14, 0.125, norm).double().eval()
    expected = trunk(images.double())
    assert expected.dtype == torch.float64
    trunk.to(memory_format=torch.channels_last)
    actual = trunk(images.double().to(memory_format=torch.channels_last))
    torch.testing.assert_close(actual, expected)


@pytest.mark.parametrize("size", [32, 64])
@pytest.mark.parametrize("norm", ["batchnorm", "layernorm"])
def test_folding_its_norms_does_not_change_a_layer(norm, size):
    trunk = resnet(14, 0.125, norm)
    trunk.load_state_dict(golden_state(trunk, 3))
    trunk.double().eval()
    images = torch.randn(2, 3, size, size, dtype=torch.float64)
    expected = trunk.forward_layers(images, LAYERS)
    fold_norms(trunk)
    for layer, output in trunk.forward_layers(images, LAYERS).items():
        torch.testing.assert_close(output, expected[layer], rtol=1e-10, atol=1e-10)


def test_compiles_as_one_graph(small, images):
    compiled = torch.compile(small, backend="eager", fullgraph=True)
    torch.testing.assert_close(compiled(images), small(images))


def test_importing_the_network_does_not_import_torchvision():
    code = "import sys, feature_diversity.networks.resnet; sys.exit('torchvision' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
