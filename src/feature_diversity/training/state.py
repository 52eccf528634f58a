"""All that changes while a network is trained: how it begins, and how it is saved and put back."""

import statistics
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from feature_diversity.algorithms import Algorithm, build
from feature_diversity.base.errors import InputError
from feature_diversity.base.run import Network
from feature_diversity.compute.draws import seeded
from feature_diversity.compute.machine import Machine
from feature_diversity.compute.norm_over_ranks import synchronise
from feature_diversity.compute.ranks import average_gradients, total, world_size
from feature_diversity.compute.recompute import recompute_in_backward
from feature_diversity.data.store import Facts
from feature_diversity.networks.resnet import ResNet, resnet
from feature_diversity.training.optim import SGD, make_optimizer, parameter_groups
from feature_diversity.training.penalties.applied import Penalty
from feature_diversity.training.penalties.reference import NOTHING, Reference


@dataclass
class Training:
    """All that changes while a network is trained, with the data set's facts and how to compute.

    Attributes:
        epoch: number of epochs done.
        losses: of the steps done in the present epoch; the latest may still be on the device.
        seconds: spent on the present epoch.
        history: a row for each epoch done, with the columns of `base.history`.
        penalty: what is added to the loss; `losses` are without it.
    """

    trunk: ResNet
    algorithm: Algorithm
    optimizer: SGD
    facts: Facts
    machine: Machine
    wait_for_gradients: Callable[[], None]
    epoch: int = 0
    losses: list[float | Tensor] = field(default_factory=list)
    seconds: float = 0.0
    history: list[dict[str, float | str]] = field(default_factory=list)
    penalty: Penalty | None = None

    def state(self) -> dict[str, Any]:
        """What `restore` takes: tensors, numbers, and lists and dictionaries of those.

        Raises:
            InputError: if a loss was not finite.
        """
        parts = {name: getattr(self, name).state_dict() for name in ("trunk", "algorithm", "optimizer")}
        return parts | {
            "epoch": self.epoch,
            "losses": self.read_losses(),
            "seconds": self.seconds,
            "history": self.history,
            "penalty": self.penalty.read() if self.penalty else [],
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Go back to a `state`."""
        for name in ("trunk", "algorithm", "optimizer"):
            getattr(self, name).load_state_dict(state[name])
        for name in ("epoch", "losses", "seconds", "history"):
            setattr(self, name, state[name])
        if self.penalty:
            self.penalty.restore(state["penalty"])

    def read_losses(self) -> list[float]:
        """The losses of the present epoch as numbers; the only place where the host waits for the device.

        Raises:
            InputError: naming the first step whose loss was not finite.
        """
        known = [loss for loss in self.losses if isinstance(loss, float)]
        waiting = self.losses[len(known) :]
        if waiting:
            known += (total(torch.stack(waiting).double()) / world_size()).tolist()
        self.losses = known
        bad = [step for step, loss in enumerate(self.losses) if not abs(loss) < float("inf")]
        if self.penalty:  # what comes before the first bad loss has made it
            self.penalty.check(bad[0] if bad else len(known))
        if bad:
            raise InputError(
                f"the loss became {self.losses[bad[0]]} in epoch {self.epoch + 1}, step {bad[0] + 1}; the "
                "state saved before is kept. A lower learning_rate in the study's recipes may help."
            )
        return self.losses

    def finish_epoch(self, rate: float, images: int) -> list[float]:
        """Add a row to the history and begin the next epoch.

        Args:
            rate: learning rate of the last step.
            images: how many passed in the epoch.

        Returns:
            The losses of the steps of the epoch that is over.

        Raises:
            InputError: if one of them was not finite.
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
            | (self.penalty.finish_epoch() if self.penalty else {})
        )
        self.losses, self.seconds = [], 0.0
        return losses


def initialise(
    network: Network,
    recipe: dict[str, Any],
    facts: Facts,
    train_images: int,
    machine: Machine,
    penalty: dict[str, Any] | None = None,
    reference: Reference = NOTHING,
) -> Training:
    """The untrained network and its optimiser. Networks of one seed and shape begin with the same trunk.

    penalty, reference: what is added to the loss, and what that needs of another training.
    """
    with seeded(network.seed, "trunk"):
        trunk = resnet(network.depth, network.width, network.norm)
    with seeded(network.seed, "head"):
        channels, classes = trunk.out_channels, len(facts.class_names)
        algorithm = build(network.algorithm, recipe, channels, train_images, classes)
    trunk.to(machine.device, memory_format=torch.channels_last).train()
    algorithm.begin(trunk)
    algorithm.to(machine.device).train()
    both = nn.ModuleList([trunk, algorithm])
    synchronise(both)
    if machine.recompute:
        recompute_in_backward(trunk.blocks())
    if machine.compile:
        # `prepare` has said so to all but the compiler
        torch.use_deterministic_algorithms(True, warn_only=machine.device.type == "cuda")
        trunk.compile()
    groups = parameter_groups(
        both,
        recipe["weight_decay"],
        decay_norm=recipe["decay_norm"],
        decay_bias=recipe["decay_bias"],
    )
    optimizer = make_optimizer(
        groups, optimizer=recipe["optimizer"], momentum=recipe["momentum"], nesterov=recipe["nesterov"]
    )
    wait = average_gradients(parameter for group in groups for parameter in group["params"])
    training = Training(trunk, algorithm, optimizer, facts, machine, wait)
    if penalty:
        training.penalty = Penalty(
            penalty,
            reference,
            seed=network.seed,
            trunk=trunk,
            algorithm=algorithm,
            patches=recipe.get("grid", 0) ** 2,
        )
    return training
