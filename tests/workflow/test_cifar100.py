"""Study cifar100 in small: two steps of each network, on a small archive, through all rules."""

import hashlib

import pandas as pd
import pytest
import yaml
from support.checkout import ROOT, Checkout
from support.cifar import cifar_archive
from support.golden_weights import golden_json

from feature_diversity.data.sources import cifar100
from feature_diversity.planning.study import Study
from feature_diversity.training.step import rate_at

STUDY = ROOT / "workflow" / "studies" / "cifar100.yaml"
SMALLER = {  # sizes alone, no other key
    "dataset": {"image_size": 48, "train": 32, "validation": 16, "held_out": 8, "held_out_2": 8},
    "recipes": {"simclr": {"batch_size": 16}},
    "energy": {"measure_images": 24},
    "linear_evaluation": {"epochs": 2},
    "figures": {"figure4": {"depth": [14], "width": 0.125, "epochs": 1, "seed": [1]}},
}


def merge(content: dict, changes: dict) -> dict:
    """Change keys that the content has, blocks inside blocks."""
    for key, value in changes.items():
        content[key] = merge(content.get(key, {}), value) if isinstance(value, dict) else value
    return content


def test_the_study_has_the_papers_networks():
    runs = Study.load(STUDY).runs("figure4")
    assert {(run.depth, run.norm) for run in runs} == {
        (depth, norm) for depth in (50, 101, 152, 200) for norm in ("batchnorm", "layernorm")
    }
    assert {(run.algorithm, run.width, run.epochs) for run in runs} == {("simclr", 1.0, 30)}
    assert len({run.seed for run in runs}) >= 5


def test_its_learning_rates_are_vissls_on_one_node():
    golden = golden_json("lr_schedules.json")["simclr_1node_bs256_30ep"]
    values = Study.load(STUDY).recipe_of("simclr")
    assert values["batch_size"] == golden["global_batch"]
    for where, expected in zip(golden["where"], golden["lr"], strict=True):
        epoch = int(where * 30 + 1e-9)
        rate = rate_at(values, epoch, (where * 30 - epoch) * 1000, 30, 1000)
        assert rate == pytest.approx(expected, rel=1e-6, abs=1e-9)


@pytest.mark.workflow
def test_its_two_step_variant_goes_from_the_archive_to_the_figure(tmp_path):
    (tmp_path / "checkout").mkdir()
    checkout = Checkout.make(tmp_path / "checkout")
    path = checkout.folder / "data" / cifar100.ARCHIVE.name
    path.parent.mkdir()
    cifar_archive(cifar100, path, train=60, test=30)
    md5 = hashlib.md5(path.read_bytes()).hexdigest()
    checkout.edit("src/feature_diversity/data/sources/cifar100.py", cifar100.ARCHIVE.md5, md5)
    checkout.edit("src/feature_diversity/data/sources/cifar100.py", "(50_000, 10_000)", "(60, 30)")
    content = merge(yaml.safe_load(STUDY.read_text()), SMALLER)
    (checkout.folder / "workflow" / "studies" / "cifar100.yaml").write_text(yaml.safe_dump(content))
    result = checkout.snakemake(study="cifar100")
    assert result.returncode == 0, result.stdout
    table = pd.read_csv(checkout.folder / "results" / "cifar100" / "results.csv")
    assert set(table["norm"]) == {"batchnorm", "layernorm"}
    assert set(table["protocol"]) == {"vissl"}
    headline = table[(table["vector"] == "flatten") & ~table["centred"] & (table["s"] == 1)]
    assert (headline["energy"] != headline["energy_2"]).all()  # of other images
    assert headline["energy_2"].notna().all()
    assert (checkout.folder / "results" / "cifar100" / "figures" / "figure4.svg").exists()
    counts = pd.read_csv(checkout.folder / "results" / "cifar100" / "image_counts.csv")
    assert set(counts["measure_images"]) == {8, 16, 24}
    assert (checkout.folder / "results" / "cifar100" / "figures" / "image_counts.svg").exists()
    assert "How many images a measure needs" in (
        checkout.folder / "results" / "cifar100" / "report.html"
    ).read_text(encoding="utf-8")
    held_out = pd.read_csv(checkout.folder / "results" / "cifar100" / "held_out.csv")
    assert held_out["draw"].value_counts().to_dict() == {1: 8, 2: 8}


@pytest.mark.workflow
def test_without_the_archive_the_data_job_says_where_to_get_it(tmp_path):
    (tmp_path / "checkout").mkdir()
    checkout = Checkout.make(tmp_path / "checkout")
    checkout.edit(
        "src/feature_diversity/data/sources/_cifar.py", "https://www.cs.toronto.edu", "http://localhost:9"
    )
    result = checkout.snakemake("results/cifar100/data.safetensors", "--show-failed-logs", study="cifar100")
    assert result.returncode != 0
    assert f"Get {cifar100.ARCHIVE.name} (the binary version" in result.stdout
    assert cifar100.ARCHIVE.md5 in result.stdout
