import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler
from support.pictures import picture

from feature_diversity.base.errors import InputError
from feature_diversity.data import store
from feature_diversity.data.image_files import ImageFiles
from feature_diversity.evaluation import pixels
from feature_diversity.stages import pixels as stage

SPLITS = ("train", "validation", "test")
CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def known(digits):
    """Facts and splits of prepared digits."""
    return store.read(digits, *SPLITS)


def test_the_error_is_that_of_scikit_learns_logistic_regression_on_the_pixels(known):
    facts, splits = known
    found = pixels.pixel_errors(facts, splits, [0.01], CPU)
    train, _, test = (split.images.flatten(1).numpy() / 255 for split in splits)
    scale = StandardScaler().fit(train)
    # its C is of the sum of losses, our penalty of their mean
    theirs = LogisticRegression(C=1 / (0.01 * len(train)), tol=1e-8, max_iter=5000)
    theirs.fit(scale.transform(train), splits[0].labels.numpy())
    wrong = theirs.predict(scale.transform(test)) != splits[2].labels.numpy()
    assert found["test_error"] == pytest.approx(wrong.mean(), abs=1.5 / len(wrong))
    assert (found["n_train"], found["n_test"]) == (len(train), len(test))
    assert found["values"] == train.shape[1]


def test_chance_names_the_most_frequent_class_of_the_training_images(known):
    facts, splits = known
    labels = splits[0].labels.clone()
    labels[:] = 3
    found = pixels.pixel_errors(facts, [replace(splits[0], labels=labels), *splits[1:]], [1.0], CPU)
    assert found["chance_error"] == pytest.approx((splits[2].labels != 3).double().mean().item())


def test_the_same_data_give_the_same_error(known):
    assert pixels.pixel_errors(*known, [0.1], CPU) == pixels.pixel_errors(*known, [0.1], CPU)


def test_large_images_are_reduced_by_means_over_areas():
    images = torch.randint(0, 256, (3, 3, 64, 64), dtype=torch.uint8)
    found = pixels.values(store.Split(images, torch.zeros(3, dtype=torch.int64)), 64)
    means = images.double().reshape(3, 3, 32, 2, 32, 2).mean(dim=(3, 5)) / 255
    torch.testing.assert_close(found, means.flatten(1).float())


def test_many_images_are_drawn_in_equal_shares_of_every_class(known, monkeypatch):
    facts, splits = known
    monkeypatch.setattr(pixels, "MOST_IMAGES", 40)
    found = pixels.pixel_errors(facts, splits, [0.1], CPU)
    assert found["n_train"] == 40
    assert found["n_test"] == len(splits[2].labels)


@pytest.mark.parametrize("in_shards", [False, True])
def test_a_draw_of_images_in_files_reads_these_images(tmp_path, in_shards):
    contents = []
    for number in range(8):
        picture(number).save(tmp_path / f"{number}.jpg")
        contents.append((tmp_path / f"{number}.jpg").read_bytes())
    names, spans = [f"{number}.jpg" for number in range(8)], None
    if in_shards:
        (tmp_path / "all").write_bytes(b"".join(contents))
        lengths = np.array([len(content) for content in contents])
        names, spans = ["all"], np.stack([np.zeros(8, int), lengths.cumsum() - lengths, lengths], axis=1)
    files = ImageFiles(tmp_path, names, spans, 32, 36)
    whole = store.Split(files, torch.tensor([0, 1] * 4))
    drawn = pixels._drawn(whole, 4)
    assert drawn.labels.tolist().count(0) == 2
    everything, mine = pixels.values(whole, 32), pixels.values(drawn, 32)
    rows = [int((everything == row).all(dim=1).nonzero().item()) for row in mine]
    assert len(set(rows)) == 4
    assert [whole.labels[row].item() for row in rows] == drawn.labels.tolist()


def test_the_stage_writes_what_it_found(digits, tmp_path):
    output = tmp_path / "pixels.json"
    stage.main(["--data", str(digits), "--penalties", "0.1", "1", "--output", str(output)])
    found = json.loads(output.read_text())
    assert 0 < found["test_error"] < found["chance_error"] < 1


def test_data_without_training_images_are_named(digits, tmp_path, monkeypatch):
    facts, splits = store.read(digits, *SPLITS)
    empty = store.Split(splits[0].images[:0], splits[0].labels[:0])
    monkeypatch.setattr(store, "read", lambda *_, **__: (facts, [empty, *splits[1:]]))
    with pytest.raises(InputError, match="has no train images, which a classifier of pixels needs"):
        stage.main(["--data", str(digits), "--penalties", "1", "--output", str(tmp_path / "pixels.json")])
