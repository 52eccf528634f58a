"""The stage `pretrain`: train one network, from scratch or from where it was interrupted."""

import argparse
import csv
import json
import time
from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from feature_diversity import __version__
from feature_diversity.algorithms import Batch
from feature_diversity.base.batches import check_batch_size
from feature_diversity.base.errors import InputError
from feature_diversity.base.files import atomic_write
from feature_diversity.base.history import COLUMNS
from feature_diversity.base.lock import locked
from feature_diversity.base.run import Run
from feature_diversity.base.timing import announce_ready
from feature_diversity.compute.draws import generator
from feature_diversity.compute.interruption import Interruption
from feature_diversity.compute.launch import joined
from feature_diversity.compute.machine import Machine, add_options, from_options, prepare
from feature_diversity.compute.ranks import agree, rank, rank_0_first, say, share, world_size
from feature_diversity.data import store
from feature_diversity.data.loader import training_batches
from feature_diversity.networks import model
from feature_diversity.records.origin import versions
from feature_diversity.training import finished
from feature_diversity.training import store as shared
from feature_diversity.training.monitor import Monitor
from feature_diversity.training.saves import load_state, save_state
from feature_diversity.training.step import Training, initialise, one_pass, rate_at, take_step

PACKAGES = ("numpy", "pillow", "simplejpeg", "torch", "torchvision")  # that the bits of a network depend on


@joined()
def main(argv: list[str]) -> None:
    """Command line of the stage; see --help."""
    parser = command_line()
    arguments = parser.parse_args(argv)
    if not len(arguments.epochs) == len(arguments.models) == len(arguments.histories):
        parser.error("--epochs, --models and --histories must name as many snapshots")
    if arguments.shared and not arguments.code:
        parser.error("--shared needs --code: other code trains other networks")
    outputs = dict(
        zip(arguments.epochs, zip(arguments.models, arguments.histories, strict=True), strict=True)
    )
    machine = from_options(arguments)
    prepare(machine.device, arguments.threads)

    facts, (data,) = store.read(arguments.data, "train")
    if arguments.shared and not facts.digest:
        raise InputError(f"{arguments.data} has no digest of its images, as sharing needs; prepare it anew")
    options = describe(arguments, machine, facts, data, max(outputs))
    key = state_key(options, list(outputs))
    # The state lies beside the outputs and not among them: Snakemake removes a failed job's outputs.
    resume = outputs[max(outputs)][0].parent / "resume"
    with shared.claimed(arguments.shared, options, outputs) as give:
        if give is None:
            return
        with locked(resume / "lock") if rank() == 0 else nullcontext():
            if agree(int(rank() == 0 and finished.restore(resume, key, outputs)))[0]:
                say("this training is finished already: nothing is trained again")
                return
            train(
                options,
                data,
                facts,
                sorted(outputs),
                resume,
                machine=machine,
                save_minutes=arguments.save_minutes,
                tensorboard=arguments.tensorboard
                and arguments.tensorboard / Run(**arguments.run, epochs=max(outputs)).folder,
            )
            if rank() == 0:
                finished.publish(resume, outputs)
                give(resume)
                finished.keep(resume, key, outputs)


def describe(
    arguments: argparse.Namespace, machine: Machine, facts: store.Facts, data: store.Split, epochs: int
) -> dict[str, Any]:
    """What the bits of a training to so many epochs depend on: the metadata that all its models have."""
    return {
        "run": arguments.run,
        "recipe": arguments.recipe,
        "schedule_epochs": epochs,
        "engine": "native",
        "precision": machine.precision,
        "code": arguments.code or "unknown",
        "version": __version__,
        "packages": versions(*PACKAGES),
        "dataset": asdict(facts),
        "train_images": len(data.labels),
        "classes": len(facts.class_names),
    }


def state_key(options: dict[str, Any], snapshots: list[int]) -> str:
    """What a state must agree with to be continued: the training, and where it takes snapshots."""
    return json.dumps(options | {"snapshots": sorted(snapshots)}, sort_keys=True)


def command_line() -> argparse.ArgumentParser:
    """The stage's options."""
    parser = argparse.ArgumentParser(prog="feature_diversity pretrain", description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="prepared data set")
    parser.add_argument(
        "--run", type=json.loads, required=True, help="algorithm, depth, width, norm, seed (JSON)"
    )
    parser.add_argument(
        "--epochs", type=int, nargs="+", required=True, help="where to take snapshots; the largest ends it"
    )
    parser.add_argument(
        "--models", type=Path, nargs="+", required=True, help="model.safetensors of each snapshot"
    )
    parser.add_argument(
        "--histories", type=Path, nargs="+", required=True, help="history.csv of each snapshot"
    )
    parser.add_argument("--recipe", type=json.loads, required=True, help="hyper-parameters (JSON)")
    parser.add_argument("--code", default="", help="digest of the code, kept with the results")
    add_options(parser)
    parser.add_argument(
        "--save-minutes",
        type=float,
        default=10,
        help="save the state this often within an epoch (default 10); always after one",
    )
    parser.add_argument("--tensorboard", type=Path, help="folder of all trainings' TensorBoard files")
    parser.add_argument("--shared", default="", help="folder of finished trainings shared with other studies")
    return parser


def train(
    options: dict[str, Any],
    data: store.Split,
    facts: store.Facts,
    snapshots: list[int],
    folder: Path,
    *,
    machine: Machine,
    save_minutes: float = 10,
    tensorboard: Path | None = None,
) -> None:
    """Train to the last of `snapshots`, numbers of epochs, writing a model to `folder` at each of them.

    options: what the model's metadata say, and what a state in `folder` must agree with to be
    continued. Raises InputError for a batch of fewer than two images, of more than there are or that
    the ranks cannot share out evenly, and for a loss that is not finite; SystemExit on SIGTERM and
    SIGINT, when the state is saved.
    """
    run, recipe = options["run"], options["recipe"]
    epochs, batch_size = snapshots[-1], recipe["batch_size"]
    check_batch_size(
        run["algorithm"], batch_size, len(data.labels), trained=epochs > 0, processes=world_size()
    )
    steps = len(data.labels) // batch_size
    data = data.to(machine.device)
    training = initialise(options, facts, machine)
    saves = Saves(folder, state_key(options, snapshots), steps, save_minutes)
    saves.resume(training, snapshots)
    monitor = Monitor(
        machine.device,
        images=epochs * steps * batch_size,
        done=saves.steps_done(training) * batch_size,
        batch_size=batch_size,
        tensorboard=tensorboard,
    )
    if rank() == 0:
        announce_ready()
    with Interruption() as interruption:
        for epoch in range(training.epoch, epochs + 1):
            if rank() == 0 and epoch in snapshots and not training.losses:
                write_snapshot(training, options | {"epochs": epoch}, folder / finished.snapshot(epoch))
            if epoch == epochs:
                break
            for _ in train_epoch(training, data, recipe, run["seed"], epochs, monitor):
                stop, due = agree(interruption.exit_code, saves.due())
                if stop or due:
                    saves.save(training)
                    monitor.ended("other")
                if stop:
                    say(f"asked to stop: epoch {epoch + 1}, step {len(training.losses)} is saved")
                    raise SystemExit(stop)
            rate = rate_at(recipe, epoch, steps - 1, epochs, steps)
            losses = training.finish_epoch(rate, steps * batch_size)
            monitor.epoch(training.history[-1], epochs, losses)
            saves.save(training)
    monitor.close()


def train_epoch(
    training: Training, data: store.Split, recipe: dict[str, Any], seed: int, epochs: int, monitor: Monitor
) -> Iterator[None]:
    """What is left of the present epoch, step by step: yields after each."""
    epoch, batch_size = training.epoch, recipe["batch_size"]
    batches = partial(
        batches_of, data, batch_size=batch_size, size=training.facts.image_size, draw=(seed, epoch)
    )
    before = time.perf_counter()
    if not training.losses:
        with torch.no_grad():
            training.algorithm.start_epoch(
                one_pass(
                    training,
                    batches(all_rows(len(data.labels), batch_size)),
                    lambda number: generator(seed, "pass", epoch, number, share=share()),
                ),
                generator(seed, "epoch", epoch),
            )
        monitor.ended("other")
    order = torch.randperm(len(data.labels), generator=generator(seed, "order", epoch))
    steps = len(order) // batch_size
    left = range(len(training.losses), steps)
    for step, batch in zip(left, batches(order[left.start * batch_size : steps * batch_size]), strict=True):
        take_step(
            training, batch, rate_at(recipe, epoch, step, epochs, steps), (seed, epoch, step), monitor.ended
        )
        now = time.perf_counter()
        training.seconds += now - before
        before = now
        monitor.step()
        yield


def batches_of(
    data: store.Split, order: Tensor, *, batch_size: int, size: int, draw: tuple[int, int]
) -> Iterator[Batch]:
    """Batches of the images in this order (rows, int64), to become views of `size` pixels a side.

    Of each batch come this rank's images. draw: (seed, epoch) of what the loader draws for files.
    """
    first, ranks = share()
    for images, labels, rows in training_batches(data, order[first::ranks], batch_size // ranks, draw):
        yield Batch(store.to_unit(images), labels, rows, size)


def all_rows(count: int, batch_size: int) -> Tensor:
    """The rows of all images in order; the last batch is filled up with images of the one before."""
    incomplete = count % batch_size
    whole = torch.arange(count - incomplete)
    return torch.cat([whole, torch.arange(count - batch_size, count)]) if incomplete else whole


@dataclass
class Saves:
    """When and where the training's state is saved.

    key: what a state must agree with to be continued. steps: of an epoch. minutes: between two saves.
    """

    folder: Path
    key: str
    steps: int
    minutes: float

    def __post_init__(self):
        self.last = time.monotonic()

    def steps_done(self, training: Training) -> int:
        """Of the whole training."""
        return training.epoch * self.steps + len(training.losses)

    def due(self) -> bool:
        """Whether the last save was long ago."""
        return time.monotonic() - self.last >= 60 * self.minutes

    def save(self, training: Training) -> None:
        """Save the state; InputError, and nothing saved, if a loss was not finite."""
        state = training.state() | {"ranks": world_size()}
        if rank() == 0:
            save_state(self.folder, self.key, self.steps_done(training), state)
        self.last = time.monotonic()

    def resume(self, training: Training, snapshots: list[int]) -> None:
        """Put the training into its newest saved state, if there is one that can be continued."""
        with rank_0_first():
            state = load_state(self.folder, self.key)
        if state is not None and self.continues(state, snapshots):
            training.restore(state)
            say(f"going on after epoch {training.epoch}, step {len(training.losses)}")
        steps = self.steps_done(training)
        if agree(steps, -steps) != [steps, -steps]:
            raise InputError(f"the processes find different states in {self.folder}; is it on a shared disk?")

    def continues(self, state: dict[str, Any], snapshots: list[int]) -> bool:
        """Whether the snapshots from before a state are there.

        Raises InputError if the state is from within an epoch and of another number of ranks.
        """
        if state["losses"] and state["ranks"] != world_size():
            raise InputError(
                f"{self.folder} has a state from within an epoch, of {state['ranks']} processes, not "
                f"{world_size()}: go on with {state['ranks']} at least until the epoch is over"
            )
        begun = state["epoch"] + bool(state["losses"])
        if all(
            (self.folder / finished.snapshot(epoch) / "model.safetensors").exists()
            for epoch in snapshots
            if epoch < begun
        ):
            return True
        say(f"warning: a snapshot is missing in {self.folder}; training begins anew")
        return False


def write_snapshot(training: Training, facts: dict[str, Any], folder: Path) -> None:
    """Write the network as it is now, and the history so far."""
    model.write(folder / "model.safetensors", training.trunk, training.algorithm.head, facts)
    with atomic_write(folder / "history.csv") as path, open(path, "w", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(training.history)
