"""Trainings with a penalty: what it does, what it leaves alone, and that they are as exact as any other."""

import csv
import json
import multiprocessing
import os
import signal
import socket
import sys
from pathlib import Path

import pytest
import torch
from support.checks import CPU, tiny_batch, tiny_recipe, train
from support.checks import last_state as newest

from feature_diversity.base.errors import InputError
from feature_diversity.base.history import COLUMNS, PENALTY_COLUMNS
from feature_diversity.base.run import Network
from feature_diversity.compute import launch
from feature_diversity.data import store
from feature_diversity.measures.uniform_sphere import expectation
from feature_diversity.stages import pretrain
from feature_diversity.training import loop, step
from feature_diversity.training.penalties.applied import gradient_of
from feature_diversity.training.penalties.directions import pooled
from feature_diversity.training.penalties.energy import energy
from feature_diversity.training.penalties.reference import Reference
from feature_diversity.training.state import initialise

OBSERVED = {"lever": "energy", "layer": "trunk", "weight": 0}
CROWDED = {"lever": "energy", "layer": "trunk", "delta": -1, "kappa": 3}
ROTATED = {"placebo": "rotation", "layer": "trunk"}
GIVEN = Reference(excess=(0.1,), norms=((0.25,),))


def rows(path: Path) -> list[dict[str, str]]:
    with open(path, newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture
def treat(training, tmp_path):
    """Train with a penalty; returns the folder of the last snapshot."""

    def run(penalty: dict, reference: Path | None = None, epochs: int = 4, **options) -> Path:
        name = f"{json.dumps(penalty)} {options}"
        arguments = [*training(tmp_path / name, epochs, **options), "--penalty", json.dumps(penalty)]
        pretrain.main(arguments + (["--reference", str(reference)] if reference else []))
        return tmp_path / name / f"ep{epochs}"

    return run


@pytest.fixture
def untreated(treat) -> Path:
    """The history of the untreated run."""
    return treat(OBSERVED) / "history.csv"


def one_training(penalty: dict, algorithm="rotnet", reference=GIVEN):
    """A training of random images before its first step, and its batch."""
    facts = store.Facts("random", [0.5], [0.3], 32, 32, [str(i) for i in range(10)])
    network = Network(algorithm, 14, 0.0625, "batchnorm", seed=1)
    training = initialise(network, tiny_recipe(algorithm), facts, 70, CPU, penalty, reference)
    return training, tiny_batch(channels=1)


def gradients(training) -> torch.Tensor:
    return torch.cat([parameter.grad.flatten() for parameter in training.optimizer.buffers])


# --- what is seen and left ---


def test_a_training_that_is_only_observed_has_the_bits_of_one_without_a_penalty(treat, train, tmp_path):
    folder = treat(OBSERVED)
    [plain] = train(tmp_path / "plain", 4)
    with (
        store.safe_open(plain, framework="pt") as a,
        store.safe_open(folder / "model.safetensors", framework="pt") as b,
    ):
        assert all(torch.equal(a.get_tensor(key), b.get_tensor(key)) for key in a.keys())  # noqa: SIM118
    observed, usual = rows(folder / "history.csv"), rows(plain.with_name("history.csv"))
    assert list(observed[0]) == [*COLUMNS, *PENALTY_COLUMNS]
    assert list(usual[0]) == list(COLUMNS)
    assert [row["loss"] for row in observed] == [row["loss"] for row in usual]
    assert all(float(row["excess_trunk"]) > 0 for row in observed)
    assert all(row["gradient_norms"].split() == ["0.0"] * 4 for row in observed)


@pytest.mark.parametrize("algorithm", ["simclr", "jigsaw", "pirl", "rotnet"])
def test_what_is_seen_is_the_energy_of_one_view_of_every_image(algorithm):
    training, batch = one_training(OBSERVED, algorithm)
    views, _ = step.inputs(training, batch, step.generator(1, "views", 0, 0, share=(0, 1)))
    step.take_step(training, batch, 0.0, (1, 0, 0))
    found = training.penalty.read()[0]
    with torch.no_grad():
        layers = training.trunk.forward_layers(
            min(views, key=len), ["conv1", "res2", "res3", "res4", "res5", "trunk"]
        )
    for place, (layer, maps) in enumerate(layers.items()):
        z = pooled(maps)
        z = z[:: len(z) // 16] if algorithm == "jigsaw" else z[:16]
        expected = float(energy(z.double())) - expectation(z.shape[1], 1)
        assert found[place] == pytest.approx(expected, rel=1e-3), layer


def test_a_plain_weight_adds_its_share_of_the_levers_gradient():
    plain, batch = one_training(OBSERVED)
    step.take_step(plain, batch, 0.0, (1, 0, 0))
    weighed, _ = one_training({"lever": "koleo", "layer": "trunk", "weight": 0.5})
    step.take_step(weighed, batch, 0.0, (1, 0, 0))
    weighed_twice, _ = one_training({"lever": "koleo", "layer": "trunk", "weight": 1})
    step.take_step(weighed_twice, batch, 0.0, (1, 0, 0))
    once, twice = gradients(weighed) - gradients(plain), gradients(weighed_twice) - gradients(plain)
    assert once.norm() > 0
    torch.testing.assert_close(2 * once, twice, rtol=0, atol=1e-4 * float(twice.abs().max()))


def test_every_lever_pulls_as_hard_as_the_energy_at_the_same_set_point():
    norms = {}
    for lever in ("energy", "uniformity", "koleo", "variance_covariance", "mean_direction"):
        training, batch = one_training(CROWDED | {"lever": lever, "delta": 0.5})
        step.take_step(training, batch, 0.0, (1, 0, 0))
        norms[lever] = training.penalty.read()[0][-1]
    assert norms["energy"] > 0
    assert list(norms.values()) == pytest.approx([norms["energy"]] * 5, rel=1e-5)


def test_the_gradient_of_a_set_point_is_that_of_its_penalty_through_the_energy():
    training, batch = one_training(CROWDED)
    seen = []
    training.trunk.register_forward_hook(lambda module, inputs, output: seen.append(output))
    step.take_step(training, batch, 0.0, (1, 0, 0))
    z = seen[0].detach().requires_grad_()
    x = (energy(z) - expectation(z.shape[1], 1)) / 0.1
    penalty = 3 * (x - 2) ** 2
    penalty.backward()
    assert training.penalty.read()[0][-1] == pytest.approx(float(z.grad.norm()), rel=1e-5)
    assert training.penalty.read()[0][-2] == pytest.approx(penalty.item(), rel=1e-5)


@pytest.mark.parametrize("layer", ["conv1", "res2", "res3", "res4", "res5", "trunk", "head"])
def test_weights_are_a_lever_of_their_layer_alone(layer):
    plain, batch = one_training(OBSERVED)
    step.take_step(plain, batch, 0.0, (1, 0, 0))
    moved, _ = one_training({"lever": "weight_energy", "layer": layer, "weight": 10})
    step.take_step(moved, batch, 0.0, (1, 0, 0))
    trunk = {"conv1": "conv1.", "trunk": "layer4."} | {f"res{n}": f"layer{n - 1}." for n in range(2, 6)}
    named = dict(moved.trunk.named_parameters()) | {
        f"head.{key}": value for key, value in moved.algorithm.head.named_parameters()
    }
    before = dict(plain.trunk.named_parameters()) | {
        f"head.{key}": value for key, value in plain.algorithm.head.named_parameters()
    }
    changed = {key for key in named if not torch.equal(named[key].grad, before[key].grad)}
    assert changed
    assert all(key.startswith(trunk.get(layer, "head.")) for key in changed)


@pytest.mark.parametrize("kind", ["rotation", "random"])
def test_a_placebo_is_as_long_as_the_treated_runs_gradient(kind):
    training, batch = one_training({"placebo": kind, "layer": "res3"})
    step.take_step(training, batch, 0.0, (1, 0, 0))
    assert training.penalty.read()[0][-1] == pytest.approx(0.25, rel=1e-6)
    assert gradient_of(energy, torch.eye(3))[1].shape == (3, 3)


# --- what it does ---


def test_a_dose_is_delivered_and_a_placebo_has_the_norms_of_the_treated_run(treat, untreated):
    treated = treat(CROWDED, untreated) / "history.csv"
    spread = treat(CROWDED | {"delta": 0.5}, untreated) / "history.csv"
    # of the second half, as one epoch of a few steps hangs on the processor's rounding
    reached = [
        sum(float(row["excess_trunk"]) for row in rows(path)[2:]) for path in (spread, untreated, treated)
    ]
    assert reached == sorted(reached)
    placebo = treat(ROTATED, treated) / "history.csv"
    for theirs, mine in zip(rows(treated), rows(placebo), strict=True):
        expected = [float(norm) for norm in theirs["gradient_norms"].split()]
        assert [float(norm) for norm in mine["gradient_norms"].split()] == pytest.approx(expected, rel=1e-6)


def kill_at(path: str, arguments: list[str]) -> None:
    """The stage, killed as it renames a file to this name."""

    def watch(event: str, values: tuple) -> None:
        if event == "os.rename" and os.path.basename(os.fspath(values[1])) == path:
            os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(watch)
    pretrain.main(arguments)


@pytest.mark.parametrize("penalty", [CROWDED, ROTATED])
def test_a_training_killed_within_an_epoch_ends_with_the_same_bits(
    penalty, treat, untreated, training, tmp_path
):
    reference = untreated if penalty is CROWDED else treat(CROWDED, untreated) / "history.csv"
    undisturbed = treat(penalty, reference)
    arguments = [*training(tmp_path / "killed", 4), "--penalty", json.dumps(penalty)]
    arguments += ["--reference", str(reference), "--save-minutes", "0"]
    process = multiprocessing.get_context("spawn").Process(
        target=kill_at, args=("state_000000007.pt", arguments)
    )
    process.start()
    process.join()
    assert process.exitcode == -signal.SIGKILL
    pretrain.main(arguments)
    killed = tmp_path / "killed" / "ep4"
    assert (killed / "model.safetensors").read_bytes() == (undisturbed / "model.safetensors").read_bytes()
    expected, found = rows(undisturbed / "history.csv"), rows(killed / "history.csv")
    for row in (*expected, *found):
        del row["images_per_second"]
    assert found == expected


# --- two ranks ---

TREATMENTS = {
    "set point": (CROWDED, "simclr"),
    "of a map": ({"lever": "uniformity", "layer": "res3", "delta": 0.5, "kappa": 3}, "jigsaw"),
    "of the head": ({"lever": "koleo", "layer": "head", "weight": 0.1}, "deepclusterv2"),
    "of weights": ({"lever": "weight_energy", "layer": "res4", "weight": 1}, "rotnet"),
    "rotation": (ROTATED, "supervised"),
    "random": ({"placebo": "random", "layer": "conv1"}, "pirl"),
}
ANOTHER = Reference(excess=(0.1, 0.2), norms=((0.1,) * 4, (0.2,) * 4))


def train_all(folder: Path, rank: int, ranks: int, port: int) -> None:
    """One process: every treatment for eight steps, keeping the gradients of each."""
    os.environ |= {"RANK": str(rank), "WORLD_SIZE": str(ranks), "LOCAL_RANK": str(rank)}
    os.environ |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    torch.set_num_threads(1)
    torch.set_default_dtype(torch.float64)
    kept = []

    def take_step(training, *arguments):
        step.take_step(training, *arguments)
        kept.append(gradients(training))

    loop.take_step = take_step
    with launch.joined():
        for name, (penalty, algorithm) in TREATMENTS.items():
            kept.clear()
            place = folder / str(ranks) / name
            train(algorithm, place, epochs=2, penalty=penalty, reference=ANOTHER)
            torch.save(torch.stack(kept), place / f"gradients_{rank}.pt")


@pytest.fixture(scope="module")
def ranks(tmp_path_factory) -> Path:
    """Folders `1` and `2` with what one rank and two made of the same batches."""
    folder = tmp_path_factory.mktemp("ranks")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    context = multiprocessing.get_context("spawn")
    processes = [
        context.Process(target=train_all, args=(folder, rank, ranks, port))
        for rank, ranks in ((0, 1), (0, 2), (1, 2))
    ]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert [process.exitcode for process in processes] == [0, 0, 0]
    return folder


@pytest.mark.parametrize("name", TREATMENTS)
def test_two_ranks_do_what_one_does(name, ranks):
    one, two = (
        torch.load(ranks / str(count) / name / "gradients_0.pt", weights_only=True) for count in (1, 2)
    )
    assert len(one) == 8
    torch.testing.assert_close(two, one, rtol=0, atol=1e-7 * float(one.abs().max()))
    first, second = (newest(ranks / count / name)["history"] for count in "12")
    for expected, found in zip(first, second, strict=True):
        for column in PENALTY_COLUMNS:
            expected_numbers, numbers = (
                [float(number) for number in str(row[column]).split()] for row in (expected, found)
            )
            assert numbers == pytest.approx(expected_numbers, rel=1e-6, nan_ok=True), column


# --- bad input ---


@pytest.mark.parametrize(
    ("penalty", "message"),
    [
        ({"layer": "trunk"}, "expected one of lever and placebo"),
        (
            CROWDED | {"strength": 1},
            "the keys delta, kappa, layer, lever, strength; expected delta, kappa, la",
        ),
        ({"lever": "energy", "layer": "trunk"}, "expected delta, kappa, layer, lever"),
        (CROWDED | {"lever": "spread"}, "lever is 'spread', expected one of energy, weight_energy, unif"),
        (ROTATED | {"placebo": "sugar"}, "placebo is 'sugar', expected one of rotation, random"),
        (CROWDED | {"layer": "res6"}, "layer is 'res6', expected one of conv1, res2"),
        (CROWDED | {"delta": 1.5}, "delta is 1.5, expected a number of -1 to 1"),
        (CROWDED | {"kappa": 0}, "kappa is 0, expected a number above 0"),
        (OBSERVED | {"weight": -1}, "weight is -1, expected a number of at least 0"),
        (OBSERVED | {"weight": True}, "weight is True, expected a number of at least 0"),
        (OBSERVED | {"lever": "koleo", "s": 2}, "koleo has no power s"),
        (CROWDED, "--reference is missing; this penalty needs the history of the untreated run"),
        (ROTATED, "--reference is missing; this penalty needs the history of the treated run"),
    ],
)
def test_a_penalty_that_cannot_be_is_refused_before_training(penalty, message, treat, capfd):
    with pytest.raises(InputError, match=message):
        treat(penalty)
    assert "ready" not in capfd.readouterr().err


def test_jigsaws_head_is_refused(treat):
    with pytest.raises(InputError, match="layer is head, which Jigsaw trains on patches only"):
        treat(OBSERVED | {"layer": "head"}, algorithm="jigsaw")


def test_a_reference_that_does_not_serve_is_named(treat, untreated, tmp_path):
    with pytest.raises(InputError, match=r"nowhere\.csv does not exist: the untreated run"):
        treat(CROWDED, tmp_path / "nowhere.csv")
    with pytest.raises(InputError, match="has 4 epochs, expected 5: those of the untreated run"):
        treat(CROWDED, untreated, epochs=5)
    with pytest.raises(InputError, match="excess_conv1 is 'nan' in epoch 1, expected a number above 0"):
        treat(CROWDED | {"layer": "conv1"}, untreated)
    with pytest.raises(InputError, match="gradient_norms has 4 numbers in epoch 1, expected 8, one a step"):
        treat(ROTATED, untreated, batch_size=8)
    with pytest.raises(InputError, match="this penalty needs none"):
        treat(OBSERVED, untreated)
    with pytest.raises(InputError, match="no usable column excess_trunk"):
        treat(CROWDED, Path(pretrain.__file__))


def test_a_reference_without_a_penalty_and_options_of_the_machine_are_refused(training, untreated, tmp_path):
    arguments = training(tmp_path / "plain", 1)
    with pytest.raises(InputError, match="but there is no --penalty"):
        pretrain.main([*arguments, "--reference", str(untreated)])
    with pytest.raises(InputError, match="--compile and --micro-batch do not go with it"):
        pretrain.main([*arguments, "--penalty", json.dumps(OBSERVED), "--compile"])
    with pytest.raises(SystemExit):
        pretrain.main([*arguments, "--reference", str(untreated), str(untreated)])


def test_a_penalty_that_is_not_finite_stops_the_training_at_its_step(treat, untreated):
    with pytest.raises(InputError, match=r"the penalty on trunk became .* in step 1 of the epoch"):
        treat(CROWDED | {"kappa": 1e300}, untreated)
