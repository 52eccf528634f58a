"""Training one network with VISSL's own engine, in VISSL's own environment.

Writes the run's configuration and images for VISSL, starts `driver.py`, and converts VISSL's
checkpoints. A training that was killed goes on from VISSL's newest checkpoint, that of its last whole epoch,
though not to the same bits: VISSL draws anew. Its configuration, log and last checkpoint stay in the store,
in the training's folder `records`.
"""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from feature_diversity.algorithms.jigsaw import distant_permutations
from feature_diversity.base.errors import InputError
from feature_diversity.base.files import atomic_write
from feature_diversity.base.history import COLUMNS
from feature_diversity.base.paths import HISTORY, MODEL
from feature_diversity.base.run import Network
from feature_diversity.base.timing import announce_ready
from feature_diversity.data import store
from feature_diversity.networks import model
from feature_diversity.networks.released.layouts import networks, read_checkpoint
from feature_diversity.records.origin import versions
from feature_diversity.training.settings import Settings
from feature_diversity.training.store import RECORDS, clear, copy, link, snapshot_folder
from feature_diversity.vissl.config import check, configuration
from feature_diversity.vissl.methods import PERMUTATIONS, Setting

DRIVER = Path(__file__).with_name("driver.py")
REPORTS = ("train_config.yaml", "log.txt", "metrics.json")  # of VISSL's files, beside the last checkpoint
CONFIGURATION = "configuration.json"
# VISSL writes its environment into its log, so it gets no more of ours than it needs
VARIABLES = ("PATH", "HOME", "LANG", "LC_", "LD_", "TMP", "CUDA", "NCCL", "GLOO", "MKL", "OPENBLAS", "OMP")
PACKAGES = ("numpy", "pillow", "torch", "torchvision", "vissl")  # that the bits of a network depend on


def check_possible(network: Network, recipe: dict[str, Any]) -> None:
    """InputError where VISSL cannot train this network, or not on this machine or in this environment."""
    check(network, recipe)
    if network.algorithm == "deepclusterv2" and not torch.cuda.device_count():
        raise InputError("VISSL's DeepClusterV2 needs a GPU, and there is none; use engine 'native' on a CPU")
    check_environment()


def train(snapshots: list[int], *, settings: Settings, data: store.Split, folder: Path, threads: int) -> None:
    """Let VISSL train, from the beginning or from its newest checkpoint, and leave snapshots in `folder`.

    Args:
        snapshots: numbers of epochs after which to take one, ascending.
        settings: what the networks depend on; all models say it.
        data: the training images.
        folder: the training's, in a store; absolute.
        threads: on a GPU, processes that load its images; else threads of PyTorch.

    Raises:
        InputError: if VISSL fails.
    """
    gpus, last = torch.cuda.device_count(), settings.schedule_epochs
    setting = Setting(
        channels=2048 * int(settings.network.width),
        size=settings.dataset.image_size,
        classes=settings.classes,
        mean=three(settings.dataset.mean),
        std=three(settings.dataset.std),
        folder=folder,
        processes=max(gpus, 1),
        gpu=gpus > 0,
        workers=max(threads // gpus, 1) if gpus else 0,
    )
    wanted = sorted({*snapshots, last})
    begin(folder, configuration(settings.network, settings.recipe, wanted, setting))
    write_inputs(folder, data, settings.recipe)
    announce_ready()
    start(folder, threads)
    for epochs in snapshots:
        place = folder / snapshot_folder(epochs)
        convert(checkpoint(folder, epochs, last), place / MODEL, settings, epochs)
        write_history(folder / HISTORY, place / HISTORY, epochs)
    keep_records(folder, checkpoint(folder, last, last))


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


def begin(folder: Path, settings: dict[str, Any]) -> None:
    """Write VISSL's configuration; what a training with another one has left in the folder is removed."""
    text = json.dumps(settings, indent=2)
    file = folder / CONFIGURATION
    if not file.exists() or file.read_text(encoding="utf-8") != text:
        clear(folder)
        with atomic_write(file) as path:
            path.write_text(text, encoding="utf-8")


def write_inputs(folder: Path, data: store.Split, recipe: dict[str, Any]) -> None:
    """Write what VISSL reads: `images.npy`, paths of the training images; `labels.npy`; Jigsaw's table.

    Images that are not files of their own are written to `images`. Raises InputError for a file that is
    another than when the data set was prepared.
    """
    if not isinstance(data.images, torch.Tensor) and data.images.spans is None:
        for row in range(len(data.images)):
            data.images.check(row)
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


def start(folder: Path, threads: int) -> None:
    """Run VISSL to the end of the training, or of this process; InputError if it fails."""
    environment = {name: value for name, value in os.environ.items() if name.startswith(VARIABLES)}
    environment["OMP_NUM_THREADS"] = str(threads)
    # -P: else this folder, whose modules have names that others use, too, were searched first
    command = [sys.executable, "-P", str(DRIVER), str(folder / CONFIGURATION)]
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


def convert(source: Path, output: Path, settings: Settings, epochs: int) -> None:
    """Write VISSL's checkpoint as a model; InputError if its network is not the training's."""
    found, network = read_checkpoint(source), settings.network
    if (found.depth, found.width, found.norm) != (network.depth, network.width, network.norm):
        raise InputError(
            f"{source} is a ResNet-{found.depth} of width {found.width:g} with {found.norm}, not {network}"
        )
    trunk, head = networks(found)
    facts = {"epochs": epochs, "head": found.head_layers}
    facts["converted"] = {"layout": found.layout, "unused": found.unused}
    model.write(output, trunk, head, settings.metadata() | facts)
    print(f"{output}: {source.name}, layout {found.layout}")


def write_history(source: Path, output: Path, epochs: int) -> None:
    """Copy the first rows of the history, one an epoch; an untrained network has none."""
    rows = source.read_text(encoding="utf-8").splitlines(keepends=True)[1:] if source.exists() else []
    with atomic_write(output) as temporary:
        temporary.write_text("".join([",".join(COLUMNS) + "\n", *rows[:epochs]]), encoding="utf-8")


def keep_records(folder: Path, last: Path) -> None:
    """Keep VISSL's records and last checkpoint, which also stays where VISSL would go on from it."""
    (folder / RECORDS).mkdir(exist_ok=True)
    for path in (*(folder / name for name in REPORTS), last):
        kept = folder / RECORDS / path.name
        if path.exists() and not link(path, kept):
            copy(path, kept)
