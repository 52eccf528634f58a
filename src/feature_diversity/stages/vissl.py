"""The stage `vissl`: train one network with VISSL's own engine, in VISSL's own environment."""

from functools import partial

import torch

from feature_diversity.base.batches import check_batch_size
from feature_diversity.base.command_line import add_training, check_digest, command_line, trainings
from feature_diversity.data import store
from feature_diversity.training.settings import Settings
from feature_diversity.training.store import obtain
from feature_diversity.vissl import run


def main(argv: list[str]) -> None:
    """Run the stage; see --help."""
    parser = command_line("vissl", __doc__)
    add_training(parser)
    arguments = parser.parse_args(argv)
    ((network, outputs),) = trainings(parser, arguments)
    recipe = arguments.recipe
    run.check_possible(network, recipe)
    facts, (data,) = store.read(arguments.data, "train", folder=arguments.folder)
    check_digest(arguments, facts.digest)
    images, processes = len(data.labels), max(torch.cuda.device_count(), 1)
    check_batch_size(
        network.algorithm,
        recipe["batch_size"],
        images,
        processes=processes,
        of="GPUs (see CUDA_VISIBLE_DEVICES)",
    )
    settings = Settings.of(
        network,
        recipe,
        facts,
        epochs=max(outputs),
        images=images,
        engine="vissl",
        precision="float32",
        code=arguments.code,
        packages=run.PACKAGES,
    )
    train = partial(run.train, settings=settings, data=data, threads=arguments.threads)
    # VISSL has a working directory of its own
    store_folder, shared = arguments.store.resolve(), arguments.shared and arguments.shared.resolve()
    obtain(store_folder, settings, outputs, train, shared=shared)
