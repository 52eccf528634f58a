"""Estimated costs beside what torch counts."""

import pytest
import torch
from support.golden_weights import golden_json
from torch.autograd.graph import saved_tensors_hooks
from torch.utils.flop_counter import FlopCounterMode

from feature_diversity.algorithms import Batch, build
from feature_diversity.data.sizes import extraction_batch
from feature_diversity.evaluation import features as extract
from feature_diversity.networks.resnet import resnet
from feature_diversity.planning import cost
from feature_diversity.planning.recipe import algorithms, recipe

NETWORKS = [(14, 0.25, 32), (26, 0.125, 47), (50, 0.25, 96)]


@pytest.mark.parametrize("golden", golden_json("trunk_param_counts.json"), ids=str)
def test_parameters_are_vissls(golden):
    assert cost.parameters(golden["depth"], golden["width"]) == golden["trunk_params"]


@pytest.mark.parametrize(("depth", "width", "size"), [*NETWORKS, (50, 1, 224), (200, 4, 64)])
def test_operations_are_those_that_torch_counts(depth, width, size):
    with torch.device("meta"), FlopCounterMode(display=False) as counter:
        resnet(depth, width).eval()(torch.empty(1, 3, size, size))
    assert cost.forward_operations(depth, width, size) == counter.get_total_flops()


def kept_by_autograd(trunk: torch.nn.Module, size: int, images: int = 8) -> float:
    """Numbers of four bytes that a forward pass keeps besides weights and images, for one image."""
    weights = {parameter.data_ptr() for parameter in trunk.parameters()}
    kept = {}

    def note(tensor: torch.Tensor) -> torch.Tensor:
        if tensor.data_ptr() not in weights:
            kept[tensor.data_ptr()] = tensor.numel() * tensor.element_size()
        return tensor

    with saved_tensors_hooks(note, lambda tensor: tensor):
        trunk(torch.randn(images, 3, size, size))
    return sum(kept.values()) / 4 / images - 3 * size**2


@pytest.mark.parametrize(("depth", "width", "size"), [(14, 0.25, 192), (26, 0.125, 224), (50, 0.125, 224)])
@pytest.mark.parametrize("norm", ["batchnorm", "layernorm"])
def test_what_the_backward_pass_needs_is_what_autograd_keeps(depth, width, size, norm):
    kept = kept_by_autograd(resnet(depth, width, norm), size)
    # norms keep some numbers for each channel, too
    assert kept == pytest.approx(cost.kept_values(depth, width, size), rel=0.03)


@pytest.mark.parametrize(("depth", "width", "size"), NETWORKS)
@pytest.mark.parametrize("norm", ["batchnorm", "layernorm"])
def test_of_small_images_autograd_keeps_little_more(depth, width, size, norm):
    kept = kept_by_autograd(resnet(depth, width, norm), size)
    # where few pixels are left, convolutions keep the matrix that they are computed with
    assert 1 <= kept / cost.kept_values(depth, width, size) < 1.3


@pytest.mark.parametrize("algorithm", algorithms())
@pytest.mark.parametrize("small_images", [False, True])
def test_views_are_those_that_the_algorithm_makes(algorithm, small_images):
    options = recipe(algorithm, small_images=small_images)
    size = 32 if small_images else 224
    batch = Batch(torch.rand(2, 3, size, size), torch.zeros(2, dtype=torch.int64), torch.arange(2), size)
    with torch.device("meta"):  # weights play no part
        built = build(algorithm, options, 8, 40_000, 10)
    inputs, _ = built.views(batch, torch.Generator().manual_seed(0))
    expected = [(2 * count, side) for count, side in cost.views(algorithm, options, size)]
    assert sorted((len(x), x.shape[-1]) for x in inputs) == sorted(expected)


def test_features_are_those_that_the_network_gives():
    layers = ["conv1", "res2", "res3", "res4", "res5", "trunk"]
    features = resnet(14, 0.25).eval().forward_layers(torch.randn(1, 3, 47, 47), layers)
    for layer in layers:
        assert cost.feature_values(14, 0.25, 47, [layer]) == features[layer].numel()


@pytest.mark.parametrize("size", [32, 64, 224, 2000])
def test_the_extractions_batches_are_those_that_its_memory_is_reckoned_with(size):
    images = torch.zeros(1, 1, size, size, dtype=torch.uint8).expand(300, -1, -1, -1)
    assert len(next(extract.batches(images))[1]) == extraction_batch(size**2)


@pytest.mark.parametrize("algorithm", [name for name in algorithms() if "projector" in recipe(name)])
def test_operations_of_a_head_are_those_that_torch_counts(algorithm):
    options = recipe(algorithm, small_images=True)
    with torch.device("meta"), FlopCounterMode(display=False) as counter:
        built = build(algorithm, options, 64, 40_000, 10).eval()
        z = built.head(torch.empty(1, 64))
        for part in ("predictor", "prototypes"):
            if part in dict(built.named_children()):
                getattr(built, part)(z)
    assert 2 * cost.head_parameters(options, 64) == counter.get_total_flops()


@pytest.mark.parametrize("algorithm", algorithms())
def test_a_network_that_follows_costs_a_forward_pass_more(algorithm):
    options = recipe(algorithm, small_images=True)
    with torch.device("meta"):
        built = build(algorithm, options, 64, 40_000, 10)
    followers = sum(type(part).__name__ == "MomentumNetwork" for part in built.children())
    once = sum(
        n * (cost.forward_operations(14, 0.25, side) + 2 * cost.head_parameters(options, 512))
        for n, side in cost.views(algorithm, options, 32)
    )
    counted = cost.training_operations(algorithm, 14, 0.25, options, images=100, size=32, epochs=7)
    assert counted == (3 + followers) * 7 * 100 * once
