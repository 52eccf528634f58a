"""The command `measure`: the diversity of the layers of trained networks on a folder of images.

    python -m feature_diversity measure model.safetensors b.pth --images pictures --output a.csv --html a.html

Pictures are resized to 256, cropped to 224 and normalised by ImageNet's mean and deviation; the standard
error is over images. The file has all measures, the terminal those that are read first.
"""

import argparse
import warnings
from pathlib import Path

import pandas as pd

from feature_diversity.base.errors import InputError
from feature_diversity.base.files import atomic_write, check_no_input
from feature_diversity.commands.layers import add_source
from feature_diversity.networks.others.measure import OFFERED, measure
from feature_diversity.networks.others.sources import network
from feature_diversity.networks.others.tokens import TOKENS

SHOWN = ["diversity", "energy_s1_centred", "mean_cosine", "rankme", "vendi_q1"]


def main(argv: list[str]) -> None:
    """Command line; see --help."""
    arguments = parsed(argv)
    sources = arguments.CHECKPOINT
    if len(set(sources)) < len(sources):
        raise InputError("CHECKPOINT names a network twice, expected each once")
    layers = "auto" if arguments.layers == "auto" else arguments.layers.split(",")
    tables, notes = [], []
    for source in sources:
        model = network(source, arguments.architecture)
        with warnings.catch_warnings(record=True) as said:
            warnings.simplefilter("always", UserWarning)
            table = measure(
                model,
                arguments.images,
                layers,
                readings=arguments.readings,
                tokens=arguments.tokens,
                batch_size=arguments.batch_size,
            )
        table.insert(0, "model", source)
        told = "".join(f"note: {each.message}\n" for each in said)
        print(f"{source}: {table.n_images[0]} images\n{shown(table)}\n{told}")
        tables.append(table)
        notes += [f"{source}: {each.message}" for each in said]
    everything = pd.concat(tables, ignore_index=True)
    if arguments.output:
        with atomic_write(arguments.output) as path:
            everything.to_csv(path, index=False)
        print(f"{arguments.output}: all measures")
    if arguments.html:
        from feature_diversity.report.measured import measured_page  # what draws the chart takes a second

        with atomic_write(arguments.html) as path:
            path.write_text(measured_page(everything, str(arguments.images), notes), encoding="utf-8")
        print(f"{arguments.html}: their chart")


def parsed(argv: list[str]) -> argparse.Namespace:
    """The arguments."""
    parser = argparse.ArgumentParser(
        prog="feature_diversity measure", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    add_source(parser, "CHECKPOINT", nargs="+")
    parser.add_argument("--images", type=Path, required=True, metavar="FOLDER", help="with folders in it")
    parser.add_argument("--layers", default="auto", help="names with commas between (see the command layers)")
    parser.add_argument("--readings", nargs="+", choices=OFFERED, default=["gap"], help="(default gap)")
    parser.add_argument("--tokens", choices=TOKENS, default="mean", help="of transformers (default mean)")
    parser.add_argument("--batch-size", type=int, default=64, help="images at once (default 64)")
    parser.add_argument("--output", type=Path, metavar="CSV", help="table with all measures")
    parser.add_argument("--html", type=Path, metavar="HTML", help="page with a chart of all measures")
    arguments = parser.parse_args(argv)
    if arguments.output and arguments.output == arguments.html:
        parser.error("--output and --html name one file")
    for output in filter(None, (arguments.output, arguments.html)):
        check_no_input(output, *map(Path, arguments.CHECKPOINT))
    return arguments


def shown(table: pd.DataFrame) -> str:
    """The measures that are read first, a line for each layer and reading: value ± standard error."""
    chosen = table[table.measure.isin(SHOWN)]
    rows = []
    for (layer, reading), part in chosen.groupby(["layer", "reading"], sort=False):
        pairs = zip(part.measure, part.value, part.standard_error, strict=True)
        cells = {name: f"{value:.4g} ± {error:.1g}" for name, value, error in pairs}
        rows.append({"layer": layer, "reading": reading} | {name: cells[name] for name in SHOWN})
    return pd.DataFrame(rows).to_string(index=False)
