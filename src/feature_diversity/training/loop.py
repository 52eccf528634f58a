"""The training loop: epochs, their batches in a drawn order, and a step for each."""

import time
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import torch
from torch import Tensor

from feature_diversity.algorithms import Batch
from feature_diversity.compute.draws import generator
from feature_diversity.compute.ranks import share
from feature_diversity.data.loader import training_batches
from feature_diversity.data.store import Split, to_unit
from feature_diversity.training.state import Training
from feature_diversity.training.step import one_pass, rate_at, take_step


def train(
    training: Training,
    data: Split,
    recipe: dict[str, Any],
    *,
    seed: int,
    epochs: int,
    until: int,
    ended: Callable[[str], None] = lambda phase: None,
) -> Iterator[list[float] | None]:
    """Go on with a training, step by step, until so many of its epochs are done.

    Whoever iterates may save the training between two steps, or stop there for good.

    Args:
        training: as `initialise` made it or as it was restored, also from within an epoch.
        data: the training images, on the device unless they lie in files.
        recipe: the algorithm's hyper-parameters.
        seed: of all draws.
        epochs: number of epochs of the learning-rate schedule.
        until: number of epochs to do, at most `epochs`.
        ended: told the name of each phase of a step when it is over, for the clock.

    Yields:
        After each step: the losses of the epoch if that was its last step, else None.

    Raises:
        InputError: at the end of an epoch of which a loss was not finite.
    """
    images, batch_size = len(data.labels), recipe["batch_size"]
    steps = images // batch_size
    while training.epoch < until:
        epoch = training.epoch
        batches = partial(
            batches_of, data, batch_size=batch_size, size=training.facts.image_size, draw=(seed, epoch)
        )
        before = time.perf_counter()
        if not training.losses:
            renew(training, batches(all_rows(images, batch_size)), seed)
            ended("other")
        order = torch.randperm(images, generator=generator(seed, "order", epoch))
        done = len(training.losses)
        left = batches(order[done * batch_size : steps * batch_size])
        for step, batch in zip(range(done, steps), left, strict=True):
            rate = rate_at(recipe, epoch, step, epochs, steps)
            take_step(training, batch, rate, (seed, epoch, step), ended)
            now = time.perf_counter()
            training.seconds += now - before
            before = now
            yield training.finish_epoch(rate, steps * batch_size) if step + 1 == steps else None


@torch.no_grad()
def renew(training: Training, batches: Iterator[Batch], seed: int) -> None:
    """Let the algorithm renew what it renews before an epoch, such as its clusters."""
    epoch = training.epoch
    features = one_pass(
        training, batches, lambda number: generator(seed, "pass", epoch, number, share=share())
    )
    training.algorithm.start_epoch(features, generator(seed, "epoch", epoch))


def batches_of(
    data: Split, order: Tensor, *, batch_size: int, size: int, draw: tuple[int, int]
) -> Iterator[Batch]:
    """Batches of the images in an order. Of each batch come this rank's images.

    Args:
        data: the training images.
        order: rows of images, int64.
        batch_size: images of a batch on all ranks.
        size: side in pixels of the views that the images are to become.
        draw: (seed, epoch) of what the loader draws for images in files.
    """
    first, ranks = share()
    for images, labels, rows in training_batches(data, order[first::ranks], batch_size // ranks, draw):
        yield Batch(to_unit(images), labels, rows, size)


def all_rows(count: int, batch_size: int) -> Tensor:
    """The rows of all images in order; the last batch is filled up with images of the one before."""
    incomplete = count % batch_size
    whole = torch.arange(count - incomplete)
    return torch.cat([whole, torch.arange(count - batch_size, count)]) if incomplete else whole
