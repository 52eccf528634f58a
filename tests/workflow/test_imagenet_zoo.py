"""The study `imagenet_zoo` from a web server to its figures, with small networks and few images.

Networks, images and numbers of runs are small; rules, layouts and the way through are the real ones.
"""

import csv
import re
from collections.abc import Iterator

import numpy as np
import pandas as pd
import pytest
import torch
import yaml
from PIL import Image
from support.checkout import Checkout
from support.file_server import FileServer

from feature_diversity.networks.resnet import resnet

pytestmark = pytest.mark.workflow

DEPTHS = {50: 14, 101: 26}
NARROW = 16  # widths are divided by this
EPOCHS = {"simclr": [100, 1000], "jigsaw": [105], "deepclusterv2": [400]}  # of the study's, these stay
CUT = "simclr_rn50_w1_ep1000.torch"  # the first connection for this one breaks off half-way
IMAGES = 24


def small_table(checkout: Checkout) -> list[dict]:
    """Make the networks in the table of released checkpoints small; returns its rows."""
    path = checkout.folder / "src" / "feature_diversity" / "networks" / "released" / "zoo.csv"
    with open(path, newline="") as file:
        rows = list(csv.DictReader(file))
    for row in rows:
        row["depth"] = DEPTHS.get(int(row["depth"]), 14)
        row["width"] = int(row["width"]) / NARROW
        row["sha256"] = ""
    with open(path, "w", newline="") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)
    return rows


def small_study(checkout: Checkout) -> None:
    """Ask for the same networks in small, for fewer of them, and for fewer held-out images."""
    path = checkout.folder / "workflow" / "studies" / "imagenet_zoo.yaml"
    study = yaml.safe_load(path.read_text())
    study["dataset"] |= {"image_size": 64, "held_out": IMAGES}
    for figure, grids in study["figures"].items():
        small = []
        for grid in grids:
            algorithms = [name for name in np.atleast_1d(grid["algorithm"]).tolist() if name in EPOCHS]
            for algorithm in algorithms:
                asked = np.atleast_1d(grid["epochs"]).tolist()
                epochs = [number for number in asked if number in EPOCHS[algorithm]] or EPOCHS[algorithm][:1]
                epochs = epochs if (grid["depth"], grid["width"]) == (50, 1) else epochs[-1:]
                sizes = {"depth": DEPTHS[grid["depth"]], "width": grid["width"] / NARROW}
                small.append(grid | sizes | {"algorithm": algorithm, "epochs": epochs})
        study["figures"][figure] = small
    path.write_text(yaml.safe_dump(study))


def heads(algorithm: str, channels: int) -> dict[str, torch.Tensor]:
    """A pretext head's tensors, named as VISSL (deepclusterv2: SwAV) names them."""
    shapes = {
        "simclr": {"0.clf.0": (channels, channels), "1.clf.0": (16, channels)},
        "jigsaw": {"0.clf.0": (8, channels), "0.clf.1": (8,), "2.clf.0": (20, 72)},
        "deepclusterv2": {
            "projection_head.0": (channels, channels),
            "projection_head.1": (channels,),
            "projection_head.3": (16, channels),
        },
    }[algorithm]
    tensors = {}
    for key, shape in shapes.items():
        tensors[f"{key}.weight"] = torch.randn(shape) / shape[-1] ** 0.5
        tensors[f"{key}.bias"] = torch.zeros(shape[0])
        if len(shape) == 1:
            tensors |= {f"{key}.running_mean": torch.zeros(shape), f"{key}.running_var": torch.ones(shape)}
    return tensors


def checkpoint(row: dict, path) -> bytes:
    """A random network in the layout in which the row was released."""
    trunk = resnet(row["depth"], row["width"])
    for name, buffer in trunk.named_buffers():
        if name.endswith("running_var"):
            buffer.uniform_(0.5, 1.5)
    tensors, head = trunk.state_dict(), heads(row["algorithm"], trunk.out_channels)
    if row["algorithm"] == "deepclusterv2":
        content = {f"module.{key}": value for key, value in (tensors | head).items()}
    else:
        parts = {"trunk": {f"_feature_blocks.{key}": value for key, value in tensors.items()}, "heads": head}
        content = {"classy_state_dict": {"base_model": {"model": parts, "meta": {}}}, "phase_idx": 3}
    torch.save(content, path)
    return path.read_bytes()


def make_images(folder) -> None:
    """ImageNet's validation images in small: JPEG files of several shapes, two of them not RGB."""
    draws = np.random.default_rng(0)
    for label in ("n01440764", "n01443537", "n02099601", "n03028079"):
        (folder / label).mkdir(parents=True)
        for number in range(8):
            coarse = draws.integers(0, 256, (5, 5, 3), dtype=np.uint8)
            image = Image.fromarray(coarse).resize((90 + 10 * number, 110), Image.Resampling.BICUBIC)
            image = image.convert({6: "L", 7: "CMYK"}.get(number, "RGB"))
            image.save(folder / label / f"ILSVRC2012_val_{number:08}.JPEG")


@pytest.fixture(scope="module")
def site() -> Iterator[FileServer]:
    with FileServer().running() as site:
        yield site


@pytest.fixture(scope="module")
def finished(site: FileServer, tmp_path_factory: pytest.TempPathFactory) -> Checkout:
    """The study, run while the server breaks off one connection."""
    torch.manual_seed(0)
    checkout = Checkout.make(tmp_path_factory.mktemp("checkout"))
    rows = small_table(checkout)
    small_study(checkout)
    make_images(checkout.folder / "data" / "imagenet" / "val")
    for row in rows:
        if row["algorithm"] in EPOCHS:
            file = row["name"] + (".pth.tar" if row["algorithm"] == "deepclusterv2" else ".torch")
            site.files[file] = checkpoint(row, checkout.folder / "checkpoint")
    site.cuts[CUT] = 1
    checkout.edit("config.yaml", 'mirror: ""', f"mirror: {site.url}")
    result = checkout.snakemake(study="imagenet_zoo")
    assert result.returncode == 0, result.stdout
    return checkout


@pytest.fixture(scope="module")
def table(finished: Checkout) -> pd.DataFrame:
    return pd.read_csv(finished.folder / "results" / "imagenet_zoo" / "results.csv")


def test_the_study_goes_from_a_web_server_to_its_figures(finished: Checkout):
    figures = finished.folder / "results" / "imagenet_zoo" / "figures"
    for name in ("figure1", "figure2", "figure3"):
        for ending in ("svg", "pdf", "png"):
            assert (figures / f"{name}.{ending}").stat().st_size > 1000


def test_the_cut_download_went_on_where_it_broke_off(site: FileServer, finished: Checkout):
    asked = [where for path, where in site.requests if path == CUT]
    assert asked == [None, f"bytes={len(site.files[CUT]) // 2}-"]
    assert (finished.folder / "data" / "zoo" / CUT).read_bytes() == site.files[CUT]


def test_every_checkpoint_was_downloaded_once(site: FileServer, finished: Checkout):
    started = [path for path, where in site.requests if where is None]
    assert len(started) == len(set(started)) == 7


def test_the_table_has_the_published_errors_marked_as_such(table: pd.DataFrame):
    assert set(table["engine"]) == {"zoo"}
    assert set(table["error_source"]) == {"published"}
    run = table[(table["algorithm"] == "simclr") & (table["width"] == 4 / NARROW)]
    assert set(run["test_error"]) == {0.2839}
    assert set(table["n_images"]) == {IMAGES}
    assert table["knn_test_error"].isna().all()  # a column of numbers nevertheless: `finished` read it back


def test_every_run_has_all_layers_and_readings(table: pd.DataFrame):
    # 7 runs, 7 layers, 3 vectors, centred or not, 3 powers
    assert len(table) == 7 * 7 * 3 * 2 * 3
    assert np.isfinite(table["energy"]).all()


def test_nothing_was_trained_or_evaluated_and_nothing_is_left_to_do(finished: Checkout):
    result = finished.snakemake("--dry-run", study="imagenet_zoo")
    assert "Nothing to be done" in result.stdout
    logs = finished.folder / "results" / "imagenet_zoo" / "logs"
    assert {path.name for path in logs.iterdir() if path.is_dir()} == {"zoo", "extract", "energy"}


def test_large_maps_are_gone_and_what_is_pooled_stays(finished: Checkout):
    folders = list((finished.folder / "results" / "imagenet_zoo").rglob("features"))
    assert len(folders) == 7
    for folder in folders:
        files = {path.name for path in folder.iterdir()}
        assert files == {"model.txt", "trunk.npy", "head.npy", "views_trunk.npy", "views_head.npy"}


def test_offline_a_lost_model_is_made_from_the_cache(site: FileServer, finished: Checkout):
    before = len(site.requests)
    finished.edit("config.yaml", "offline: false", "offline: true")
    model = next((finished.folder / "results").rglob("deepclusterv2/*/model.safetensors"))
    content = model.read_bytes()
    model.unlink()
    result = finished.snakemake(str(model.relative_to(finished.folder)), study="imagenet_zoo")
    assert result.returncode == 0, result.stdout
    assert model.read_bytes() == content
    assert len(site.requests) == before


def test_a_cell_that_was_never_released_ends_before_any_job(finished: Checkout):
    path = finished.folder / "workflow" / "studies" / "imagenet_zoo.yaml"
    text = path.read_text()
    path.write_text(re.sub(r"- 1000\n", "- 900\n", text))
    result = finished.snakemake("--dry-run", study="imagenet_zoo")
    path.write_text(text)
    assert result.returncode != 0
    assert "no released checkpoint has algorithm simclr" in result.stdout
    assert "the nearest are simclr" in result.stdout
