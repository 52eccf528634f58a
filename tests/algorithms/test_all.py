"""What holds for every algorithm, also for one that is added."""

from dataclasses import replace

import pytest
import torch
from support.checks import last_state, tiny, tiny_batch, train

from feature_diversity.base.errors import InputError
from feature_diversity.compute.draws import generator
from feature_diversity.networks import model
from feature_diversity.planning.recipe import algorithms, recipe
from feature_diversity.training import saves
from feature_diversity.training.saves import save_state

LOOP_KEYS = {
    *("batch_size", "optimizer", "learning_rate", "momentum", "nesterov"),
    *("weight_decay", "decay_norm", "decay_bias"),
    *("schedule", "warmup_epochs", "warmup_start", "end", "milestones", "factor", "rate_update"),
}

BOTH_VIEWS = {"blur_probability": [0.9, 0.5], "solarize_probability": [0.2, 0.5]}
BLUR = {
    name: {"blur_probability": 0.5} for name in ("simclr", "deepclusterv2", "lejepa", "swav")
}  # small images have none
BLUR |= dict.fromkeys(
    ("align_uniform", "barlow_twins", "byol", "dino", "mocov2", "simsiam", "vicreg"), BOTH_VIEWS
)

every_algorithm = pytest.mark.parametrize("name", algorithms())


@every_algorithm
def test_the_recipe_has_what_the_training_loop_reads(name):
    assert set(recipe(name)) >= LOOP_KEYS
    assert set(recipe(name, small_images=True)) == set(recipe(name))


@every_algorithm
@pytest.mark.parametrize("colours", [1, 3])
def test_views_are_images_in_0_to_1(name, colours):
    inputs, targets = tiny(name).views(tiny_batch(colours), torch.Generator().manual_seed(0))
    assert len(targets) == 16
    for x in inputs:
        assert x.dtype == torch.float32
        assert x.shape[1] == colours
        assert float(x.min()) >= 0
        assert float(x.max()) <= 1 + 1e-6


@every_algorithm
def test_views_depend_on_the_draws_alone(name):
    first, again, other = (
        tiny(name).views(tiny_batch(), torch.Generator().manual_seed(seed))[0] for seed in (0, 0, 1)
    )
    assert all(torch.equal(x, y) for x, y in zip(first, again, strict=True))
    assert not any(torch.equal(x, y) for x, y in zip(first, other, strict=True))


@every_algorithm
def test_several_ranks_draw_the_views_that_one_would(name):
    pieces = {"jigsaw": [4], "pirl": [4, 1]}.get(name, [1])  # patches of an image follow each other
    batch = tiny_batch()
    whole, _ = tiny(name, **BLUR.get(name, {})).views(batch, generator(0, "views", share=(0, 1)))
    for rank in (0, 1):
        mine = slice(rank, None, 2)
        half = replace(batch, images=batch.images[mine], labels=batch.labels[mine], rows=batch.rows[mine])
        parts, _ = tiny(name, **BLUR.get(name, {})).views(half, generator(0, "views", share=(rank, 2)))
        for x, part, together in zip(whole, parts, pieces, strict=True):
            torch.testing.assert_close(part, x.unflatten(0, (-1, together))[mine].flatten(0, 1))


@every_algorithm
def test_views_leave_the_batch_as_it_is(name):
    batch = tiny_batch()
    images = batch.images.clone()
    tiny(name).views(batch, torch.Generator().manual_seed(0))
    assert torch.equal(batch.images, images)


@every_algorithm
def test_the_head_takes_features_of_whole_images(name):
    algorithm = tiny(name).eval()
    assert algorithm.head(torch.randn(5, 64)).shape[0] == 5
    assert algorithm.head(torch.randn(5, 64)).ndim == 2


@every_algorithm
def test_an_interrupted_training_ends_in_the_same_bits(name, tmp_path, monkeypatch):
    train(name, tmp_path / "whole")

    def interrupt(folder, steps, state):
        save_state(folder, steps, state)
        if steps == 10:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(saves, "save_state", interrupt)
        with pytest.raises(KeyboardInterrupt):
            train(name, tmp_path / "parts", save_minutes=0)
    train(name, tmp_path / "parts")

    whole, parts = (last_state(tmp_path / folder) for folder in ("whole", "parts"))
    for part in ("trunk", "algorithm"):
        assert whole[part].keys() == parts[part].keys()
        assert all(torch.equal(whole[part][key], parts[part][key]) for key in whole[part])
    assert [row["loss"] for row in whole["history"]] == [row["loss"] for row in parts["history"]]
    trained = model.read(tmp_path / "parts" / "snapshot_000004" / "model.safetensors")
    assert trained.head(trained.trunk(torch.randn(3, 3, 32, 32))).shape[0] == 3


@pytest.mark.parametrize("name", ["align_uniform", "barlow_twins", "lejepa", "simclr", "vicreg"])
def test_a_loss_that_compares_images_needs_two(name):
    with pytest.raises(InputError, match=f"{name}: batch_size is 1, expected 2"):
        tiny(name, batch_size=1)


@pytest.mark.parametrize(
    "name", ["align_uniform", "barlow_twins", "lejepa", "simclr", "simsiam", "swav", "vicreg"]
)
def test_a_batch_of_two_has_a_finite_loss(name):
    algorithm = tiny(name, batch_size=2)
    batch = tiny_batch()
    batch = replace(batch, images=batch.images[:2], labels=batch.labels[:2], rows=batch.rows[:2])
    inputs, targets = algorithm.views(batch, torch.Generator().manual_seed(0))
    features = [torch.randn(len(x), 64) for x in inputs]
    assert float(algorithm.loss(features, targets, torch.Generator().manual_seed(0)).isfinite())


@pytest.mark.parametrize("batch_size", [1, 71])
def test_a_batch_that_cannot_be_trained_on_is_refused_before_training(batch_size, tmp_path):
    with pytest.raises(InputError, match=f"rotnet: batch_size is {batch_size}, expected 2 .*to 70"):
        train("rotnet", tmp_path, batch_size=batch_size)
