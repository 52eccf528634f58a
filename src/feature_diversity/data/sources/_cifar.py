"""What CIFAR-10 and CIFAR-100 have in common: the binary version of their archives, which holds no code."""

import hashlib
import shutil
import tarfile
import urllib.request
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from feature_diversity.base.errors import InputError
from feature_diversity.base.files import atomic_write
from feature_diversity.data.sources import Source

PAGE = "https://www.cs.toronto.edu/~kriz"
PIXELS = 3 * 32 * 32


@dataclass(frozen=True)
class Archive:
    """One of the two archives.

    Attributes:
        name: of the file.
        md5: its MD5 sum.
        folder: in the archive.
        train: files of training images in that folder.
        test: file of test images.
        class_names: file of the classes' names.
        label_bytes: of each record, before its pixels; the last of them is the label.
    """

    name: str
    md5: str
    folder: str
    train: list[str]
    test: str
    class_names: str
    label_bytes: int


def read(archive: Archive, folder: Path) -> Source:
    """Read the data set in `folder/archive.name`, downloaded if it is not there.

    Raises:
        InputError: it cannot be had (the message says where to get it and where to put it) or is damaged.
    """
    path = folder / archive.name
    if not path.exists():
        _download(archive, path)
    with open(path, "rb") as file:
        found = hashlib.file_digest(file, "md5").hexdigest()
    if found != archive.md5:
        raise InputError(f"{path}: MD5 sum is {found}, expected {archive.md5}; delete the file and try again")
    with tarfile.open(path) as tar:

        def content(name: str) -> bytes:
            return tar.extractfile(f"{archive.folder}/{name}").read()

        parts = [_records(content(name), archive.label_bytes) for name in (*archive.train, archive.test)]
        class_names = content(archive.class_names).decode().split()
    images, labels = (np.concatenate(arrays) for arrays in zip(*parts, strict=True))
    return Source(images, labels, np.arange(len(labels)) >= len(labels) - len(parts[-1][1]), class_names)


def _records(content: bytes, label_bytes: int) -> tuple[np.ndarray, np.ndarray]:
    """Images, uint8, N x 3 x 32 x 32, and labels, int64, of one file."""
    records = np.frombuffer(content, np.uint8).reshape(-1, label_bytes + PIXELS)
    return records[:, label_bytes:].reshape(-1, 3, 32, 32), records[:, label_bytes - 1].astype(np.int64)


def _download(archive: Archive, path: Path) -> None:
    url = f"{PAGE}/{archive.name}"
    try:
        with (
            atomic_write(path) as temporary,
            urllib.request.urlopen(url, timeout=30) as source,
            open(temporary, "wb") as file,
        ):
            shutil.copyfileobj(source, file)
    except OSError as error:
        raise InputError(
            f"{path} does not exist and could not be downloaded ({error}). Get {archive.name} (the binary "
            f"version, 160 MB, MD5 sum {archive.md5}) from {PAGE}/cifar.html and put it into {path.parent}."
        ) from None
