import pytest
import timm
import torch
import torchvision
from support.golden_weights import golden_json

from feature_diversity.base.errors import InputError
from feature_diversity.commands import export
from feature_diversity.networks import model
from feature_diversity.networks.released import layouts as zoo
from feature_diversity.networks.resnet import resnet


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    """Export a random network; returns its trunk and the path of the file."""
    folder = tmp_path_factory.mktemp("export")

    def run(form, depth=50, width=1, norm="batchnorm"):
        torch.manual_seed(0)
        trunk = resnet(depth, width, norm).eval()
        for name, buffer in trunk.named_buffers():
            if name.endswith(("running_mean", "running_var")):
                buffer.uniform_(0.5, 1.5)
        network = {"algorithm": "simclr", "depth": depth, "width": width, "norm": norm, "seed": 0}
        facts = {"network": network, "head": None}
        model.write(folder / "model.safetensors", trunk, None, facts)
        output = folder / f"{form}.pth"
        output.unlink(missing_ok=True)
        export.main(["--model", str(folder / "model.safetensors"), "--format", form, "--output", str(output)])
        return trunk, output

    return run


def assert_same_function(ours, theirs):
    x = torch.randn(2, 3, 64, 64)
    with torch.no_grad():
        torch.testing.assert_close(theirs.eval()(x), ours(x))


def test_the_trunk_loads_into_torchvisions_resnet(exported):
    trunk, path = exported("torchvision")
    theirs = torchvision.models.resnet50()
    theirs.fc = torch.nn.Identity()
    theirs.load_state_dict(torch.load(path, weights_only=True), strict=True)
    assert_same_function(trunk, theirs)


def test_the_trunk_loads_into_timms_resnet(exported):
    trunk, path = exported("torchvision")
    theirs = timm.create_model("resnet50", num_classes=0)
    theirs.load_state_dict(torch.load(path, weights_only=True), strict=True)
    assert_same_function(trunk, theirs)


@pytest.mark.parametrize(("name", "keys"), golden_json("trunk_keys.json").items())
def test_the_keys_and_shapes_for_vissl_are_vissls(name, keys):
    depth, width, norm = name.split("_")
    with torch.device("meta"):
        trunk = resnet(int(depth[2:]), int(width[1:]), norm.lower()).state_dict()
    content = export.as_vissl(trunk)
    trunk = content["classy_state_dict"]["base_model"]["model"]["trunk"]
    assert {key: list(value.shape) for key, value in trunk.items()} == keys


def test_a_trunk_for_vissl_comes_back_as_it_was(exported):
    trunk, path = exported("vissl", 26, 1 / 16, "layernorm")
    back, head = zoo.load_released(path)
    assert head == {}
    torch.testing.assert_close(back, dict(trunk.state_dict()), rtol=0, atol=0)


@pytest.mark.parametrize(
    "shape", [(200, 1 / 16, "batchnorm"), (50, 1 / 16, "batchnorm"), (50, 1, "layernorm")]
)
def test_a_shape_that_torchvision_does_not_have_is_refused(exported, shape):
    with pytest.raises(InputError, match=r"torchvision has no ResNet-.*only 50, 101, 152 of width 1"):
        exported("torchvision", *shape)
