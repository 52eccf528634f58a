"""One training as a job: resumed, watched, saved, interrupted; its networks written as snapshots."""

import csv
from pathlib import Path
from typing import Any

from feature_diversity.base.batches import check_batch_size
from feature_diversity.base.files import atomic_write
from feature_diversity.base.history import COLUMNS, LOG_COLUMNS, PENALTY_COLUMNS
from feature_diversity.base.paths import HISTORY, MODEL
from feature_diversity.base.timing import announce_ready
from feature_diversity.compute.interruption import Interruption
from feature_diversity.compute.machine import Machine
from feature_diversity.compute.ranks import agree, rank, say, world_size
from feature_diversity.data.store import Split
from feature_diversity.networks import model
from feature_diversity.training import loop, state
from feature_diversity.training.epoch_log import EpochLog
from feature_diversity.training.monitor import Monitor
from feature_diversity.training.penalties.reference import NOTHING, Reference
from feature_diversity.training.saves import Saves
from feature_diversity.training.settings import Settings
from feature_diversity.training.store import snapshot_folder


def train(
    snapshots: list[int],
    *,
    settings: Settings,
    data: Split,
    folder: Path,
    machine: Machine,
    reference: Reference = NOTHING,
    save_minutes: float = 10,
    tensorboard: Path | None = None,
) -> None:
    """Train, from the beginning or from the newest state in `folder`, and leave snapshots there.

    Args:
        snapshots: numbers of epochs after which to take one, ascending; the training ends with the last.
        settings: what the bits depend on; all models say it.
        data: the training images.
        folder: the training's, in a store.
        machine: how to compute.
        reference: what the settings' penalty needs of another training.
        save_minutes: between two saves of the state within an epoch; it is always saved after one.
        tensorboard: where to write for TensorBoard.

    Raises:
        InputError: for a batch of fewer than two images, of more than there are or that the ranks cannot
            share out evenly, and for a loss that is not finite.
        SystemExit: on SIGTERM and SIGINT, when the state is saved.
    """
    network, recipe, until = settings.network, settings.recipe, snapshots[-1]
    images, batch_size = len(data.labels), recipe["batch_size"]
    check_batch_size(network.algorithm, batch_size, images, trained=until > 0, processes=world_size())
    data = data.to(machine.device)
    training = state.initialise(
        network, recipe, settings.dataset, images, machine, settings.penalty, reference
    )
    log = EpochLog.of(data, settings.dataset, settings.log_every if rank() == 0 else 0)
    saves = Saves(folder, images // batch_size, save_minutes)
    saves.resume(training, snapshots)
    monitor = Monitor(
        machine.device,
        training.algorithm.head,
        images=until * saves.steps * batch_size,
        done=saves.steps_done(training) * batch_size,
        batch_size=batch_size,
        tensorboard=tensorboard,
    )

    def take_snapshot() -> None:
        if rank() == 0 and training.epoch in snapshots:
            metadata = settings.metadata() | {"epochs": training.epoch}
            columns = LOG_COLUMNS if settings.log_every else ()
            write_snapshot(training, metadata, folder / snapshot_folder(training.epoch), columns)

    if rank() == 0:
        announce_ready()
    with Interruption() as interruption:
        if not training.losses:
            take_snapshot()
        for losses in loop.train(
            training,
            data,
            recipe,
            seed=network.seed,
            epochs=settings.schedule_epochs,
            until=until,
            ended=monitor.ended,
        ):
            monitor.step()
            if losses:
                row = training.history[-1]
                row |= log.measure(training.trunk, training.algorithm.head, training.epoch)
                monitor.epoch(row, until, losses)
            stop, due = agree(interruption.exit_code, saves.due())
            if losses or stop or due:
                saves.save(training)
                monitor.ended("other")
            if losses:
                take_snapshot()
            if stop:
                say(f"asked to stop: epoch {training.epoch + 1}, step {len(training.losses)} is saved")
                raise SystemExit(stop)
    monitor.close()


def write_snapshot(
    training: state.Training, metadata: dict[str, Any], folder: Path, logged: tuple[str, ...] = ()
) -> None:
    """Write the network as it is now, and the history so far. logged: columns of measures in it."""
    model.write(folder / MODEL, training.trunk, training.algorithm.head, metadata)
    with atomic_write(folder / HISTORY) as path, open(path, "w", encoding="utf-8", newline="") as file:
        columns = [*COLUMNS, *logged, *(PENALTY_COLUMNS if training.penalty else ())]
        writer = csv.DictWriter(file, columns, lineterminator="\n")
        writer.writeheader()
        writer.writerows(training.history)
