"""Settings that are YAML, but not what they should be, end in one message before any job."""

import math
import os
import re
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from feature_diversity.base.errors import InputError
from feature_diversity.commands import export, measure, new
from feature_diversity.data.image_files import ImageFiles
from feature_diversity.data.prepare import prepare
from feature_diversity.data.sources import class_folders, tar_shards
from feature_diversity.evaluation.logistic import fit_grid
from feature_diversity.evaluation.robustness import clustered_mean
from feature_diversity.networks.others.measure import measure as measure_network
from feature_diversity.networks.others.recording import recording
from feature_diversity.planning import schema
from feature_diversity.planning.study import Study

STUDY = """\
description: odd
dataset: {name: digits, image_size: 32, test: 100, validation: 50, held_out: 30, train: 128}
recipe: small_images
recipes: {simclr: {batch_size: 64}}
figures:
  figure1: {algorithm: simclr, depth: 14, width: 0.125, norm: batchnorm, epochs: [0, 1], seed: 1}
"""
LARGE = "1" + "0" * 400
MODEL = """\
description: odd
engine: model
dataset: {name: digits, image_size: 32, test: 100, validation: 50, held_out: 30}
models:
"""


def load(folder: Path, text: str) -> Study:
    """The study of that text."""
    path = folder / "odd.yaml"
    path.write_text(text)
    return Study.load(path)


@pytest.mark.parametrize(
    ("old", "other", "message"),
    [
        ("description: odd", "description: 2026-13-01", "not valid YAML: month must be in 1..12"),
        ("description: odd", "description: !!bool maybe", "not valid YAML: 'maybe'"),
        ("description: odd", "description: !!timestamp foo", "not valid YAML"),
        ("description: odd", f"description: {'[' * 3000}", "not valid YAML"),
        ("description: odd", 'description: "\\ud800"', "half of a character"),
        ("seed: 1", f"seed: {'1' * 5000}", "not valid YAML"),
        ("width: 0.125", f"width: {LARGE}", "width"),
        ("image_size: 32", f"image_size: {LARGE}", "dataset.image_size"),
        ("{batch_size: 64}", f"{{batch_size: 64, temperature: {LARGE}}}", "temperature"),
        ("held_out: 30", "held_out: 30, held_out_2: 1", "held_out_2 is 1, expected 0 or at least 2"),
        (
            "recipe: small_images",
            "recipe: small_images\noutcome: few_shot_5_test_error\noutcomes: {few_shot: {shots: [1]}}",
            "outcome is 'few_shot_5_test_error', expected test_error, knn_test_error, few_shot_1_test_error",
        ),
        (
            "recipe: small_images",
            "recipe: small_images\nlinear_evaluation: {penalties: [1.0e-10]}",
            "a penalty of at least 1e-6",
        ),
        (
            "recipe: small_images",
            "recipe: small_images\nvariants: {a: {penalty: {1: 2}}}",
            "a: penalty has the keys 1; expected",
        ),
    ],
)
def test_a_study_with_odd_values_is_refused(tmp_path: Path, old: str, other: str, message: str):
    text = STUDY.replace(old, other)
    if "variants" in other:
        text = text.replace("seed: 1}", "seed: 1, variant: a}")
    assert text != STUDY
    with pytest.raises(InputError, match=re.escape(message)):
        load(tmp_path, text)


@pytest.mark.parametrize(
    ("grid", "message"),
    [
        ("{source: file, name: .., weights: x.pt}", "no path upwards"),
        ("{source: file, name: a/../../b, weights: x.pt}", "no path upwards"),
        (
            "{source: file, name: a, weights: '/x/{seed.foo}.pt'}",
            "expected no braces but {seed} and",
        ),
        ("{source: file, name: a, weights: '/x/{seed[0]}.pt'}", "expected no braces but {seed} and"),
        ("{source: torchvision, name: resnet18, seed: 18446744073709551616}", "a seed of 0 to 4294967295"),
        ("{source: torchvision, name: resnet18, layers: {--second: layer1}}", "layers"),
        ("{source: torchvision, name: resnet18, layers: {views_trunk: layer1}}", "layers"),
    ],
)
def test_odd_models_of_a_study_are_refused(tmp_path: Path, grid: str, message: str):
    with pytest.raises(InputError, match=re.escape(message)):
        load(tmp_path, f"{MODEL}  - {grid}\n")


@pytest.mark.parametrize("text", ["", "[1, 2]", "study: [", "study: 2026-13-13"])
def test_a_damaged_configuration_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str):
    path = tmp_path / "config.yaml"
    path.write_text(text)
    monkeypatch.setattr(schema, "CONFIG", path)
    with pytest.raises(InputError, match=r"config\.yaml (is not valid YAML|has .*, expected keys)"):
        schema.configuration()


def classes(folder: Path, images: int = 2) -> Path:
    """Two classes of small images."""
    for name in ("a", "b"):
        (folder / name).mkdir(parents=True)
        for number in range(images):
            pixels = np.random.default_rng([number, ord(name)]).integers(0, 255, (8, 8, 3), np.uint8)
            Image.fromarray(pixels).save(folder / name / f"{number}.png")
    return folder


def test_a_linked_folder_within_a_class_is_refused_and_hidden_ones_are_left_out(tmp_path: Path):
    root = classes(tmp_path / "images")
    (root / "a" / ".thumbnails").mkdir()
    (root / "a" / ".thumbnails" / "0.png").write_bytes(b"x")
    assert len(class_folders.load(tmp_path, "images").images) == 4
    (root / "a" / "more").symlink_to(root / "b")
    with pytest.raises(InputError, match=r"a/more is a link to a folder"):
        class_folders.load(tmp_path, "images")


def test_pipes_are_not_waited_for(tmp_path: Path):
    os.mkfifo(tmp_path / "0.png")
    assert new.shorter_side(tmp_path / "0.png") == 0
    (tmp_path / "shards").mkdir()
    os.mkfifo(tmp_path / "shards" / "train.tar")
    with pytest.raises(InputError, match="no plain file"):
        tar_shards.load(tmp_path, "shards")


@pytest.mark.parametrize("content", [b"P6\n20 ", b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\x00"])
def test_a_damaged_head_of_an_image_is_no_traceback(tmp_path: Path, content: bytes):
    (tmp_path / "x.png").write_bytes(content)
    assert new.shorter_side(tmp_path / "x.png") == 0


def test_a_folder_of_any_name_is_quoted():
    for text in ("a\nb", 'a"b\\c', "a\u2028b", "{x}"):
        assert schema.load_yaml(new.quoted(text), Path("x")) == text


def test_names_that_are_not_utf_8_are_listed_with_their_bytes(tmp_path: Path):
    root = classes(tmp_path / "images", images=12)
    for path in sorted(root.glob("*/*.png")):
        os.rename(path, os.fsencode(path.parent / "caf") + b"\xe9" + os.fsencode(path.name))
    sizes = {"test": 8, "validation": 4, "held_out": 6, "held_out_2": 0, "train": 0, "seed": 0}
    listed = tmp_path / "held_out.csv"
    prepare(
        tmp_path,
        tmp_path / "data.safetensors",
        name="class_folders",
        path="images",
        image_size=8,
        held_out_list=listed,
        **sizes,
    )
    assert listed.read_text(encoding="utf-8").count("caf\\udce9") == 6


def test_an_image_of_a_rare_format_that_pillow_cannot_read_is_named(tmp_path: Path, monkeypatch):
    (tmp_path / "x.png").write_bytes(b"DDS |" + bytes(200))

    def fail(content: object) -> None:
        raise NotImplementedError("Unimplemented pixel format")

    monkeypatch.setattr(Image, "open", fail)
    with pytest.raises(InputError, match=r"x\.png is not an image: Unimplemented"):
        ImageFiles(tmp_path, ["x.png"], None, 8, 8).pixels(0)


def test_penalties_below_the_least_are_refused():
    with pytest.raises(InputError, match="found 1e-08, expected at least 1e-06"):
        fit_grid(torch.randn(8, 3), torch.tensor([0, 1] * 4), 2, [1e-8])


def test_one_image_has_no_standard_error():
    mean, error = clustered_mean(torch.tensor([1.0, 0.0]).double(), torch.tensor([3, 3]))
    assert mean == 0.5
    assert math.isnan(error)


class Merging(nn.Linear):
    """As LoRA of loralib: in eval mode its weight is another, until it trains again."""

    merged = False

    def train(self, mode: bool = True) -> "Merging":
        self.merged = not mode
        return super().train(mode)


def test_a_module_that_changes_in_eval_mode_trains_on_as_before():
    network = nn.Sequential(Merging(4, 4), nn.BatchNorm1d(4))
    network[1].eval()  # frozen
    with recording(network, ["0"]) as features:
        features(torch.ones(2, 4))
    assert not network[0].merged
    assert [module.training for module in network] == [True, False]


def test_a_negative_prefix_is_refused():
    network = nn.Sequential(nn.Identity())
    with pytest.raises(InputError, match="prefix_tokens is -1, expected an integer of at least 0"):
        measure_network(network, torch.rand(4, 5, 3), ["0"], tokens="mean", prefix_tokens=-1)


def test_nothing_that_is_read_is_written(tmp_path: Path):
    path = tmp_path / "model.safetensors"
    path.write_bytes(b"precious")
    with pytest.raises(InputError, match="is read; give it another name"):
        measure.main([str(path), "--images", str(tmp_path), "--output", str(path)])
    with pytest.raises(InputError, match="is read; give it another name"):
        export.main(["--model", str(path), "--format", "vissl", "--output", str(path)])
    assert path.read_bytes() == b"precious"
