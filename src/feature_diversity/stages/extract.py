"""The stage `extract`: features of the held-out images at the recorded layers, beside each run's model."""

import torch

from feature_diversity.base import paths
from feature_diversity.base.command_line import add_data, add_layers, add_models, add_threads, command_line
from feature_diversity.base.errors import InputError
from feature_diversity.base.files import atomic_write
from feature_diversity.base.timing import announce_ready
from feature_diversity.data import store
from feature_diversity.data.loader import evaluation_images
from feature_diversity.evaluation.features import extract, extract_pooled, further_images
from feature_diversity.networks.others.imported import read_for_features
from feature_diversity.records.origin import model_digest


def main(argv: list[str]) -> None:
    """Run the stage; see --help."""
    parser = command_line("extract", __doc__)
    add_data(parser)
    add_models(parser)
    add_layers(parser)
    add_threads(parser)
    parser.add_argument(
        "--measure-images",
        type=int,
        default=0,
        help="also pooled features of so many test images less the held-out ones",
    )
    arguments = parser.parse_args(argv)
    torch.set_num_threads(arguments.threads)

    facts, (held_out, second) = store.read(arguments.data, "held_out", "held_out_2", folder=arguments.folder)
    images = evaluation_images(held_out, facts.image_size)
    further = None
    if arguments.measure_images:
        further = further_images(arguments.data, arguments.measure_images, arguments.folder)
    announce_ready()
    for path in arguments.models:
        network = read_for_features(path, facts)
        if network.head is None and "head" in arguments.layers:
            raise InputError(f"{path} was released without its head; leave head out of the study's layers")
        folder = path.parent / paths.FEATURES
        extract(network, images, facts, arguments.layers, folder)
        if len(second.labels):
            others = evaluation_images(second, facts.image_size)
            extract(network, others, facts, arguments.layers, folder / paths.SECOND)
        if further is not None:
            extract_pooled(network, further, facts, arguments.layers, folder / paths.FURTHER)
        with atomic_write(folder / paths.ORIGIN) as origin:
            origin.write_text(f"{model_digest(network.facts)}\n", encoding="utf-8")
        print(f"{path.parent.name}: {len(images)} images, layers {', '.join(arguments.layers)}")
