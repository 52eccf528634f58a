"""The commands `layers` and `measure`, run as people run them."""

import pandas as pd
import pytest
import timm
import torch
import torchvision
from safetensors.torch import save_file
from support.pictures import picture

from feature_diversity import measure as measured
from feature_diversity.base.errors import InputError
from feature_diversity.commands import layers, measure
from feature_diversity.networks import model
from feature_diversity.networks.others.sources import network
from feature_diversity.networks.resnet import resnet


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """One ResNet-50 as this package, torchvision and timm write it, and pictures."""
    folder = tmp_path_factory.mktemp("networks")
    torch.manual_seed(0)
    trunk = resnet(50).eval()
    facts = {"network": {"algorithm": "simclr", "depth": 50, "width": 1, "norm": "batchnorm", "seed": 0}}
    model.write(folder / "model.safetensors", trunk, None, facts | {"head": None})
    classifier = {"fc.weight": torch.randn(9, 2048), "fc.bias": torch.zeros(9)}
    torch.save(trunk.state_dict() | classifier, folder / "torchvision.pth")
    theirs = timm.create_model("resnet50")
    theirs.load_state_dict(trunk.state_dict(), strict=False)
    save_file(theirs.state_dict(), folder / "timm.safetensors")
    (folder / "pictures").mkdir()
    for seed in range(6):
        picture(seed).save(folder / "pictures" / f"{seed}.png")
    return folder


def test_one_network_from_three_kinds_of_file_has_one_table(files, capsys):
    images = files / "pictures"
    names = ["layer1.0", "layer4.2"]
    arguments = ["--images", str(images), "--layers", ",".join(names)]
    ours, theirs = files / "model.safetensors", files / "torchvision.pth"
    output = files / "table.csv"
    measure.main([str(ours), str(theirs), *arguments, "--output", str(output)])
    told = capsys.readouterr().out
    assert [line.split()[:2] for line in told.splitlines()].count(["layer4.2", "gap"]) == 2
    assert f"{ours}: 6 images" in told
    assert told.count("note: 6 images: standard errors need 20, two in each of 10 groups") == 2
    assert f"{output}: all measures" in told
    table = pd.read_csv(output)
    assert list(table.model.unique()) == [str(ours), str(theirs)]
    timms = network(str(files / "timm.safetensors"), "timm:resnet50")
    expected = measured(timms, images, names, readings=["gap"])
    for _, part in table.groupby("model"):
        part = part.drop(columns="model").reset_index(drop=True)
        pd.testing.assert_frame_equal(part, expected, rtol=1e-6, atol=1e-6)


def test_a_page_has_the_chart_and_the_notes(files):
    page = files / "page.html"
    arguments = ["--images", str(files / "pictures"), "--layers", "layer4.2", "--html", str(page)]
    measure.main([str(files / "model.safetensors"), *arguments])
    text = page.read_text()
    assert "vegaEmbed" in text
    assert "<td>layer4.2</td><td>gap</td>" in text
    assert "6 images: standard errors need 20" in text


def test_the_terminal_has_no_line_for_machines(files, command):
    arguments = ["--images", files / "pictures", "--layers", "bn1", "--output", files / "small.csv"]
    done = command("measure", files / "model.safetensors", *arguments)
    assert done.returncode == 0
    assert (files / "small.csv").exists()
    assert "provenance" not in done.stdout + done.stderr


def test_a_table_and_a_page_in_one_file_are_refused_before_anything_is_read(tmp_path, capsys):
    both = ["--output", str(tmp_path / "one"), "--html", str(tmp_path / "one")]
    with pytest.raises(SystemExit):
        measure.main(["nowhere.safetensors", "--images", str(tmp_path), *both])
    assert "--output and --html name one file" in capsys.readouterr().err


def test_layers_are_listed_with_their_shapes_and_a_star_for_those_of_auto(files, capsys):
    layers.main([str(files / "model.safetensors"), "--size", "64"])
    lines = capsys.readouterr().out.splitlines()
    assert any(line.split() == ["layer1", "Sequential", "256", "x", "16", "x", "16"] for line in lines)
    assert "*  layer4.2               Bottleneck   2048 x 2 x 2" in lines
    assert sum(line.startswith("*") for line in lines) == 6
    layers.main(["torchvision:vit_b_32"])
    told = capsys.readouterr().out
    assert "50 x 768" in told
    assert " tuple" in told  # attention


def test_a_network_by_name_has_the_same_random_weights_each_time_and_draws_nothing():
    before = torch.get_rng_state()
    first, second = (network("torchvision:resnet18").state_dict() for _ in range(2))
    assert all(torch.equal(second[key], value) for key, value in first.items())
    assert torch.equal(torch.get_rng_state(), before)


def test_the_state_of_any_architecture_is_read_from_what_trainers_write(tmp_path):
    torch.manual_seed(3)
    theirs = torchvision.models.squeezenet1_1()
    state = {f"module.{key}": value for key, value in theirs.state_dict().items()}
    torch.save({"epoch": 3, "state_dict": state}, tmp_path / "checkpoint.pth")
    found = network(str(tmp_path / "checkpoint.pth"), "torchvision:squeezenet1_1").cpu()
    x = torch.randn(2, 3, 64, 64)
    torch.testing.assert_close(found(x), theirs.eval()(x))


class Evil:
    def __reduce__(self):
        return (print, ("executed",))


@pytest.mark.parametrize(
    ("source", "architecture", "message"),
    [
        ("torchvision:resnet19", None, "torchvision has no network resnet19"),
        ("timm:resnet19", None, "timm has no network resnet19"),
        (
            "model.safetensors",
            "resnet50",
            "resnet50 is no architecture, expected torchvision:NAME, timm:NAME or transformers:NAME",
        ),
        ("nowhere.pth", None, r"nowhere\.pth does not exist"),
        ("nowhere.safetensors", None, r"nowhere\.safetensors is not a model of this package"),
        ("nowhere.safetensors", "torchvision:resnet18", r"nowhere\.safetensors cannot be read"),
        ("evil.pth", "torchvision:resnet18", "it asks for .*print. Such a file is refused"),
        ("evil.pth", None, "it asks for .*print. Such a file is refused"),
        (
            "torchvision.pth",
            "torchvision:resnet18",
            r"no state of this architecture: .* surplus \(layer1.0.conv3",
        ),
    ],
)
def test_bad_input_is_one_message(files, capsys, source, architecture, message):
    torch.save({"state_dict": Evil()}, files / "evil.pth")
    path = source if ":" in source else str(files / source)
    with pytest.raises(InputError, match=message):
        network(path, architecture)
    assert "executed" not in capsys.readouterr().out


def test_a_network_named_twice_and_an_unknown_layer_are_named(files):
    arguments = ["--images", str(files / "pictures")]
    with pytest.raises(InputError, match="CHECKPOINT names a network twice"):
        measure.main(["torchvision:resnet18", "torchvision:resnet18", *arguments])
    with pytest.raises(InputError, match="layer 'layer9' does not exist in the model; nearest: layer"):
        measure.main(["torchvision:resnet18", *arguments, "--layers", "layer9"])
