"""The stage `vissl`: train one network with VISSL's own engine, in VISSL's own environment.

Writes the run's configuration and images for VISSL, starts `driver.py`, and converts VISSL's
checkpoints. A training that was killed goes on from VISSL's newest checkpoint, that of its last whole epoch,
though not to the same bits: VISSL draws anew. Its configuration, log and last checkpoint stay in the folder
`vissl` of the run.
"""

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from feature_diversity import __version__
from feature_diversity.algorithms.jigsaw import distant_permutations
from feature_diversity.base.batches import check_batch_size
from feature_diversity.base.errors import InputError
from feature_diversity.base.files import atomic_write
from feature_diversity.base.history import COLUMNS
from feature_diversity.base.lock import locked
from feature_diversity.base.timing import announce_ready
from feature_diversity.data import store
from feature_diversity.networks import model
from feature_diversity.networks.released.layouts import networks, read_checkpoint
from feature_diversity.records.origin import versions
from feature_diversity.training import finished
from feature_diversity.vissl.config import check, configuration
from feature_diversity.vissl.methods import PERMUTATIONS, Setting

DRIVER = Path(__file__).with_name("driver.py")
RECORDS = ("train_config.yaml", "log.txt", "metrics.json")  # of VISSL's files, beside the last checkpoint
# VISSL writes its environment into its log, so it gets no more of ours than it needs
VARIABLES = ("PATH", "HOME", "LANG", "LC_", "LD_", "TMP", "CUDA", "NCCL", "GLOO", "MKL", "OPENBLAS", "OMP")


def main(argv: list[str]) -> None:
    """Command line of the stage; see --help."""
    parser = command_line()
    arguments = parser.parse_args(argv)
    if not len(arguments.epochs) == len(arguments.models) == len(arguments.histories):
        parser.error("--epochs, --models and --histories must name as many snapshots")
    run, recipe = arguments.run, arguments.recipe
    check(run, recipe)
    gpus = torch.cuda.device_count()
    if run["algorithm"] == "deepclusterv2" and not gpus:
        raise InputError("VISSL's DeepClusterV2 needs a GPU, and there is none; use engine 'native' on a CPU")
    check_environment()

    facts, (data,) = store.read(arguments.data, "train")
    check_batch_size(
        run["algorithm"],
        recipe["batch_size"],
        len(data.labels),
        processes=max(gpus, 1),
        of="GPUs (see CUDA_VISIBLE_DEVICES)",
    )
    options = describe(arguments, facts, data)
    outputs = dict(
        zip(arguments.epochs, zip(arguments.models, arguments.histories, strict=True), strict=True)
    )
    # beside the outputs and not among them: Snakemake removes a failed job's outputs
    folder = outputs[max(outputs)][0].parent.resolve() / "resume"
    setting = Setting(
        channels=2048 * int(run["width"]),
        size=facts.image_size,
        classes=len(facts.class_names),
        mean=three(facts.mean),
        std=three(facts.std),
        folder=folder,
        processes=max(gpus, 1),
        gpu=gpus > 0,
        workers=max(arguments.threads // gpus, 1) if gpus else 0,
    )
    settings = configuration(run, recipe, sorted(outputs), setting)
    key = json.dumps([options, settings], sort_keys=True)
    with locked(folder / "lock"):
        if finished.restore(folder, key, outputs):
            announce_ready()
            print("this training is finished already: nothing is trained again")
            return
        begin(folder, key)
        write_inputs(folder, data, recipe)
        with atomic_write(folder / "configuration.json") as path:
            path.write_text(json.dumps(settings, indent=2))
        announce_ready()
        train(folder, arguments.threads)
        for epochs in outputs:
            place = folder / finished.snapshot(epochs)
            convert(
                checkpoint(folder, epochs, max(outputs)),
                place / "model.safetensors",
                options | {"epochs": epochs},
            )
            write_history(folder / "history.csv", place / "history.csv", epochs)
        finished.publish(folder, outputs)
        keep_records(folder, checkpoint(folder, max(outputs), max(outputs)))
        finished.keep(folder, key, outputs)


def describe(arguments: argparse.Namespace, facts: store.Facts, data: store.Split) -> dict[str, Any]:
    """What a training depends on: the metadata that all its models have."""
    return {
        "run": arguments.run,
        "recipe": arguments.recipe,
        "engine": "vissl",
        "code": arguments.code,
        "version": __version__,
        "packages": versions("numpy", "pillow", "torch", "torchvision", "vissl"),
        "dataset": asdict(facts),
        "train_images": len(data.labels),
        "classes": len(facts.class_names),
    }


def command_line() -> argparse.ArgumentParser:
    """The stage's options."""
    parser = argparse.ArgumentParser(
        prog="feature_diversity vissl", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
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
    parser.add_argument("--threads", type=int, default=1, help="on a GPU, processes that load its images")
    return parser


def check_environment() -> None:
    """InputError if VISSL is not in this environment."""
    if "vissl" not in versions("vissl"):
        raise InputError(
            f"VISSL is not in the environment of {sys.executable}. It needs one of its own: say `make "
            "vissl-env`, and name its python in config.yaml (vissl_python), or run Snakemake with --sdm conda"
        )


def three(values: list[float]) -> list[float]:
    """A value for each of three channels: VISSL opens a grey image, too, in red, green and blue."""
    return values * 3 if len(values) == 1 else values


def begin(folder: Path, key: str) -> None:
    """Remove what a training with another key has left in the folder."""
    note = folder / "key.json"
    if note.exists() and note.read_text() == key:
        return
    finished.clear(folder, keep={"lock"})
    with atomic_write(note) as path:
        path.write_text(key)


def write_inputs(folder: Path, data: store.Split, recipe: dict[str, Any]) -> None:
    """Write what VISSL reads: `images.npy`, paths of the training images; `labels.npy`; Jigsaw's table.

    Images that are not files of their own are written to `images`.
    """
    if "permutations" in recipe:
        table = distant_permutations(recipe["permutations"], recipe["grid"] ** 2)
        np.save(folder / PERMUTATIONS, table.numpy())
    np.save(folder / "labels.npy", data.labels.numpy())
    if not (folder / "images.npy").exists():
        paths = np.array([str(path.resolve()) for path in image_paths(data.images, folder / "images")])
        with atomic_write(folder / "images.npy") as temporary, open(temporary, "wb") as file:
            np.save(file, paths)


def image_paths(images: Any, folder: Path) -> Iterator[Path]:
    """The images' files, one after the other; written to `folder` where an image has none of its own."""
    if isinstance(images, torch.Tensor):
        folder.mkdir(exist_ok=True)
        for row, image in enumerate(images.permute(0, 2, 3, 1).numpy()):
            path = folder / f"{row:08}.png"
            Image.fromarray(image.squeeze(2) if image.shape[2] == 1 else image).save(path)
            yield path
    elif images.spans is None:
        yield from (images.folder / path for path in images.paths)
    else:
        folder.mkdir(exist_ok=True)
        for row in range(len(images)):
            path = folder / f"{row:08}"
            path.write_bytes(images.content(row))
            yield path


def train(folder: Path, threads: int) -> None:
    """Run VISSL to the end of the training, or of this process; InputError if it fails."""
    environment = {name: value for name, value in os.environ.items() if name.startswith(VARIABLES)}
    environment["OMP_NUM_THREADS"] = str(threads)
    # -P: else this folder, whose modules have names that others use, too, were searched first
    command = [sys.executable, "-P", str(DRIVER), str(folder / "configuration.json")]
    result = subprocess.run(command, cwd=folder, env=environment, check=False)
    if result.returncode:
        raise InputError(
            f"VISSL ended with exit code {result.returncode}; what it said is above and in {folder}/log.txt"
        )


def checkpoint(folder: Path, epochs: int, last: int) -> Path:
    """VISSL's checkpoint after so many epochs. last: those of the whole training."""
    if epochs == 0:
        return folder / "untrained.pt"
    final = "final_checkpoint_" if epochs == last else ""
    return folder / f"model_{final}phase{epochs - 1}.torch"


def convert(source: Path, output: Path, options: dict[str, Any]) -> None:
    """Write VISSL's checkpoint as a model; InputError if its network is not the run's."""
    found, run = read_checkpoint(source), options["run"]
    if (found.depth, found.width, found.norm) != (run["depth"], run["width"], run["norm"]):
        raise InputError(
            f"{source} is a ResNet-{found.depth} of width {found.width:g} with {found.norm}, not {run}"
        )
    trunk, head = networks(found)
    facts = {"head": found.head_layers, "converted": {"layout": found.layout, "unused": found.unused}}
    model.write(output, trunk, head, options | facts)
    print(f"{output}: {source.name}, layout {found.layout}")


def write_history(source: Path, output: Path, epochs: int) -> None:
    """Copy the first rows of the history, one an epoch; an untrained network has none."""
    rows = source.read_text().splitlines(keepends=True)[1:] if source.exists() else []
    with atomic_write(output) as temporary:
        temporary.write_text("".join([",".join(COLUMNS) + "\n", *rows[:epochs]]))


def keep_records(folder: Path, last: Path) -> None:
    """Keep VISSL's records and last checkpoint beside the model."""
    kept = folder.parent / "vissl"
    kept.mkdir(exist_ok=True)
    for path in (*(folder / name for name in RECORDS), last):
        if path.exists():
            os.replace(path, kept / path.name)
