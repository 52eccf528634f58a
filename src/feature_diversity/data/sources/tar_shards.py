"""Images in tar shards, as webdataset writes them: beside each KEY.jpg a KEY.cls with the label's number."""

import os
import posixpath
import tarfile
from pathlib import Path

import numpy as np

from feature_diversity.base.errors import InputError
from feature_diversity.data.sources import Source
from feature_diversity.data.sources.class_folders import ENDINGS, TEST

IN_FILES = True

DIGITS = 20  # of a label, at most


def load(folder: Path, path: str = "") -> Source:
    """List images of the shards `path/*train*.tar` and, if there are any, `path/*test*.tar` (or val).

    Shards are not compressed: images are read in place, nothing is unpacked. Names of classes are the lines
    of `path/classes.txt`, or else the labels.

    Args:
        folder: of the data.
        path: below `folder`, or absolute; shards may lie in folders below it, `train/0000.tar`.

    Raises:
        InputError: shards that are missing, compressed or cut off, images without label or with the key of
            another, or labels that are no small numbers.
    """
    root = folder / os.path.expanduser(path)
    shards = sorted(root.rglob("*.tar")) if path and root.is_dir() else []
    spans, labels, is_test = [], [], []
    for number, shard in enumerate(shards):
        name = str(shard.relative_to(root))
        test = any(word in name for word in TEST)
        if test == ("train" in name):
            raise InputError(f"{shard}: expected either train or {' or '.join(TEST)} in its name")
        for label, start, length in _members(shard):
            spans.append((number, start, length))
            labels.append(label)
            is_test.append(test)
    if not spans:
        raise InputError(
            f"dataset.path is {path!r}, expected a folder with *.tar, absolute or below {folder}"
        )
    listed = root / "classes.txt"
    if listed.exists():
        try:
            classes = listed.read_text(encoding="utf-8-sig").rstrip("\n").split("\n")
        except UnicodeDecodeError as error:
            raise InputError(f"{listed} is not UTF-8: {error}") from None
        if "" in classes:
            raise InputError(f"{listed}: line {classes.index('') + 1} is empty, expected the name of a class")
    elif max(labels) >= len(labels):
        raise InputError(
            f"{root}: a label is {max(labels):,}, expected less than {len(labels):,}, the number of images, "
            "or names of all classes in classes.txt"
        )
    else:
        classes = [str(label) for label in range(max(labels) + 1)]
    names = [str(Path(os.path.expanduser(path)) / shard.relative_to(root)) for shard in shards]
    return Source(
        names,
        np.array(labels, np.int64),
        np.array(is_test, bool),
        classes,
        np.array(spans, np.int64),
    )


def _members(shard: Path) -> list[tuple[int, int, int]]:
    """Label, first byte and number of bytes of every image of a shard, in the order of their keys.

    A key is a member's path to the first dot of its name, as webdataset has it.
    """
    images, labels = {}, {}
    if not shard.is_file():  # a pipe would be waited for
        raise InputError(f"{shard} is no plain file")
    try:
        with tarfile.open(shard, "r:") as tar:  # "r:": not compressed, so that images can be read in place
            for member in tar:
                place, _, name = posixpath.normpath(member.name).rpartition("/")
                stem, _, ending = name.partition(".")
                key = posixpath.join(place, stem)
                is_image = f".{ending.lower()}" in ENDINGS
                if (is_image or ending == "cls") and (not member.isfile() or member.issparse()):
                    kind = "a sparse file" if member.issparse() else "no file of its own but a link or folder"
                    raise InputError(f"{shard}: {member.name} is {kind}, expected a plain file")
                if is_image:
                    if key in images:
                        raise InputError(f"{shard} has two images of the key {key}, expected one")
                    images[key] = (member.offset_data, member.size)
                elif ending == "cls":
                    if key in labels:
                        raise InputError(f"{shard} has two labels of the key {key}, expected one")
                    labels[key] = int(tar.extractfile(member).read(DIGITS))
            tar.fileobj.seek(tar.offset)
            if tar.fileobj.read(tarfile.BLOCKSIZE) != bytes(tarfile.BLOCKSIZE):
                raise InputError(f"{shard} is cut off: it does not end as tar ends its files")
    except (tarfile.TarError, OSError, ValueError) as error:
        raise InputError(f"{shard} is not a tar shard of images with labels, uncompressed: {error}") from None
    if missing := sorted(set(images) - set(labels)):
        raise InputError(f"{shard}: {missing[0]} has no label, expected {missing[0]}.cls beside it")
    return [(labels[key], *images[key]) for key in sorted(images)]
