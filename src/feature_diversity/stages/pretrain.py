"""The stage `pretrain`: train one network or more, from scratch or from where it was interrupted.

With --gpus or --nodes above 1 it starts itself as several processes, by torchrun or, on several machines, by
srun; started by one of these it is one of them.
"""

import argparse
import os
from functools import partial
from pathlib import Path

from feature_diversity.base import paths
from feature_diversity.base.command_line import (
    add_training,
    check_digest,
    command_line,
    from_json,
    trainings,
)
from feature_diversity.base.errors import InputError
from feature_diversity.base.run import Network
from feature_diversity.compute import launch
from feature_diversity.compute.machine import machine, prepare
from feature_diversity.compute.ranks import say
from feature_diversity.data import store
from feature_diversity.training import job
from feature_diversity.training.penalties import options
from feature_diversity.training.penalties.reference import NOTHING
from feature_diversity.training.penalties.reference import read as read_reference
from feature_diversity.training.settings import Settings
from feature_diversity.training.store import Outputs, obtain

PACKAGES = ("numpy", "pillow", "simplejpeg", "torch", "torchvision")  # that the bits of a network depend on


def main(argv: list[str]) -> None:
    """Run the stage; see --help."""
    parser = command_line("pretrain", __doc__)
    add_training(parser)
    add_penalty(parser)
    parser.add_argument(
        "--log-every", type=int, default=0, help="epochs between measures of the features in the history"
    )
    add_machine(parser)
    arguments = parser.parse_args(argv)
    wanted = trainings(parser, arguments)
    if max(arguments.gpus, arguments.nodes) > 1 and not launch.is_one_of_several(os.environ):
        launch.start("pretrain", argv, processes=arguments.gpus, nodes=arguments.nodes)
    with launch.joined():
        pairs = zip(wanted, references(parser, arguments), strict=True)
        for number, ((network, outputs), reference) in enumerate(pairs, start=1):
            if len(wanted) > 1:
                say(f"training {number} of {len(wanted)}: seed {network.seed}")
            run(network, arguments, outputs, reference)


def add_penalty(parser: argparse.ArgumentParser) -> None:
    """A term added to the loss, and the training that it needs."""
    parser.add_argument(
        "--penalty", type=from_json, help="on the features of a layer (JSON; see docs/interventions.md)"
    )
    parser.add_argument(
        "--reference",
        type=Path,
        nargs="+",
        help=f"{paths.HISTORY} of the run that the penalty compares with, network by network",
    )


def references(parser: argparse.ArgumentParser, arguments: argparse.Namespace) -> list[Path | None]:
    """The reference of each network; ends with the usage if there are not as many."""
    listed = arguments.reference or [None] * len(arguments.network)
    if len(listed) != len(arguments.network):
        parser.error("--reference must name one file for each network")
    return listed


def add_machine(parser: argparse.ArgumentParser) -> None:
    """Options that say how to compute, not what."""
    group = parser.add_argument_group("the machine; nothing here is part of a study")
    group.add_argument("--gpus", type=int, default=0, help="that train together, a process for each")
    group.add_argument("--nodes", type=int, default=1, help="machines that those are on; above 1 needs SLURM")
    group.add_argument("--device", choices=["auto", "cpu", "cuda"], default="auto")
    group.add_argument(
        "--precision",
        choices=["auto", "float32", "bfloat16"],
        default="auto",
        help="of the trunk's products; auto is bfloat16 on a GPU",
    )
    group.add_argument("--compile", action="store_true", help="let torch.compile make kernels for the trunk")
    group.add_argument(
        "--micro-batch",
        type=int,
        help="images that pass through the trunk at a time: less memory, more arithmetic; not with batchnorm",
    )
    group.add_argument(
        "--recompute",
        action="store_true",
        help="activation checkpointing: less memory, a third more arithmetic, the same bits",
    )
    minutes = "save the state this often within an epoch (default 10); always after one"
    group.add_argument("--save-minutes", type=float, default=10, help=minutes)
    group.add_argument("--tensorboard", type=Path, help="folder of all trainings' TensorBoard files")


def run(
    network: Network, arguments: argparse.Namespace, outputs: Outputs, reference_file: Path | None
) -> None:
    """Take a training's networks from the store, or train them."""
    penalty, reference = arguments.penalty, NOTHING
    names = ("device", "precision", "compile", "micro_batch", "recompute")
    how = machine(norm=network.norm, **{name: getattr(arguments, name) for name in names})
    prepare(how.device, arguments.threads)
    facts, (data,) = store.read(arguments.data, "train", folder=arguments.folder)
    check_digest(arguments, facts.digest)
    if penalty is not None:
        options.check(penalty, network.algorithm, "--penalty")
        if how.compile or how.micro_batch:
            raise InputError("--penalty sees whole batches: --compile and --micro-batch do not go with it")
        steps = len(data.labels) // arguments.recipe["batch_size"]
        reference = read_reference(reference_file, penalty, max(outputs), steps)
    elif reference_file:
        raise InputError(f"--reference is {reference_file}, but there is no --penalty to compare with it")
    settings = Settings.of(
        network,
        arguments.recipe,
        facts,
        epochs=max(outputs),
        images=len(data.labels),
        engine="native",
        precision=how.precision,
        code=arguments.code,
        packages=PACKAGES,
        penalty=penalty,
        reference=reference.digest if reference_file else "",
        log_every=arguments.log_every,
    )
    train = partial(
        job.train,
        settings=settings,
        data=data,
        machine=how,
        reference=reference,
        save_minutes=arguments.save_minutes,
        tensorboard=arguments.tensorboard and arguments.tensorboard / network.after(max(outputs)).folder,
    )
    obtain(arguments.store, settings, outputs, train, shared=arguments.shared)
