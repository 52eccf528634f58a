import csv
import json
import os
import re
import shutil
import statistics
from collections.abc import Iterator

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file

from feature_diversity.algorithms import build
from feature_diversity.base.errors import InputError
from feature_diversity.base.lock import locked
from feature_diversity.compute.draws import seeded
from feature_diversity.networks.resnet import resnet
from feature_diversity.planning.recipe import recipe
from feature_diversity.stages import pretrain
from feature_diversity.training import saves
from feature_diversity.training.saves import save_state


def history(model):
    """Rows of the history beside a model."""
    with open(model.with_name("history.csv"), newline="") as file:
        return list(csv.DictReader(file))


# --- the same bits ---


@pytest.mark.parametrize("algorithm", ["simclr", "supervised"])
def test_the_same_command_gives_the_same_bits(train, tmp_path, algorithm):
    first, second = (train(tmp_path / name, 2, algorithm=algorithm)[0] for name in "ab")
    assert first.read_bytes() == second.read_bytes()


def test_another_seed_gives_other_weights(train, tmp_path):
    first, second = (load_file(train(tmp_path / str(seed), 1, seed=seed)[0]) for seed in (1, 2))
    assert not torch.equal(first["trunk.conv1.weight"], second["trunk.conv1.weight"])


def test_a_training_does_not_depend_on_what_was_drawn_before(train, tmp_path):
    torch.manual_seed(1)
    [first] = train(tmp_path / "a", 1)
    torch.manual_seed(2)
    [second] = train(tmp_path / "b", 1)
    assert first.read_bytes() == second.read_bytes()


def test_several_networks_have_the_bits_that_each_has_alone(train, training, tmp_path):
    alone = [path for seed in (1, 2) for path in train(tmp_path / str(seed), 0, 1, seed=seed)]
    first, second = (training(tmp_path / f"both{seed}", 0, 1, seed=seed) for seed in (1, 2))
    for option, values in (("--histories", 2), ("--models", 2), ("--network", 1)):
        place = second.index(option) + 1
        first[place + values : place + values] = second[place : place + values]
    pretrain.main(first)
    folders = [tmp_path / f"both{seed}" / f"ep{epochs}" for seed in (1, 2) for epochs in (0, 1)]
    both = [folder / "model.safetensors" for folder in folders]
    assert [path.read_bytes() for path in both] == [path.read_bytes() for path in alone]


def test_files_must_be_named_for_the_snapshots_of_every_network(training, tmp_path, capsys):
    given = training(tmp_path, 1)
    place = given.index("--network") + 1
    given.insert(place, given[place].replace('"seed": 1', '"seed": 2'))
    with pytest.raises(SystemExit):
        pretrain.main(given)
    assert "must name as many snapshots of each network" in capsys.readouterr().err


# --- budget and trajectory ---


def test_the_end_of_a_trajectory_is_the_budget_of_that_many_epochs(train, tmp_path):
    *_, last = train(tmp_path / "trajectory", 0, 1, 10)
    [budget] = train(tmp_path / "budget", 10)
    assert last.read_bytes() == budget.read_bytes()


def test_a_trajectory_leaves_a_model_and_a_history_at_each_number_of_epochs(train, tmp_path):
    models = train(tmp_path, 0, 1, 3)
    assert [len(history(model)) for model in models] == [0, 1, 3]
    assert len({model.read_bytes() for model in models}) == 3


def test_a_model_says_after_how_many_epochs_it_was_taken(train, tmp_path):
    for epochs, path in zip((0, 2), train(tmp_path, 0, 2), strict=True):
        with safe_open(path, framework="np") as file:
            assert json.loads(file.metadata()["facts"])["epochs"] == epochs


@pytest.mark.parametrize("algorithm", ["simclr", "supervised"])
def test_no_epochs_give_the_initial_network(train, tmp_path, algorithm):
    [path] = train(tmp_path, 0, algorithm=algorithm, seed=7)
    with seeded(7, "trunk"):
        trunk = resnet(14, 1 / 64, "batchnorm")
    with seeded(7, "head"):
        head = build(algorithm, recipe(algorithm), trunk.out_channels, 64, 10).head
    expected = {f"trunk.{key}": value for key, value in trunk.state_dict().items()}
    expected |= {f"head.{key}": value for key, value in head.state_dict().items()}
    found = load_file(path)
    assert found.keys() == expected.keys()
    assert all(torch.equal(found[key], expected[key]) for key in expected)


def test_training_changes_every_weight(train, tmp_path):
    before, after = map(load_file, train(tmp_path, 0, 1))
    assert [key for key in before if torch.equal(before[key], after[key])] == []


# --- what is left ---


def test_the_history_has_a_row_for_each_epoch(train, tmp_path):
    rows = history(train(tmp_path, 3)[0])
    assert [row["epoch"] for row in rows] == ["1", "2", "3"]
    assert list(rows[0]) == ["epoch", "loss", "learning_rate", "images_per_second"]
    assert all(float(row["loss"]) > 0 and float(row["images_per_second"]) > 0 for row in rows)


def test_the_loss_falls(train, tmp_path):
    changes = {"optimizer": "sgd", "learning_rate": 0.5, "momentum": 0.9, "schedule": "constant"}
    losses = [
        float(row["loss"]) for row in history(train(tmp_path, 12, algorithm="supervised", **changes)[0])
    ]
    assert sum(losses[-3:]) < 0.95 * sum(losses[:3])


def test_the_learning_rate_is_scaled_with_the_batch(train, tmp_path):
    changes = {"learning_rate": 0.8, "schedule": "constant", "warmup_epochs": 0}
    assert history(train(tmp_path, 1, **changes)[0])[0]["learning_rate"] == str(0.8 * 16 / 256)


def test_no_state_is_left(train, tmp_path):
    first, last = train(tmp_path, 0, 2)
    assert sorted(os.listdir(first.parent)) == ["history.csv", "model.safetensors"]
    assert sorted(os.listdir(last.parent)) == ["history.csv", "model.safetensors"]
    [folder] = (tmp_path / "trainings").iterdir()
    snapshots = ["snapshot_000000", "snapshot_000002"]
    assert sorted(os.listdir(folder)) == ["finished.json", "lock", "settings.json", *snapshots]


def test_a_training_of_which_nothing_is_left_is_done_again_from_the_start(train, tmp_path, capfd):
    [model] = train(tmp_path, 1)
    content = model.read_bytes()
    shutil.rmtree(model.parent)
    shutil.rmtree(tmp_path / "trainings")
    capfd.readouterr()
    assert train(tmp_path, 1) == [model]
    assert "going on" not in capfd.readouterr().err
    assert model.read_bytes() == content


# --- when it cannot go on ---

DIVERGES = {"algorithm": "supervised", "batch_size": 64, "learning_rate": 1e38, "schedule": "constant"}


def test_a_loss_that_is_not_finite_stops_the_training(command, training, tmp_path):
    done = command("pretrain", *training(tmp_path, 1, 5, **DIVERGES))
    assert done.returncode == 1
    message = done.stderr.splitlines()[-1]
    assert message.startswith(
        "error: the loss became nan in epoch 2, step 1; the state saved before is kept."
    )
    assert "Traceback" not in done.stderr
    assert not list(tmp_path.glob("ep*/model.safetensors"))
    assert [path.name for path in tmp_path.glob("trainings/*/state*")] == ["state_000000001.pt"]


def test_the_step_of_a_bad_loss_is_counted_within_its_epoch(train, tmp_path):
    with pytest.raises(InputError, match="in epoch 1, step 2; the state saved before"):
        train(tmp_path, 5, **DIVERGES | {"batch_size": 16})


def test_a_batch_larger_than_the_data_is_refused_before_training(train, tmp_path, capfd):
    with pytest.raises(
        InputError, match=r"simclr: batch_size is 65, expected 2 .* to 64, the number of training"
    ):
        train(tmp_path, 1, batch_size=65)
    assert "ready" not in capfd.readouterr().err


def test_a_batch_of_all_images_is_one_step(train, tmp_path):
    assert len(history(train(tmp_path, 1, batch_size=64)[0])) == 1


def test_a_batch_of_fewer_than_two_images_is_refused(train, tmp_path):
    with pytest.raises(InputError, match="batch_size is 1, expected 2"):
        train(tmp_path, 1, batch_size=1)


def test_a_missing_data_set_is_named(training, tmp_path):
    arguments = training(tmp_path, 1)
    arguments[1] = str(tmp_path / "nowhere")
    with pytest.raises(InputError, match=r"nowhere is not a prepared data set"):
        pretrain.main(arguments)


def test_a_second_process_on_the_same_run_is_refused(command, training, train, tmp_path):
    train(tmp_path / "elsewhere", 2)
    [key] = os.listdir(tmp_path / "elsewhere" / "trainings")
    with locked(tmp_path / "trainings" / key / "lock"):
        done = command("pretrain", *training(tmp_path, 2))
    assert done.returncode == 1
    assert done.stderr.startswith(f"error: another process trains this run: process {os.getpid()} on ")
    assert not (tmp_path / "ep2" / "model.safetensors").exists()


@pytest.fixture
def stop_after_an_epoch(monkeypatch):
    """Run the stage until its first state is saved."""

    def run(arguments: list[str]) -> None:
        def save_and_stop(*state):
            save_state(*state)
            raise KeyboardInterrupt

        with monkeypatch.context() as patch:
            patch.setattr(saves, "save_state", save_and_stop)
            with pytest.raises(KeyboardInterrupt):
                pretrain.main(arguments)

    return run


@pytest.mark.parametrize("code", ["same", "other"])
def test_only_a_state_of_the_same_code_is_continued(training, stop_after_an_epoch, tmp_path, capfd, code):
    arguments = training(tmp_path, 2)
    stop_after_an_epoch([*arguments, "--code", "same"])
    capfd.readouterr()
    pretrain.main([*arguments, "--code", code])
    assert ("going on after epoch" in capfd.readouterr().err) == (code == "same")


def test_a_state_of_other_options_is_not_continued(training, train, stop_after_an_epoch, tmp_path):
    stop_after_an_epoch(training(tmp_path / "a", 3))
    [after], [alone] = (train(tmp_path / name, 3, learning_rate=0.05) for name in "ab")
    assert after.read_bytes() == alone.read_bytes()


# --- the machine ---


def test_a_gpu_that_is_not_there_is_said_at_once(training, tmp_path, monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    with pytest.raises(InputError, match="--device is cuda, but PyTorch finds no GPU here"):
        pretrain.main([*training(tmp_path, 1), "--device", "cuda"])


def test_recomputing_activations_changes_no_bit(train, training, tmp_path):
    [kept] = train(tmp_path / "kept", 2)
    pretrain.main([*training(tmp_path / "recomputed", 2), "--recompute"])
    assert (tmp_path / "recomputed" / "ep2" / "model.safetensors").read_bytes() == kept.read_bytes()


def of_layernorm(arguments: list[str]) -> list[str]:
    """The arguments, of a network with LayerNorm."""
    return [argument.replace('"batchnorm"', '"layernorm"') for argument in arguments]


@pytest.fixture
def double() -> Iterator[None]:
    """Everything in float64, so that a difference is an error: in float32, four steps blow rounding up."""
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


@pytest.mark.usefixtures("double")
@pytest.mark.parametrize("algorithm", ["simclr", "jigsaw"])
def test_micro_batches_change_nothing_but_rounding(training, tmp_path, algorithm):
    models = []
    for name, more in {"whole": [], "parts": ["--micro-batch", "5"]}.items():
        pretrain.main([*of_layernorm(training(tmp_path / name, 1, algorithm=algorithm)), *more])
        models.append(load_file(tmp_path / name / "ep1" / "model.safetensors"))
    whole, parts = models
    assert whole["trunk.conv1.weight"].dtype == torch.float64
    assert all(torch.allclose(whole[key], parts[key], rtol=1e-6, atol=1e-9) for key in whole)


def test_micro_batches_are_refused_where_batchnorm_would_make_them_inexact(training, tmp_path):
    with pytest.raises(
        InputError, match="--micro-batch: BatchNorm takes its statistics over the whole batch"
    ):
        pretrain.main([*training(tmp_path, 1), "--micro-batch", "4"])


def test_bfloat16_is_kept_with_the_model(training, tmp_path):
    pretrain.main([*training(tmp_path, 1), "--precision", "bfloat16"])
    with safe_open(tmp_path / "ep1" / "model.safetensors", framework="np") as file:
        assert json.loads(file.metadata()["facts"])["precision"] == "bfloat16"
        assert file.get_tensor("trunk.conv1.weight").dtype == "float32"


# --- watching ---


def test_the_end_says_how_fast_it_was_and_where_the_time_went(train, tmp_path, capfd):
    train(tmp_path, 2)
    line = capfd.readouterr().err.splitlines()[-1]
    assert re.match(r"128 images in [0-9.]+ s: [0-9,]+ images/s; data ", line)
    shares = [float(share) for share in re.findall(r"([0-9.]+) %", line)]
    assert len(shares) == 5
    assert sum(shares) == pytest.approx(100, abs=0.3)


def test_tensorboard_gets_every_steps_loss(training, tmp_path):
    accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    pretrain.main([*training(tmp_path, 2), "--tensorboard", str(tmp_path / "events")])
    folder = next((tmp_path / "events").glob("simclr/*_ep2_*"))
    events = accumulator.EventAccumulator(str(folder)).Reload()
    losses = events.Scalars("loss")
    assert [event.step for event in losses] == list(range(1, 9))
    mean = statistics.fmean(event.value for event in losses[4:])
    assert mean == pytest.approx(float(history(tmp_path / "ep2" / "model.safetensors")[1]["loss"]))
