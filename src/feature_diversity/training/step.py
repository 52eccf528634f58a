"""One step of a training, whatever the algorithm: views, features, loss, gradients, update."""

from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor

from feature_diversity.algorithms import Batch
from feature_diversity.compute.draws import generator
from feature_diversity.compute.ranks import share
from feature_diversity.compute.recompute import in_parts
from feature_diversity.data import store
from feature_diversity.training.optim import learning_rate, scaled_learning_rate
from feature_diversity.training.state import Training


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
    """One update of all parameters; the loss, without a penalty, joins `training.losses`, unread.

    draw: (seed, epoch, step). ended: told the name of each phase of the step when it is over.
    """
    seed, *when = draw
    x, targets = inputs(training, batch, generator(seed, "views", *when, share=share()))
    ended("data")
    loss = training.algorithm.loss(encode(training, x), targets, generator(seed, "loss", *when))
    ended("forward")
    objective = loss + training.penalty.term(len(batch.labels), *when) if training.penalty else loss
    training.optimizer.zero_grad()
    objective.backward()
    training.wait_for_gradients()
    ended("backward")
    for group in training.optimizer.param_groups:
        group["lr"] = rate
    training.optimizer.step()
    training.losses.append(loss.detach())
    ended("optimiser")
