"""Two processes, gloo on the CPU, against one: everything in float64, so that a difference is an error."""

import multiprocessing
import os
import socket
from pathlib import Path

import pytest
import torch
from support.checks import last_state, train

from feature_diversity.compute import launch
from feature_diversity.compute.machine import Machine
from feature_diversity.planning.recipe import algorithms
from feature_diversity.training import loop, step

EVERYTHING = {  # what the recipes for small images leave out
    "simclr": {"blur_probability": 0.5},
    "deepclusterv2": {"blur_probability": 0.5},
    "npid": {"loss_type": "nce", "negatives": 32, "temperature": 0.2},
    "pirl": {"photometric_probability": 0.5},
}
TOLERANCE = 1e-7  # of the largest value: eight steps make of a rounding error 1e-9


def train_all(folder: Path, rank: int, ranks: int, port: int) -> None:
    """One process: trains every algorithm for eight steps, keeping the gradients of each."""
    os.environ |= {"RANK": str(rank), "WORLD_SIZE": str(ranks), "LOCAL_RANK": str(rank)}
    os.environ |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    torch.set_num_threads(1)
    torch.set_default_dtype(torch.float64)
    gradients = []

    def take_step(training, *arguments):
        step.take_step(training, *arguments)
        gradients.append(torch.cat([parameter.grad.flatten() for parameter in training.optimizer.buffers]))

    loop.take_step = take_step
    with launch.joined():
        for name in algorithms():
            gradients.clear()
            # one algorithm also with what backward computes anew, BatchNorm's exchange included
            machine = Machine(torch.device("cpu"), recompute=ranks == 2 and name == "supervised")
            train(name, folder / str(ranks) / name, epochs=2, machine=machine, **EVERYTHING.get(name, {}))
            torch.save(torch.stack(gradients), folder / str(ranks) / name / f"gradients_{rank}.pt")


@pytest.fixture(scope="module")
def trainings(tmp_path_factory) -> Path:
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


def assert_same(actual: torch.Tensor, expected: torch.Tensor) -> None:
    """Equal but for rounding."""
    assert actual.dtype == expected.dtype
    torch.testing.assert_close(actual, expected, rtol=0, atol=TOLERANCE * float(expected.abs().max()))


@pytest.mark.parametrize("name", algorithms())
def test_two_ranks_have_the_gradients_of_one_in_every_step(name, trainings):
    expected = torch.load(trainings / "1" / name / "gradients_0.pt", weights_only=True)
    assert len(expected) == 8
    for rank in (0, 1):
        gradients = torch.load(trainings / "2" / name / f"gradients_{rank}.pt", weights_only=True)
        for actual, wanted in zip(gradients, expected, strict=True):
            assert_same(actual, wanted)


@pytest.mark.parametrize("name", algorithms())
def test_two_ranks_have_the_losses_of_one(name, trainings):
    one, two = (last_state(trainings / ranks / name)["history"] for ranks in "12")
    assert [row["loss"] for row in two] == pytest.approx([row["loss"] for row in one], rel=TOLERANCE)


@pytest.mark.parametrize("name", algorithms())
def test_two_ranks_end_in_the_state_of_one(name, trainings):
    one, two = (last_state(trainings / ranks / name) for ranks in "12")
    for part in ("trunk", "algorithm"):
        assert one[part].keys() == two[part].keys()
        for key, expected in one[part].items():
            assert_same(two[part][key], expected)
    for actual, expected in zip(two["optimizer"]["momentum"], one["optimizer"]["momentum"], strict=True):
        assert_same(actual, expected)


def test_ranks_keep_the_same_bits(trainings):
    for name in algorithms():
        first, second = (
            torch.load(trainings / "2" / name / f"gradients_{rank}.pt", weights_only=True) for rank in (0, 1)
        )
        assert torch.equal(first, second)
