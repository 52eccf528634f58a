"""The stage `model`: networks of others, by name or from files, written as runs of the study.

Their layers are computed once, for two of the held-out images, so that what cannot be recorded ends here.
"""

from pathlib import Path

from feature_diversity import __version__
from feature_diversity.base import paths
from feature_diversity.base.command_line import add_data, command_line, from_json, network
from feature_diversity.base.timing import announce_ready
from feature_diversity.data import store
from feature_diversity.data.loader import evaluation_images
from feature_diversity.evaluation.features import batches, features_of
from feature_diversity.networks import model
from feature_diversity.networks.others.imported import take


def main(argv: list[str]) -> None:
    """Run the stage; see --help."""
    parser = command_line("model", __doc__)
    add_data(parser)
    parser.add_argument("--network", type=network, nargs="+", required=True, help="axes in the study (JSON)")
    parser.add_argument(
        "--epochs", type=int, required=True, help="they were trained for; 0 with random weights"
    )
    parser.add_argument(
        "--take",
        type=from_json,
        nargs="+",
        required=True,
        help="of each network, source, name, weights, layers, tokens, prefix_tokens and preprocessing (JSON)",
    )
    parser.add_argument("--models", type=Path, nargs="+", required=True, help=f"{paths.MODEL} of each")
    arguments = parser.parse_args(argv)
    if not len(arguments.network) == len(arguments.take) == len(arguments.models):
        parser.error("--network, --take and --models must name as many networks")

    data, (held_out,) = store.read(arguments.data, "held_out", folder=arguments.folder)
    _, images = next(batches(evaluation_images(held_out, data.image_size)[:2]))
    announce_ready()
    for axes, wanted, path in zip(arguments.network, arguments.take, arguments.models, strict=True):
        imported, said = take(wanted, axes.seed, data)
        found = features_of(model.Model(imported, None, {}), images, data, [*said["layers"], "trunk"])
        facts = {
            "network": axes.facts,
            "epochs": arguments.epochs,
            "engine": "model",
            "code": arguments.code,
            "version": __version__,
            "dataset": {"name": data.name},
            "n_params": sum(weight.numel() for weight in imported.network.parameters()),
            "imported": said,
        }
        model.write(path, imported.network, None, facts)
        print(f"{path.parent.name}: {wanted['source']} {wanted['name']}, weights {wanted['weights']}")
        for layer, values in found.items():
            module = said["layers"].get(layer, "the network, without its classifier")
            print(f"  {layer:<12} {' x '.join(map(str, values.shape[1:])):<16} {module}")
