"""What the stage `vissl` does before and after VISSL (not needed here): inputs, messages, leftovers."""

import json

import numpy as np
import pytest
import torch
from PIL import Image
from support.pictures import picture

from feature_diversity.base.errors import InputError
from feature_diversity.data import store
from feature_diversity.planning.recipe import recipe
from feature_diversity.stages import vissl
from feature_diversity.vissl import run as vissl_engine
from feature_diversity.vissl.run import begin, checkpoint, image_paths, write_history, write_inputs

NETWORK = {"algorithm": "simclr", "depth": 50, "width": 1.0, "norm": "batchnorm", "seed": 1}
HISTORY = "epoch,loss,learning_rate,images_per_second\n1,3.5,0.1,40.0\n2,3.0,0.1,41.0\n3,2.5,0.1,40.5\n"


def arguments(folder, **changes) -> list[str]:
    network = NETWORK | changes
    options = {
        "data": folder / "data.safetensors",
        "network": json.dumps(network),
        "epochs": 1,
        "models": folder / "run" / "model.safetensors",
        "histories": folder / "run" / "history.csv",
        "recipe": json.dumps(recipe(network["algorithm"])),
        "store": folder / "trainings",
    }
    return [str(part) for name, value in options.items() for part in (f"--{name}", value)]


def test_without_vissl_a_message_says_how_to_make_its_environment(tmp_path):
    with pytest.raises(InputError, match=r"VISSL is not in the environment of .*make vissl-env"):
        vissl.main(arguments(tmp_path))


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_deepclusterv2_is_refused_without_a_gpu(tmp_path):
    with pytest.raises(InputError, match="VISSL's DeepClusterV2 needs a GPU, and there is none"):
        vissl.main(arguments(tmp_path, algorithm="deepclusterv2"))


def test_images_in_memory_are_written_without_loss(tmp_path):
    images = torch.randint(0, 256, (5, 3, 16, 16), dtype=torch.uint8)
    written = [
        np.asarray(Image.open(path).convert("RGB")) for path in image_paths(images, tmp_path / "images")
    ]
    np.testing.assert_array_equal(np.stack(written), images.permute(0, 2, 3, 1))


def test_grey_images_are_the_same_in_all_channels(tmp_path):
    images = torch.randint(0, 256, (2, 1, 16, 16), dtype=torch.uint8)
    (first, _) = [np.asarray(Image.open(path).convert("RGB")) for path in image_paths(images, tmp_path / "i")]
    np.testing.assert_array_equal(first, images[0].permute(1, 2, 0).expand(-1, -1, 3))


def test_vissl_reads_images_in_files_where_they_lie(prepare_folders, class_folders, tmp_path):
    _, (data,) = store.read(prepare_folders(), "train", folder=class_folders)
    write_inputs(tmp_path, data, recipe("jigsaw"))
    paths = np.load(tmp_path / "images.npy")
    assert [Image.open(path).size for path in paths] == [picture(0).size] * len(data.labels)
    assert [path.split("/")[-2] for path in paths] == [["cat", "dog"][label] for label in data.labels]
    np.testing.assert_array_equal(np.load(tmp_path / "labels.npy"), data.labels)
    assert np.load(tmp_path / "permutations.npy").shape == (2000, 9)
    assert not (tmp_path / "images").exists()


def test_images_in_the_cache_become_files(prepare_folders, tmp_path):
    _, (data,) = store.read(prepare_folders(cache=True), "train")
    paths = list(image_paths(data.images, tmp_path / "images"))
    assert [path.read_bytes() for path in paths] == [data.images.content(row) for row in range(len(paths))]


def test_what_another_training_left_is_removed(tmp_path):
    begin(tmp_path, {"SEED_VALUE": 1})
    (tmp_path / "images").mkdir()
    (tmp_path / "model_phase0.torch").write_text("")
    begin(tmp_path, {"SEED_VALUE": 1})
    assert (tmp_path / "model_phase0.torch").exists()
    begin(tmp_path, {"SEED_VALUE": 2})
    assert [path.name for path in tmp_path.iterdir()] == ["configuration.json"]
    assert json.loads((tmp_path / "configuration.json").read_text()) == {"SEED_VALUE": 2}


def test_the_history_of_a_snapshot_ends_with_it(tmp_path):
    (tmp_path / "all.csv").write_text(HISTORY)
    write_history(tmp_path / "all.csv", tmp_path / "history.csv", 2)
    assert (tmp_path / "history.csv").read_text() == "".join(HISTORY.splitlines(keepends=True)[:3])


def test_an_untrained_network_has_an_empty_history(tmp_path):
    write_history(tmp_path / "none.csv", tmp_path / "history.csv", 0)
    assert (tmp_path / "history.csv").read_text() == HISTORY.splitlines(keepends=True)[0]


@pytest.mark.parametrize(
    ("epochs", "name"),
    [(0, "untrained.pt"), (1, "model_phase0.torch"), (3, "model_final_checkpoint_phase2.torch")],
)
def test_each_snapshot_is_a_checkpoint_of_vissls(tmp_path, epochs: int, name: str):
    assert checkpoint(tmp_path, epochs, last=3) == tmp_path / name


def test_vissls_log_learns_nothing_secret(tmp_path, monkeypatch):
    monkeypatch.setenv("SECRET_TOKEN", "hidden")
    driver = tmp_path / "driver.py"
    driver.write_text("import os; print(dict(os.environ), file=open('seen', 'w'))")
    monkeypatch.setattr(vissl_engine, "DRIVER", driver)
    vissl_engine.start(tmp_path, threads=3)
    seen = (tmp_path / "seen").read_text()
    assert "hidden" not in seen
    assert "'OMP_NUM_THREADS': '3'" in seen


def test_vissls_failure_names_its_log(tmp_path, monkeypatch):
    driver = tmp_path / "driver.py"
    driver.write_text("raise SystemExit(3)")
    monkeypatch.setattr(vissl_engine, "DRIVER", driver)
    with pytest.raises(InputError, match=r"VISSL ended with exit code 3; .*log\.txt"):
        vissl_engine.start(tmp_path, threads=1)
