"""The algorithms, one file each. Adding one means adding a file; its name is the file's.

A file holds, in this order: `RECIPE`, `LEGAL`, `SMALL_IMAGES` and `VIEWS` (literal dictionaries, read without
importing the file; `LEGAL` says which values keys of its own may have, see `planning.recipe`, and may be left
out: then numbers from 0 on; `VIEWS` counts what the trunk sees of an image in an epoch: "image", whole views;
"patches", sets of grid x grid; "crops", sets of the recipe's crops; `MOMENTUM = True` says that a momentum
network sees them, too), the algorithm's class (views, head, loss, and what it keeps between steps), its loss
as a pure function, and `ALGORITHM`, which names the class.
`simclr.py` is the one to copy.

Keys that every `RECIPE` has, because the training loop reads them:

    batch_size                        images a step
    optimizer, momentum, nesterov     "larc" or "sgd"
    learning_rate                     for a batch of 256; scaled with the batch
    schedule                          "cosine", "multistep" or "constant"
    warmup_epochs, warmup_start       linear rise from warmup_start (for a batch of 256)
    end                               last rate of a cosine (for a batch of 256)
    milestones, factor                of a multistep: shares of the run, and what the rate is multiplied by
    rate_update                       "step" or "epoch": how often the rate is set anew
    weight_decay, decay_norm, decay_bias
"""

import importlib
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor, nn


@dataclass(frozen=True)
class Batch:
    """Training images of one step.

    Attributes:
        images: float32 in 0 ... 1, B x C x S x S.
        labels: int64, B.
        rows: int64, B, numbers among the training images.
        size: side of what the network takes, in pixels; S may be another.
    """

    images: Tensor
    labels: Tensor
    rows: Tensor
    size: int


class Algorithm(nn.Module):
    """What the training loop asks of an algorithm. Buffers are state: they are saved and resumed.

    Attributes:
        head: maps trunk features, B x channels, to what the recorded layer `head` is.
    """

    head: nn.Module

    def begin(self, trunk: nn.Module) -> None:
        """Take from the untrained trunk what the algorithm keeps of it, such as a copy; here nothing.

        Args:
            trunk: on its device, before the first step and before a state is read.
        """

    def views(self, batch: Batch, generator: torch.Generator) -> tuple[list[Tensor], Tensor]:
        """Make the trunk's inputs from a batch.

        Args:
            batch: of training images.
            generator: of the draws; those with a row for each image are made by `rand` and `randint` of
                `compute.draws`.

        Returns:
            The inputs in 0 ... 1, V x C x H x W, one list entry for each size of image; and the targets.
        """
        raise NotImplementedError

    def loss(self, features: list[Tensor], targets: Tensor, generator: torch.Generator) -> Tensor:
        """Compute the scalar to minimise.

        On several ranks, each has its part of the batch, and the mean of what they return counts: see
        `compute.ranks` for what they exchange.

        Args:
            features: the trunk's, V x channels, of each of the inputs.
            targets: of `views`.
            generator: of the draws.
        """
        raise NotImplementedError

    def start_epoch(
        self, features: Iterator[tuple[list[Tensor], Tensor]], generator: torch.Generator
    ) -> None:
        """Renew what is renewed once an epoch; here nothing. Called before every epoch, without gradients.

        Args:
            features: a pass over all training images with the trunk as it is, at no cost unless it is taken:
                for each batch, the trunk's features of `views`, and the targets. The last batch is filled up
                with images of the one before it.
            generator: of the draws.
        """


def build(name: str, recipe: dict, channels: int, images: int, classes: int) -> Algorithm:
    """Make the algorithm of that name.

    Args:
        name: of a file in this folder.
        recipe: its hyper-parameters.
        channels: of the trunk's features.
        images: in the training set.
        classes: in the training set.
    """
    module = importlib.import_module(f"feature_diversity.algorithms.{name}")
    return module.ALGORITHM(recipe, channels=channels, images=images, classes=classes)
