import io
import json
import pickle
import re

import pytest
import torch
import torchvision
from support.golden_weights import GOLDEN, golden_json
from torch import nn

from feature_diversity.algorithms import build
from feature_diversity.base.errors import InputError
from feature_diversity.networks import model
from feature_diversity.networks.released import layouts as zoo
from feature_diversity.networks.resnet import resnet
from feature_diversity.planning.recipe import recipe

CHECKPOINTS = GOLDEN / "checkpoints"
MANIFEST = golden_json("checkpoints/manifest.json")

# where each key of a file's heads ends up; None for what no image passes
HEADS = {
    "simclr.torch": {"0.clf.0": "0", "1.clf.0": "2"},
    "deepclusterv2.torch": {"0.clf.0": "0", "1.clf.0": "2"},
    "npid.torch": {"0.clf.0": "0"},
    "linear_eval.torch": {"0.clf.0": "0"},
    "jigsaw.torch": {"0.clf.0": "0", "0.clf.1": "1", "2.clf.0": "4"},
}
LAYOUTS = {
    "simclr.torch": "VISSL training",
    "deepclusterv2.torch": "VISSL training",
    "npid.torch": "VISSL training",
    "jigsaw.torch": "VISSL training",
    "linear_eval.torch": "VISSL linear evaluation",
    "converted_vissl_style.torch": "converted to VISSL",
    "torchvision_style.pth": "torchvision",
    "swav_repo_style.pth.tar": "SwAV repository",
}


def assert_values(state: dict, expected: dict, renamed) -> None:
    """Every tensor of the manifest is in `state` under its new name, with its shape, type and value."""
    assert set(state) == {renamed(key) for key in expected}
    for key, facts in expected.items():
        tensor = state[renamed(key)]
        assert list(tensor.shape) == facts["shape"]
        assert str(tensor.dtype) == f"torch.{facts['dtype']}"
        assert (tensor == facts["value"]).all()


@pytest.mark.parametrize("name", MANIFEST)
def test_every_value_of_a_trunk_is_in_its_place(name):
    trunk, _ = zoo.load_released(CHECKPOINTS / name)
    strip = re.compile(r"^(module\.|(base_model\.)?_feature_blocks\.)")
    assert_values(trunk, MANIFEST[name]["trunk"], lambda key: strip.sub("", key))
    resnet(50).load_state_dict(trunk, strict=True)


@pytest.mark.parametrize("name", HEADS)
def test_every_value_of_a_head_is_in_its_place(name):
    checkpoint = zoo.read_checkpoint(CHECKPOINTS / name)

    def renamed(key):
        layer, _, parameter = key.rpartition(".")
        return f"{HEADS[name][layer]}.{parameter}"

    assert_values(checkpoint.head, MANIFEST[name]["heads"], renamed)
    model.build_head(checkpoint.head_layers).load_state_dict(checkpoint.head, strict=True)


@pytest.mark.parametrize("name", LAYOUTS)
def test_the_layout_is_seen_from_the_keys(name, tmp_path):
    (tmp_path / "renamed").write_bytes((CHECKPOINTS / name).read_bytes())
    checkpoint = zoo.read_checkpoint(tmp_path / "renamed")
    assert checkpoint.layout == LAYOUTS[name]
    assert (checkpoint.depth, checkpoint.width, checkpoint.norm) == (50, 1, "batchnorm")


def test_torchvisions_classifier_is_the_head():
    checkpoint = zoo.read_checkpoint(CHECKPOINTS / "torchvision_style.pth")
    content = torch.load(CHECKPOINTS / "torchvision_style.pth", weights_only=True)
    assert checkpoint.head_layers == [["linear", 2048, 1000, True]]
    assert torch.equal(checkpoint.head["0.weight"], content["fc.weight"])
    assert torch.equal(checkpoint.head["0.bias"], content["fc.bias"])


def test_swavs_projection_with_its_batchnorm_is_the_head_and_its_prototypes_are_not():
    checkpoint = zoo.read_checkpoint(CHECKPOINTS / "swav_repo_style.pth.tar")
    content = torch.load(CHECKPOINTS / "swav_repo_style.pth.tar", weights_only=True)
    kinds = [layer[0] for layer in checkpoint.head_layers]
    assert kinds == ["linear", "batchnorm", "relu", "linear"]
    for key, value in checkpoint.head.items():
        assert torch.equal(value, content[f"module.projection_head.{key}"])
    assert checkpoint.unused == [f"prototypes.prototypes{i}.weight" for i in range(3)]


def test_a_converted_trunk_has_no_head():
    checkpoint = zoo.read_checkpoint(CHECKPOINTS / "converted_vissl_style.torch")
    assert (checkpoint.head_layers, checkpoint.head) == (None, {})


# --- the same function as the networks the files came from ---


def vissl_file(path, trunk, heads):
    """A checkpoint as VISSL's training writes it."""
    trunk = {f"_feature_blocks.{key}": value for key, value in trunk.items()}
    content = {"base_model": {"model": {"trunk": trunk, "heads": heads}, "meta": {}}}
    torch.save({"classy_state_dict": content, "phase_idx": 3, "iteration": 5}, path)


@pytest.mark.parametrize("case", ["simclr", "rotnet", "supervised", "npid", "jigsaw", "pirl", "simclr_ln"])
def test_a_head_computes_what_the_algorithms_own_head_does(case, tmp_path):
    torch.manual_seed(0)
    facts = golden_json("models.json")[case]
    keys = {key.removeprefix("heads."): shape for key, shape in facts["head_state_dict"].items()}
    heads = {key: torch.randn(shape) for key, shape in keys.items()}
    heads = {key: x.abs() if key.endswith("running_var") else x for key, x in heads.items()}
    norm = facts["norm"].lower()
    vissl_file(tmp_path / "x", resnet(14, 1, norm).state_dict(), heads)

    checkpoint = zoo.read_checkpoint(tmp_path / "x")
    head = model.build_head(checkpoint.head_layers).eval()
    head.load_state_dict(checkpoint.head)

    name = case.removesuffix("_ln")
    values = recipe(name) | ({"permutations": 100} if name == "jigsaw" else {})
    ours = build(name, values, 2048, 40_000, 1000).head.eval()
    # both list their layers in network order, PIRL's the patches' first
    ours.load_state_dict(dict(zip(ours.state_dict(), heads.values(), strict=True)))
    x = torch.randn(3, 2048)
    with torch.no_grad():
        assert torch.allclose(head(x), ours(x), rtol=1e-4, atol=1e-4)
    assert checkpoint.norm == norm


@pytest.mark.parametrize("depth", [14, 26, 50, 101, 152, 200])
@pytest.mark.parametrize("norm", ["batchnorm", "layernorm"])
@pytest.mark.parametrize("width", [1 / 64, 1 / 8])
def test_depth_width_and_norm_are_seen_from_the_keys(depth, norm, width, tmp_path):
    torch.save(resnet(depth, width, norm).state_dict(), tmp_path / "x")
    checkpoint = zoo.read_checkpoint(tmp_path / "x")
    assert (checkpoint.depth, checkpoint.width, checkpoint.norm) == (depth, width, norm)


def test_counters_that_old_pytorch_did_not_write_are_not_missed(tmp_path):
    state = torchvision.models.resnet50().state_dict()
    old = {key: value for key, value in state.items() if not key.endswith("num_batches_tracked")}
    torch.save(old, tmp_path / "x", _use_new_zipfile_serialization=False)
    trunk, head = zoo.load_released(tmp_path / "x")
    assert list(trunk) == list(resnet(50).state_dict())
    assert torch.equal(head["0.weight"], state["fc.weight"])


def test_a_projection_with_three_layers_and_without_biases_is_read(tmp_path):
    torch.manual_seed(0)
    projector = nn.Sequential(
        *(nn.Linear(32, 48, bias=False), nn.BatchNorm1d(48), nn.ReLU()),
        *(nn.Linear(48, 48, bias=False), nn.BatchNorm1d(48), nn.ReLU(), nn.Linear(48, 16, bias=False)),
    ).eval()
    heads = {f"0.clf.{key}": value for key, value in projector.state_dict().items()}
    vissl_file(tmp_path / "x", resnet(14, 1 / 64).state_dict(), heads)
    checkpoint = zoo.read_checkpoint(tmp_path / "x")
    head = model.build_head(checkpoint.head_layers).eval()
    head.load_state_dict(checkpoint.head)
    x = torch.randn(3, 32)
    assert torch.equal(head(x), projector(x))


# --- bad files ---


def small(**changes):
    """The state of a small trunk."""
    return resnet(14, 1 / 64).state_dict() | changes


def without(*keys):
    return {key: value for key, value in small().items() if key not in keys}


CONTENTS = {
    "a list": ([1, 2], "expected a dictionary of tensors, found list"),
    "of another kind": ({"weights": torch.zeros(1)}, "no known layout.* found weights"),
    "no tensors": (small(**{"bn1.weight": 3}), "no tensors: bn1.weight"),
    "keys missing": (
        without("bn1.bias", "layer3.0.conv2.weight"),
        "missing keys: bn1.bias, layer3.0.conv2.weight",
    ),
    "surplus keys": (small(extra=torch.zeros(1), epoch=torch.ones(1)), "surplus keys: extra, epoch"),
    "misshapen": (
        small(**{"layer1.0.conv1.weight": torch.zeros(2, 1, 1, 1)}),
        r"misshapen: layer1.0.conv1.weight \[2, 1, 1, 1\] instead of \[1, 1, 1, 1\]",
    ),
    "basic blocks": (torchvision.models.resnet34().state_dict(), "missing keys: layer1.0.conv3.weight"),
    "no trunk": ({"classy_state_dict": {"base_model": {}}}, "base_model / model is not VISSL's"),
    "another nesting": ({"model_state_dict": {"trunk": small()}}, "surplus keys, not under _feat.*: trunk"),
    "other blocks": (
        without(*[key for key in small() if key.startswith("layer4")]),
        r"has 1-1-1-0 blocks in its stages, expected one of 1-1-1-1 \(14\)",
    ),
}  # fmt: skip


@pytest.mark.parametrize("kind", CONTENTS)
def test_what_does_not_fit_is_listed(kind, tmp_path):
    content, message = CONTENTS[kind]
    torch.save(content, tmp_path / "x.torch")
    with pytest.raises(InputError, match=rf"x\.torch: .*{message}"):
        zoo.read_checkpoint(tmp_path / "x.torch")


@pytest.mark.parametrize(
    ("heads", "message"),
    [
        ({"0.attention.weight": (3, 32)}, "surplus keys in the heads: 0.attention.weight"),
        ({"0.clf.0.weight": (8, 32), "1.clf.0.weight": (3, 12)}, "a layer for 12 values follows one of 8"),
        ({"0.clf.0.weight": (8, 2048)}, "the head takes 2048 values, the trunk gives 32"),
        ({"0.clf.0.gain": (8,)}, "neither linear nor BatchNorm"),
    ],
)
def test_a_head_that_is_not_understood_is_refused(heads, message, tmp_path):
    vissl_file(tmp_path / "x", small(), {key: torch.zeros(shape) for key, shape in heads.items()})
    with pytest.raises(InputError, match=message):
        zoo.read_checkpoint(tmp_path / "x")


class Malicious:
    """Unpickled by an unsafe loader, it writes a file."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return open, (str(self.path), "w")


@pytest.mark.parametrize("as_zip", [True, False])
def test_a_pickle_that_would_execute_code_is_refused_unexecuted(as_zip, tmp_path):
    trap, path = tmp_path / "executed", tmp_path / "x.torch"
    content = small() | {"hook": Malicious(trap)}
    torch.save(content, path, _use_new_zipfile_serialization=as_zip)
    with pytest.raises(InputError, match=r"more than tensors and plain values: it asks for .*open"):
        zoo.read_checkpoint(path)
    assert not trap.exists()
    torch.load(path, weights_only=False)  # the trap does work
    assert trap.exists()


@pytest.mark.filterwarnings("ignore:Detected pickle protocol")
def test_a_plain_pickle_is_refused_unexecuted(tmp_path):
    trap, path = tmp_path / "executed", tmp_path / "x.pkl"
    path.write_bytes(pickle.dumps({"hook": Malicious(trap)}))
    with pytest.raises(InputError, match=r"x\.pkl"):
        zoo.read_checkpoint(path)
    assert not trap.exists()


def content_of(state) -> bytes:
    buffer = io.BytesIO()
    torch.save(state, buffer)
    return buffer.getvalue()


@pytest.mark.parametrize("share", [0, 0.001, 0.5, 0.999])
def test_a_truncated_checkpoint_is_refused(share, tmp_path):
    content = content_of(small())
    (tmp_path / "x").write_bytes(content[: int(share * len(content))])
    with pytest.raises(InputError, match="x is damaged or not a checkpoint"):
        zoo.read_checkpoint(tmp_path / "x")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"\n <!DOCTYPE html><html>Not here</html>", "is a web page, not a checkpoint: "),
        (b"words", "is damaged or not a checkpoint"),
        (json.dumps({"message": "gone"}).encode(), "is damaged or not a checkpoint"),
    ],
)
def test_a_file_of_another_kind_is_refused(content, message, tmp_path):
    (tmp_path / "x").write_bytes(content)
    with pytest.raises(InputError, match=message):
        zoo.read_checkpoint(tmp_path / "x")


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(InputError, match="x does not exist"):
        zoo.read_checkpoint(tmp_path / "x")
