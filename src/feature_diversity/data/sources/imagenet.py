"""ImageNet (ILSVRC 2012), or its validation images alone, which are the test images here."""

from pathlib import Path

import numpy as np

from feature_diversity.base.errors import InputError
from feature_diversity.data.sources import Source, class_folders

IMAGES = (1_281_167, 50_000)
IN_FILES = True

DEVKIT = "ILSVRC2012_devkit_t12/data"
ARCHIVES = {  # MD5 sums as torchvision has them
    "ILSVRC2012_img_val.tar": "29b22e2961454d5413ddabcf34fc5622",
    "ILSVRC2012_devkit_t12.tar.gz": "fa75699e90414af021442c21a62c3abf",
}
TRUTH = "ILSVRC2012_validation_ground_truth.txt"


def load(folder: Path, path: str = "imagenet") -> Source:
    """List training images in `path/train/n.../`, if there are any, and test images in `path/val`.

    val holds either folders `n...` or the images as they are published, all in one place, with the devkit's
    folder (unpacked from ILSVRC2012_devkit_t12.tar.gz) beside val. Classes are numbered in the order of their
    WordNet ids.

    Args:
        folder: of the data.
        path: below `folder`, or absolute.

    Raises:
        InputError: something is missing; the message says what, and where to get it.
    """
    val = folder / path / "val"
    if not val.is_dir():
        raise InputError(
            f"{val} is not a folder. Get "
            + " and ".join(f"{name} (MD5 sum {md5})" for name, md5 in ARCHIVES.items())
            + f" from image-net.org, where one must register, and unpack them into {val} and {folder / path}"
        )
    flat = sorted(file.name for file in val.glob("ILSVRC2012_val_*.JPEG"))
    if not flat:
        return class_folders.load(folder, path)
    class_names, labels = _ground_truth(folder / path / DEVKIT, len(flat))
    files, is_test = [f"val/{name}" for name in flat], [True] * len(flat)
    if (folder / path / "train").is_dir():
        names, train_files, train_labels = class_folders.list_classes(folder / path, "train")
        if names != class_names:
            raise InputError(
                f"{folder / path}/train has {len(names)} classes, expected {len(class_names)}, the devkit's"
            )
        files, labels, is_test = (
            train_files + files,
            train_labels + labels,
            [False] * len(train_files) + is_test,
        )
    paths = [str(Path(path) / file) for file in files]
    return Source(paths, np.array(labels, np.int64), np.array(is_test, bool), class_names)


def _ground_truth(devkit: Path, count: int) -> tuple[list[str], list[int]]:
    """WordNet ids of the classes in order, and the labels of the validation images in theirs."""
    from scipy.io import loadmat

    try:
        synsets = loadmat(devkit / "meta.mat", squeeze_me=True)["synsets"]
        numbers = [int(line) for line in (devkit / TRUTH).read_text(encoding="utf-8").split()]
    except (OSError, ValueError, KeyError) as error:
        raise InputError(
            f"{devkit} is not ImageNet's devkit ({error}); unpack ILSVRC2012_devkit_t12.tar.gz there, or "
            "sort the validation images into folders of their classes"
        ) from None
    if len(numbers) != count:
        raise InputError(f"{devkit / TRUTH} has {len(numbers)} lines, expected {count}, one an image in val")
    leaves = {int(row["ILSVRC2012_ID"]): str(row["WNID"]) for row in synsets if not row["num_children"]}
    class_names = sorted(leaves.values())
    return class_names, [class_names.index(leaves[number]) for number in numbers]
