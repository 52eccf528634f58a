"""The page's images are those of the data set, its losses those of the histories."""

import io
import json
from base64 import b64decode
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from safetensors.numpy import save_file
from support.report_study import study_table

from feature_diversity.base.errors import InputError
from feature_diversity.base.run import RUN, Run
from feature_diversity.report.content import lines_of, logs_of, said_of_images
from feature_diversity.report.images import EACH, data_of
from feature_diversity.report.losses import drawn, histories_of


def decoded(address: str) -> np.ndarray:
    return np.array(Image.open(io.BytesIO(b64decode(address.removeprefix("data:image/png;base64,")))))


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A data set of three classes, the last without a held-out image; grey ones of 12 x 12."""
    draws = np.random.default_rng(0)
    tensors = {}
    for split, labels in {"train": [0, 0, 1, 2], "held_out": [1, 0] * 10, "held_out_2": []}.items():
        tensors[f"{split}.labels"] = np.array(labels, dtype=np.int64)
        tensors[f"{split}.images"] = draws.integers(0, 256, (len(labels), 1, 12, 12), dtype=np.uint8)
    path = tmp_path / "data.safetensors"
    save_file(tensors, path, {"facts": json.dumps({"class_names": ["a", "b", "c"]})})
    np.save(tmp_path / "held_out.npy", tensors["held_out.images"])
    return path


def test_splits_are_counted_and_images_shown_as_they_are(data: Path):
    found = data_of(data, data.parent)
    assert [split[:1] + split[2:] for split in found["splits"]] == [
        ("train", 4, 1, 2),
        ("held_out", 20, 0, 10),
    ]
    assert list(found["examples"]) == ["a", "b"]
    stored = np.load(data.parent / "held_out.npy")
    for name, rows in {"a": range(1, 20, 2), "b": range(0, 20, 2)}.items():
        shown = [decoded(address) for address in found["examples"][name]]
        assert len(shown) == EACH
        for image, row in zip(shown, rows, strict=False):
            np.testing.assert_array_equal(image, stored[row, 0])


def test_images_in_files_are_shown_small_and_lost_ones_left_out(data: Path, tmp_path: Path):
    folder = tmp_path / "images"
    folder.mkdir()
    Image.new("RGB", (300, 200), (200, 30, 30)).save(folder / "red.png")
    names = b"red.png\0gone.png\0"
    tensors = {
        "held_out.labels": np.zeros(2, dtype=np.int64),
        "held_out.paths": np.frombuffer(names, dtype=np.uint8),
    }
    save_file(tensors, data, {"facts": json.dumps({"class_names": ["a"]})})
    (address,) = data_of(data, folder)["examples"]["a"]
    assert decoded(address).shape == (32, 48, 3)
    assert (decoded(address) == (200, 30, 30)).all()


def test_a_file_that_is_no_data_set_is_named(data: Path):
    data.write_bytes(b"nothing")
    with pytest.raises(InputError, match=r"data\.safetensors is not a prepared data set"):
        data_of(data, data.parent)


def test_losses_are_those_of_each_training_at_its_end(tmp_path: Path):
    runs = study_table().drop_duplicates(RUN)
    last = runs[(runs["algorithm"] == "simclr") & (runs["epochs"] == 20)]
    for seed, row in enumerate(last[RUN].itertuples(index=False)):
        folder = tmp_path / Run(**row._asdict()).folder
        folder.mkdir(parents=True)
        pd.DataFrame({"epoch": [1, 2], "loss": [4.0 + seed, 3.0], "images_per_second": 1}).to_csv(
            folder / "history.csv", index=False
        )
    losses = histories_of(runs, tmp_path)
    assert len(losses) == 2 * len(last) == 12
    assert sorted(losses.loc[losses["epoch"] == 1, "loss"]) == [4, 5, 6, 7, 8, 9]
    picture = drawn(losses)
    assert picture == drawn(losses)  # the same bytes
    assert b">SimCLR<" in b64decode(picture.removeprefix("data:image/svg+xml;base64,"))
    assert drawn(losses.head(0)) == ""


def test_what_was_logged_of_trainings_is_drawn(tmp_path: Path):
    runs = study_table().drop_duplicates(RUN)
    assert logs_of(runs, tmp_path) == {}
    last = runs[(runs["algorithm"] == "simclr") & (runs["epochs"] == 20)]
    for row in last[RUN].itertuples(index=False):
        folder = tmp_path / Run(**row._asdict()).folder
        folder.mkdir(parents=True)
        logged = {"diversity_trunk": [np.nan, -1.1, np.nan, -1.0]}
        pd.DataFrame({"epoch": [1, 2, 3, 4], "loss": 3.0} | logged).to_csv(
            folder / "history.csv", index=False
        )
    found = histories_of(runs, tmp_path, "diversity_trunk")
    assert set(found["epoch"]) == {2, 4}
    pictures = logs_of(runs, tmp_path)
    assert list(pictures) == ["trunk"]
    assert b"diversity of the trunk" in b64decode(
        pictures["trunk"].removeprefix("data:image/svg+xml;base64,")
    )


def test_what_needs_no_network_is_told(tmp_path: Path):
    table = study_table().assign(pixel_error=0.101, chance_error=0.9)
    assert lines_of(table) == [("test error on raw pixels", "10.1 %"), ("chance", "90.0 %")]
    assert lines_of(study_table()) == []
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs" / "data.log").write_text("ready after 1 s\n3 corrupt images left out\n")
    assert said_of_images(tmp_path) == ["3 corrupt images left out"]
