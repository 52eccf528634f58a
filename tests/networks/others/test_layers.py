import pytest
import torchvision
from torch import nn

from feature_diversity.base.errors import InputError
from feature_diversity.networks.others.layers import automatic, blocks, choose


def test_a_resnet_is_a_sequence_of_residual_blocks():
    names = list(blocks(torchvision.models.resnet18()))
    residual = [f"layer{stage}.{block}" for stage in (1, 2, 3, 4) for block in (0, 1)]
    assert names == ["conv1", "bn1", "relu", "maxpool", *residual, "avgpool", "fc"]


def test_auto_takes_the_end_of_each_fifth_and_the_last():
    assert automatic(torchvision.models.resnet18()) == [
        *("relu", "layer1.1", "layer2.1", "layer4.0", "avgpool", "fc")
    ]
    assert automatic(nn.Sequential(*[nn.Linear(2, 2) for _ in range(11)])) == ["1", "3", "5", "7", "9", "10"]
    assert automatic(nn.Sequential(nn.Linear(2, 2), nn.Dropout(), nn.Linear(2, 2))) == ["0", "2"]
    assert automatic(nn.Sequential(nn.Linear(2, 2))) == ["0"]


def test_a_transformer_is_a_sequence_of_encoder_layers():
    vit = torchvision.models.VisionTransformer(
        image_size=8, patch_size=4, num_layers=2, num_heads=1, hidden_dim=4, mlp_dim=4, num_classes=3
    )
    encoder = [f"encoder.layers.encoder_layer_{i}" for i in (0, 1)]
    assert list(blocks(vit)) == ["conv_proj", *encoder, "encoder.ln", "heads.head"]


@pytest.mark.parametrize(
    ("layers", "message"),
    [
        ("layer5", "layer 'layer5' does not exist in the model; nearest: layer"),
        (["fc", "layer4.0.conv9"], "'layer4.0.conv9' does not exist in the model; nearest: layer4.0.conv"),
        (["fc", "fc"], "names fc twice"),
        ([], "layers is empty"),
    ],
)
def test_layers_that_cannot_be_measured_are_named(layers, message):
    with pytest.raises(InputError, match=message):
        choose(torchvision.models.resnet18(), layers)


@pytest.mark.parametrize("layers", ["auto", "fc"])
def test_a_network_without_layers_has_none_to_choose(layers):
    with pytest.raises(InputError, match="no layers"):
        choose(nn.ReLU(), layers)
