"""Any images in one folder a class, such as ImageNet's training images as they are unpacked."""

import os
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from feature_diversity.base.errors import InputError
from feature_diversity.data.sources import Source

IN_FILES = True

ENDINGS = (".jpg", ".jpeg", ".png", ".webp", ".bmp", ".ppm", ".tif", ".tiff")
TEST = ("test", "val")  # names of the folder of test images beside `train`; ImageNet's is its val
SPLITS = ("train", "training", "test", "testing", "val", "valid", "validation", "dev")  # no names of classes


def load(folder: Path, path: str = "") -> Source:
    """List images in `path/CLASS/`, or in `path/train/CLASS/` and `path/test/CLASS/` (or `path/val/CLASS/`).

    Classes are numbered in the order of their names.

    Args:
        folder: of the data.
        path: below `folder`, or absolute; ~ is the user's folder.

    Raises:
        InputError: a folder that is missing, fewer than two classes, a class without images, or test images
            of a class that has no training images.
    """
    root = folder / os.path.expanduser(path)
    if not path or not root.is_dir():
        raise InputError(
            f"dataset.path is {path!r}, expected a folder of classes, absolute or below {folder}: "
            "CLASS/image.jpg, or train/CLASS/image.jpg and test/CLASS/image.jpg"
        )
    train = next((name for name in ("train", *TEST) if (root / name).is_dir()), "")
    test = next((name for name in TEST if name != train and (root / name).is_dir()), None)
    check_layout(root, {train, test or ""})
    class_names, files, labels = list_classes(root, train)
    is_test = [train in TEST] * len(files)
    if test:
        test_names, test_files, test_labels = list_classes(root, test)
        if unknown := sorted(set(test_names) - set(class_names)):
            raise InputError(f"{root / test / unknown[0]}: there is no class of this name in {root / train}")
        files += test_files
        labels += [class_names.index(test_names[label]) for label in test_labels]
        is_test += [True] * len(test_files)
    paths = [str(Path(os.path.expanduser(path)) / file) for file in files]
    return Source(paths, np.array(labels, np.int64), np.array(is_test, bool), class_names)


def check_layout(root: Path, used: set[str]) -> None:
    """InputError for folders that are splits under other names, and for classes beside a split.

    Without it images would be left out in silence, or a split taken for a class.

    used: names of the folders of training and of test images, empty where classes lie in `root` itself.
    """
    folders = sorted(entry.name for entry in os.scandir(root) if _is_class(entry))
    splits = [name for name in folders if name.lower() in SPLITS]
    others = [name for name in folders if name not in used] if used - {""} else splits
    if others:
        raise InputError(
            f"{root} has the folders {', '.join(folders[:5])}{', ...' if len(folders) > 5 else ''}, expected "
            f"either classes alone, or train and test (or val) alone; move or rename {', '.join(others[:5])}"
        )


def count(folder: Path, path: str) -> tuple[int, int]:
    """Count the training and the test images that `load` would list; the latter 0 where there are none."""
    is_test = load(folder, path).is_test
    return int((~is_test).sum()), int(is_test.sum())


def list_classes(root: Path, part: str) -> tuple[list[str], list[str], list[int]]:
    """List the classes in root/part and their images.

    Returns:
        Names of the classes, the images' paths below root, and the labels of those.

    Files of other endings are counted on standard error.

    Raises:
        InputError: fewer than two classes, a class without images, or one whose name is not UTF-8.
    """
    folder = root / part
    names = sorted(entry.name for entry in os.scandir(folder) if _is_class(entry))
    if len(names) < 2:
        raise InputError(f"{folder} has {len(names)} folders of classes, expected at least 2")
    files, labels = [], []
    others: Counter[str] = Counter()  # by their endings
    for label, name in enumerate(names):
        seen = [
            os.path.relpath(os.path.join(place, file), root) for place, file in _files_below(folder / name)
        ]
        inside = sorted(file for file in seen if file.lower().endswith(ENDINGS))
        others.update(Path(file).suffix for file in set(seen) - set(inside))
        if not inside:
            raise InputError(
                f"{folder / name} holds no images, expected files ending in {', '.join(ENDINGS)}"
            )
        files += inside
        labels += [label] * len(inside)
    if others:
        listed = ", ".join(f"{count:,} {ending or 'without'}" for ending, count in sorted(others.items()))
        print(f"left out of {folder}: files of other endings ({listed})", file=sys.stderr)
    return names, files, labels


def _files_below(folder: Path) -> Iterator[tuple[str, str]]:
    """Folder and name of each file that is not hidden; InputError for a linked or an unreadable folder."""

    def fail(error: OSError) -> None:
        raise InputError(f"{error.filename} cannot be read: {error.strerror}")

    for place, folders, files in os.walk(folder, onerror=fail):
        folders[:] = [name for name in folders if name[0] != "."]
        if linked := [name for name in folders if os.path.islink(os.path.join(place, name))]:
            raise InputError(f"{os.path.join(place, linked[0])} is a link to a folder, expected a folder")
        yield from ((place, file) for file in files if file[0] != ".")


def _is_class(entry: os.DirEntry[str]) -> bool:
    """Whether an entry is a folder of a class; InputError for a name that is not UTF-8."""
    try:
        is_class = entry.is_dir() and entry.name[0] != "."
    except OSError as error:  # links in a circle
        raise InputError(f"{entry.path} cannot be read: {error.strerror}") from None
    if is_class and not entry.name.isprintable():
        raise InputError(f"{os.fsencode(entry.path)!r}: the name of the class is not printable UTF-8")
    return is_class
