"""The command `new`: write a study of one's own images, and say what it takes.

The images are counted and their sizes looked at; splits, image size, batches, network and epochs follow from
them, for a CPU or, with `gpus` in config.yaml, for GPUs. The file is commented and meant to be edited.
"""

import argparse
import json
import os
import re
import statistics
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from feature_diversity.base.errors import InputError
from feature_diversity.base.files import atomic_write
from feature_diversity.base.paths import STUDIES
from feature_diversity.commands import plan
from feature_diversity.data.sources import class_folders
from feature_diversity.planning.schema import configuration
from feature_diversity.planning.study import Study

LOOKED_AT = 500  # images whose size is read, spread evenly over all
NAMED = 5  # classes whose names are told
FEWEST = 100  # images: 20 to test and 10 to validate on are next to nothing already
SIZES = range(32, 225, 32)  # sides of images, that every stage of a ResNet halves
LARGEST_ON_CPU = 64
HELD_OUT = 500  # as in the paper
BATCHES = 16, 256
STEPS = 1500  # of a training: a CPU takes minutes for them
EPOCHS = 10, 200


@dataclass(frozen=True)
class Images:
    """What lies in a folder: training and test images, classes, the median shorter side in pixels."""

    train: int
    test: int
    classes: list[str]
    smallest_class: int
    side: int


def main(argv: list[str]) -> None:
    """Command line; see --help."""
    parser = argparse.ArgumentParser(prog="feature_diversity new", description=__doc__)
    parser.add_argument("name", help="of the study: letters, digits, _ and -")
    parser.add_argument("--images", type=Path, required=True, help="CLASS/image.jpg, or train/CLASS/...")
    arguments = parser.parse_args(argv)
    path = STUDIES / f"{arguments.name}.yaml"
    if not re.fullmatch(r"\w[\w-]*", arguments.name, re.ASCII):
        raise InputError(f"the name is {arguments.name!r}, expected letters, digits, _ and -")
    if path.exists():
        raise InputError(f"{path} is there already; choose another name, or edit it")
    folder = Path(os.path.expanduser(arguments.images)).resolve()
    if not folder.is_dir():
        raise InputError(f"--images {folder} is no folder, expected one with folders of images, a class each")
    images = look(folder)
    text = study_of(arguments.name, folder, images, gpus=configuration()["gpus"] > 0)
    with atomic_write(path) as unfinished:
        unfinished.write_text(text, encoding="utf-8")
    try:
        Study.load(path)
    except InputError:
        path.unlink()
        raise
    names = ", ".join([*images.classes[:NAMED], *(["..."] if len(images.classes) > NAMED else [])])
    print(
        f"{images.train + images.test:,} images of {len(images.classes):,} classes ({names}), the smallest "
        f"with {images.smallest_class:,}; shorter sides of {images.side} pixels in the median\n"
        f"written     {path}: edit it as you like; docs/studies.md has the keys\n"
    )
    try:
        plan.main(["--study", arguments.name])
    except InputError:
        path.unlink()
        raise
    print(
        f"\nnext        make STUDY={arguments.name}, or snakemake --cores 2 --config study={arguments.name}"
    )


def look(folder: Path) -> Images:
    """Count the images of a folder of classes and look at the sizes of some.

    Raises:
        InputError: a folder that is none of classes, fewer images than FEWEST, none that can be read.
    """
    source = class_folders.load(folder.parent, folder.name)
    test = int(source.is_test.sum())
    train = len(source.labels) - test
    if train < FEWEST:
        raise InputError(f"{folder} has {train} training images, expected at least {FEWEST}")
    sides = [
        side
        for image in source.images[:: max(1, len(source.images) // LOOKED_AT)]
        if (side := shorter_side(folder.parent / str(image)))
    ]
    if not sides:
        raise InputError(f"{folder}: none of the images that were looked at can be read")
    counts = Counter(source.labels[~source.is_test].tolist())
    return Images(train, test, source.class_names, min(counts.values()), int(statistics.median(sides)))


def shorter_side(path: Path) -> int:
    """Pixels, by the head of the file; 0 of what is no image (the stage `data` names it)."""
    if not path.is_file():  # a pipe would be waited for
        return 0
    try:
        with Image.open(path) as image:
            return min(image.size)
    except Exception:  # what Pillow raises for damaged files depends on their format
        return 0


def study_of(name: str, folder: Path, images: Images, *, gpus: bool) -> str:
    """The text of the study: what follows from the images stands beside the numbers."""
    largest = SIZES[-1] if gpus else LARGEST_ON_CPU
    size = max(side for side in SIZES if side <= max(SIZES[0], min(images.side, largest)))
    test = images.test or images.train // 5
    rest = images.train - (0 if images.test else test)
    validation = rest // 10
    train = rest - validation
    batch = max(BATCHES[0], min(BATCHES[1], 2 ** ((train // 8).bit_length() - 1)))
    epochs = max(EPOCHS[0], min(EPOCHS[1], round(STEPS * batch / train)))
    depth, width, narrow = (50, 1, 0.5) if gpus else (14, 0.25, 0.125)
    small = size <= LARGEST_ON_CPU
    limit = "" if gpus else f"; above {LARGEST_ON_CPU} a CPU takes long"
    drawn = "" if images.test else f"\n  test: {test}    # a fifth: the folder has no test images"
    return f"""\
# {name}: does the diversity of features tell how well networks generalise, on images of one's own?
# Written by `feature-diversity new`; edit it as you like, docs/studies.md has all keys.
description: >-
  Figures 1 and 3 of the paper on {images.train + images.test:,} images of {len(images.classes)} classes.

dataset:
  name: class_folders
  path: {quoted(str(folder))}
  image_size: {size}     # shorter sides are {images.side} pixels in the median{limit}{drawn}
  validation: {validation}    # a tenth, which chooses the classifier's penalty
  held_out: {min(HELD_OUT, test)}      # test images whose features are measured; the paper has 500

schedule: trajectory   # one training of each network, a run at each number of epochs
seeds: together        # all seeds of a network in one job
keep_features: pooled

recipe: {"small_images" if small else "vissl"}
recipes:
  simclr: {{batch_size: {batch}}}   # {train:,} training images: {train // batch} steps in an epoch
  rotnet: {{batch_size: {batch}}}
  supervised: {{batch_size: {batch}}}

figures:
  figure1: # diversity and test error over epochs and width
    algorithm: simclr
    depth: {depth}
    width: [{narrow}, {width}]
    norm: batchnorm
    epochs: [0, {epochs // 4}, {epochs // 2}, {epochs}]   # 0 is the untrained network
    seed: &seeds [1, 2, 3, 4, 5]   # with fewer nothing can be decided
  figure3: # over algorithms
    algorithm: [simclr, rotnet, supervised]
    depth: {depth}
    width: {width}
    norm: batchnorm
    epochs: {epochs}
    seed: *seeds
"""


def quoted(text: str) -> str:
    """A string of YAML, whatever it holds."""
    return json.dumps(text)
