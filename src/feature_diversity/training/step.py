"""The training engine: a network with its optimiser, and one step of any algorithm."""

import statistics
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from feature_diversity.algorithms import Algorithm, Batch, build
from feature_diversity.base.errors import InputError
from feature_diversity.compute.draws import generator, seeded
from feature_diversity.compute.machine import Machine
from feature_diversity.compute.norm_over_ranks import synchronise
from feature_diversity.compute.ranks import average_gradients, share, total, world_size
from feature_diversity.compute.recompute import in_parts, recompute_in_backward
from feature_diversity.data import store
from feature_diversity.networks.resnet import ResNet, resnet
from feature_diversity.training.optim import (
    SGD,
    learning_rate,
    make_optimizer,
    parameter_groups,
    scaled_learning_rate,
)


@dataclass
class Training:
    """All that changes while a network is trained, with the data set's facts and how to compute.

    epoch: number of epochs done. losses: of the steps done in the present epoch; the latest may still be
    on the device. seconds: spent on the present epoch. history: a row for each epoch done.
    """

    trunk: ResNet
    algorithm: Algorithm
    optimizer: SGD
    facts: store.Facts
    machine: Machine
    wait_for_gradients: Callable[[], None]
    epoch: int = 0
    losses: list[float | Tensor] = field(default_factory=list)
    seconds: float = 0.0
    history: list[dict[str, float]] = field(default_factory=list)

    def state(self) -> dict[str, Any]:
        """What `saves.save_state` keeps. Raises InputError if a loss was not finite."""
        parts = {name: getattr(self, name).state_dict() for name in ("trunk", "algorithm", "optimizer")}
        return parts | {
            "epoch": self.epoch,
            "losses": self.read_losses(),
            "seconds": self.seconds,
            "history": self.history,
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Go back to a state."""
        for name in ("trunk", "algorithm", "optimizer"):
            getattr(self, name).load_state_dict(state[name])
        for name in ("epoch", "losses", "seconds", "history"):
            setattr(self, name, state[name])

    def read_losses(self) -> list[float]:
        """The losses of the present epoch as numbers; the only place where the host waits for the device.

        Raises InputError naming the first step whose loss was not finite.
        """
        known = [loss for loss in self.losses if isinstance(loss, float)]
        waiting = self.losses[len(known) :]
        if waiting:
            known += (total(torch.stack(waiting).double()) / world_size()).tolist()
        self.losses = known
        bad = [step for step, loss in enumerate(self.losses) if not abs(loss) < float("inf")]
        if bad:
            raise InputError(
                f"the loss became {self.losses[bad[0]]} in epoch {self.epoch + 1}, step {bad[0] + 1}; the "
                "state saved before is kept. A lower learning_rate in the study's recipes may help."
            )
        return self.losses

    def finish_epoch(self, rate: float, images: int) -> list[float]:
        """Add a row to the history and begin the next epoch; returns the losses of this one.

        rate: of the last step. images: passed in the epoch. Raises InputError if a loss was not finite.
        """
        losses = self.read_losses()
        self.epoch += 1
        self.history.append(
            {
                "epoch": self.epoch,
                "loss": statistics.fmean(losses),
                "learning_rate": rate,
                "images_per_second": round(images / self.seconds, 1),
            }
        )
        self.losses, self.seconds = [], 0.0
        return losses


def initialise(options: dict[str, Any], facts: store.Facts, machine: Machine) -> Training:
    """The untrained network and its optimiser. Runs of one seed and shape begin with the same trunk."""
    run, recipe = options["run"], options["recipe"]
    with seeded(run["seed"], "trunk"):
        trunk = resnet(run["depth"], run["width"], run["norm"])
    with seeded(run["seed"], "head"):
        algorithm = build(
            run["algorithm"], recipe, trunk.out_channels, options["train_images"], options["classes"]
        )
    trunk.to(machine.device, memory_format=torch.channels_last).train()
    algorithm.to(machine.device).train()
    network = nn.ModuleList([trunk, algorithm])
    synchronise(network)
    if machine.recompute:
        recompute_in_backward(trunk.blocks())
    if machine.compile:
        # `prepare` has said so to all but the compiler
        torch.use_deterministic_algorithms(True, warn_only=machine.device.type == "cuda")
        trunk.compile()
    groups = parameter_groups(
        network,
        recipe["weight_decay"],
        decay_norm=recipe["decay_norm"],
        decay_bias=recipe["decay_bias"],
    )
    optimizer = make_optimizer(
        groups, optimizer=recipe["optimizer"], momentum=recipe["momentum"], nesterov=recipe["nesterov"]
    )
    wait = average_gradients(parameter for group in groups for parameter in group["params"])
    return Training(trunk, algorithm, optimizer, facts, machine, wait)


def rate_at(recipe: dict[str, Any], epoch: int, step: int, epochs: int, steps: int) -> float:
    """The learning rate of a step (VISSL sets it anew every step or every epoch, by recipe)."""
    done = epoch + (step / steps if recipe["rate_update"] == "step" else 0)
    scaled = {
        name: scaled_learning_rate(recipe[name], recipe["batch_size"])
        for name in ("learning_rate", "warmup_start", "end")
    }
    return learning_rate(
        done / epochs,
        base=scaled["learning_rate"],
        schedule=recipe["schedule"],
        warmup=recipe["warmup_epochs"] / epochs,
        warmup_start=scaled["warmup_start"],
        end=scaled["end"],
        milestones=recipe["milestones"],
        factor=recipe["factor"],
    )


def inputs(training: Training, batch: Batch, draws: torch.Generator) -> tuple[list[Tensor], Tensor]:
    """The algorithm's views of a batch as the trunk takes them, and the targets."""
    views, targets = training.algorithm.views(batch, draws)
    return [store.normalise(x, training.facts) for x in views], targets


def encode(training: Training, x: list[Tensor]) -> list[Tensor]:
    """The trunk's features, V x channels, of each of the inputs. Only the trunk computes in bfloat16."""
    trunk, machine = training.trunk, training.machine
    low = machine.precision == "bfloat16"
    with torch.autocast(machine.device.type, torch.bfloat16, enabled=low):
        rows = machine.micro_batch
        features = [in_parts(trunk, images, rows) if rows else trunk(images) for images in x]
    return [output.float() for output in features] if low else features


def one_pass(
    training: Training, batches: Iterator[Batch], draws: Callable[[int], torch.Generator]
) -> Iterator[tuple[list[Tensor], Tensor]]:
    """What `Algorithm.start_epoch` is given. draws: the number of a batch -> generator for its views."""
    for number, batch in enumerate(batches):
        x, targets = inputs(training, batch, draws(number))
        yield encode(training, x), targets


def take_step(
    training: Training,
    batch: Batch,
    rate: float,
    draw: tuple[int, int, int],
    ended: Callable[[str], None] = lambda phase: None,
) -> None:
    """One update of all parameters; the loss joins `training.losses`, unread.

    draw: (seed, epoch, step). ended: told the name of each phase of the step when it is over.
    """
    seed, *when = draw
    x, targets = inputs(training, batch, generator(seed, "views", *when, share=share()))
    ended("data")
    loss = training.algorithm.loss(encode(training, x), targets, generator(seed, "loss", *when))
    ended("forward")
    training.optimizer.zero_grad()
    loss.backward()
    training.wait_for_gradients()
    ended("backward")
    for group in training.optimizer.param_groups:
        group["lr"] = rate
    training.optimizer.step()
    training.losses.append(loss.detach())
    ended("optimiser")
