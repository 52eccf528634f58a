"""The stage `pretrain`: train one network, from scratch or from where it was interrupted."""

import argparse
import csv
import json
import shutil
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from tqdm import tqdm

from feature_diversity import __version__, model
from feature_diversity.algorithms import Algorithm, Batch, build
from feature_diversity.checkpoint import load_state, locked, save_state
from feature_diversity.data import store
from feature_diversity.draws import generator, seeded
from feature_diversity.files import InputError, atomic_write
from feature_diversity.optim import learning_rate, make_optimizer, parameter_groups, scaled_learning_rate
from feature_diversity.progress import announce_ready
from feature_diversity.resnet import ResNet, resnet

HISTORY = ("epoch", "loss", "learning_rate", "images_per_second")


def main(argv: list[str]) -> None:
    """Command line of the stage; see --help."""
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
    parser.add_argument("--code", default="unknown", help="digest of the code, kept with the results")
    parser.add_argument("--threads", type=int, default=1)
    arguments = parser.parse_args(argv)
    torch.set_num_threads(arguments.threads)
    torch.use_deterministic_algorithms(True)

    facts, (data,) = store.read(arguments.data, "train")
    options = {
        "run": arguments.run,
        "recipe": arguments.recipe,
        "engine": "native",
        "code": arguments.code,
        "version": __version__,
        "dataset": asdict(facts),
        "train_images": len(data.labels),
        "classes": len(facts.class_names),
    }
    if not len(arguments.epochs) == len(arguments.models) == len(arguments.histories):
        parser.error("--epochs, --models and --histories must name as many snapshots")
    outputs = dict(
        zip(arguments.epochs, zip(arguments.models, arguments.histories, strict=True), strict=True)
    )
    # The state lies beside the outputs and not among them: Snakemake removes a failed job's outputs.
    resume = outputs[max(outputs)][0].parent / "resume"
    with locked(resume):
        train(options, data, facts, sorted(outputs), resume)
        for epoch, paths in outputs.items():
            for name, path in zip(("model.safetensors", "history.csv"), paths, strict=True):
                with atomic_write(path) as temporary:
                    shutil.copyfile(resume / f"snapshot_{epoch:06d}" / name, temporary)
        shutil.rmtree(resume)


@dataclass
class Training:
    """All that changes while a network is trained."""

    trunk: ResNet
    algorithm: Algorithm
    optimizer: torch.optim.Optimizer
    history: list[dict[str, float]]

    def state(self) -> dict[str, Any]:
        """What `checkpoint.save_state` keeps."""
        parts = {name: getattr(self, name).state_dict() for name in ("trunk", "algorithm", "optimizer")}
        return parts | {"history": self.history}

    def restore(self, state: dict[str, Any]) -> None:
        """Go back to a state."""
        for name in ("trunk", "algorithm", "optimizer"):
            getattr(self, name).load_state_dict(state[name])
        self.history = state["history"]


def train(
    options: dict[str, Any], data: store.Split, facts: store.Facts, snapshots: list[int], folder: Path
) -> None:
    """Train to the last of `snapshots`, numbers of epochs, writing a model to `folder` at each of them.

    options: what the model's metadata say, and what a state in `folder` must agree with to be
    continued. Raises InputError for a batch of fewer than two images or of more than there are, and
    for a loss that is not finite.
    """
    run, recipe = options["run"], options["recipe"]
    epochs, batch_size = snapshots[-1], recipe["batch_size"]
    if batch_size < 2 or (epochs and batch_size > len(data.labels)):
        raise InputError(
            f"recipes: {run['algorithm']}: batch_size is {batch_size}, expected 2 (BatchNorm needs them) "
            f"to {len(data.labels)}, the number of training images"
        )
    steps = len(data.labels) // batch_size
    device = model.device()
    images, labels = data.images.to(device), data.labels.to(device)
    training = initialise(options, device)
    key = json.dumps(options | {"snapshots": snapshots}, sort_keys=True)
    start = resume(training, folder, key, snapshots)

    announce_ready()
    progress = tqdm(total=epochs * steps, initial=start * steps, unit="step", disable=None, file=sys.stderr)
    for epoch in range(start, epochs + 1):
        if epoch in snapshots:
            write_snapshot(training, options | {"epochs": epoch}, folder / f"snapshot_{epoch:06d}")
        if epoch == epochs:
            break
        began = time.perf_counter()
        with torch.no_grad():
            training.algorithm.start_epoch(
                one_pass(training, images, labels, facts, batch_size, (run["seed"], "pass", epoch)),
                generator(run["seed"], "epoch", epoch),
            )
        order = torch.randperm(len(labels), generator=generator(run["seed"], "order", epoch)).to(device)
        losses = []
        for step in range(steps):
            rows = order[step * batch_size : (step + 1) * batch_size]
            batch = Batch(store.to_unit(images[rows]), labels[rows], rows)
            rate = rate_at(recipe, epoch, step, epochs, steps)
            losses.append(take_step(training, batch, facts, rate, (run["seed"], epoch, step)))
            progress.update()
        speed = steps * batch_size / (time.perf_counter() - began)
        record(training.history, losses, epoch, rate, speed)
        progress.set_description(
            f"epoch {epoch + 1}/{epochs}, loss {training.history[-1]['loss']:.4f}, {speed:,.0f} images/s"
        )
        if progress.disable:
            print(
                f"epoch {epoch + 1}/{epochs}: loss {training.history[-1]['loss']:.4f}, {speed:,.0f} images/s",
                file=sys.stderr,
            )
        save_state(folder, key, epoch + 1, training.state())
    progress.close()


def initialise(options: dict[str, Any], device: torch.device) -> Training:
    """The untrained network and its optimiser. Runs of one seed and shape begin with the same trunk."""
    run, recipe = options["run"], options["recipe"]
    with seeded(run["seed"], "trunk"):
        trunk = resnet(run["depth"], run["width"], run["norm"])
    with seeded(run["seed"], "head"):
        algorithm = build(
            run["algorithm"], recipe, trunk.out_channels, options["train_images"], options["classes"]
        )
    trunk.to(device, memory_format=torch.channels_last).train()
    algorithm.to(device).train()
    groups = parameter_groups(
        nn.ModuleList([trunk, algorithm]),
        recipe["weight_decay"],
        decay_norm=recipe["decay_norm"],
        decay_bias=recipe["decay_bias"],
    )
    optimizer = make_optimizer(
        groups, optimizer=recipe["optimizer"], momentum=recipe["momentum"], nesterov=recipe["nesterov"]
    )
    return Training(trunk, algorithm, optimizer, history=[])


def resume(training: Training, folder: Path, key: str, snapshots: list[int]) -> int:
    """Put the training into its last saved state; returns the number of epochs done, 0 if there is none."""
    saved = load_state(folder, key)
    if saved is None:
        return 0
    epoch, state = saved
    if not all(
        (folder / f"snapshot_{earlier:06d}" / "model.safetensors").exists()
        for earlier in snapshots
        if earlier < epoch
    ):
        print(f"warning: a snapshot is missing in {folder}; training begins anew", file=sys.stderr)
        return 0
    training.restore(state)
    print(f"going on after epoch {epoch}", file=sys.stderr)
    return epoch


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


def encode(
    training: Training, batch: Batch, facts: store.Facts, draws: torch.Generator
) -> tuple[list[Tensor], Tensor]:
    """The trunk's features of the algorithm's views of a batch, and the targets."""
    inputs, targets = training.algorithm.views(batch, draws)
    return [training.trunk(store.normalise(x, facts)) for x in inputs], targets


def one_pass(
    training: Training,
    images: Tensor,
    labels: Tensor,
    facts: store.Facts,
    batch_size: int,
    name: tuple[int, str, int],
) -> Iterator[tuple[list[Tensor], Tensor]]:
    """What `Algorithm.start_epoch` is given. images: uint8, N x C x S x S. name: of the draws."""
    rows = torch.arange(len(labels), device=labels.device)
    for start in range(0, len(rows), batch_size):
        chosen = rows[min(start, len(rows) - batch_size) :][:batch_size]
        batch = Batch(store.to_unit(images[chosen]), labels[chosen], chosen)
        yield encode(training, batch, facts, generator(*name, start))


def take_step(
    training: Training, batch: Batch, facts: store.Facts, rate: float, draw: tuple[int, int, int]
) -> Tensor:
    """One update of all parameters; returns the loss, left on the device. draw: (seed, epoch, step)."""
    seed, *when = draw
    features, targets = encode(training, batch, facts, generator(seed, "views", *when))
    loss = training.algorithm.loss(features, targets, generator(seed, "loss", *when))
    training.optimizer.zero_grad(set_to_none=True)
    loss.backward()
    for group in training.optimizer.param_groups:
        group["lr"] = rate
    training.optimizer.step()
    return loss.detach()


def record(
    history: list[dict[str, float]], losses: list[Tensor], epoch: int, rate: float, speed: float
) -> None:
    """Add an epoch to the history; InputError naming the first step whose loss was not finite."""
    values = torch.stack(losses).double().cpu()
    bad = torch.nonzero(~values.isfinite()).flatten()
    if len(bad):
        step = int(bad[0])
        kept = f"the state after epoch {epoch} is kept" if epoch else "nothing was saved yet"
        raise InputError(
            f"the loss became {values[step].item()} in epoch {epoch + 1}, step {step + 1}; {kept}. "
            "A lower learning_rate in the study's recipes may help."
        )
    history.append(
        {
            "epoch": epoch + 1,
            "loss": values.mean().item(),
            "learning_rate": rate,
            "images_per_second": round(speed, 1),
        }
    )


def write_snapshot(training: Training, facts: dict[str, Any], folder: Path) -> None:
    """Write the network as it is now, and the history so far."""
    model.write(folder / "model.safetensors", training.trunk, training.algorithm.head, facts)
    with atomic_write(folder / "history.csv") as path, open(path, "w", newline="") as file:
        writer = csv.DictWriter(file, HISTORY, lineterminator="\n")
        writer.writeheader()
        writer.writerows(training.history)
