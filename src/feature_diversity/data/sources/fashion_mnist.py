"""Fashion-MNIST: from the user's folder, from Debian's package, or downloaded."""

import gzip
import hashlib
from pathlib import Path

import numpy as np

from feature_diversity.base.errors import InputError
from feature_diversity.data.sources import Source

FILES = {  # MD5 sums as published by the authors
    "train-images-idx3-ubyte.gz": "8d4fb7e6c68d591d4c3dfef9ec88bf0d",
    "train-labels-idx1-ubyte.gz": "25c81989df183df01b3e8a0aad5dffbe",
    "t10k-images-idx3-ubyte.gz": "bef4ecab320f06d8554ea6380940ec79",
    "t10k-labels-idx1-ubyte.gz": "bb300cfdad3c16e7a12a480ee83cd310",
}
CLASS_NAMES = [
    "T-shirt/top",
    "Trouser",
    "Pullover",
    "Dress",
    "Coat",
    "Sandal",
    "Shirt",
    "Sneaker",
    "Bag",
    "Ankle-boot",
]
DEBIAN = Path("/usr/share/datasets/fashion-mnist")  # Debian's package dataset-fashion-mnist

IMAGES = (60_000, 10_000)  # in its training set and in its test set


def load(folder: Path) -> Source:
    """Load 70,000 grey images of clothes, 28 x 28 pixels (Xiao et al. 2017).

    The four files are looked for in `folder/FashionMNIST/raw`, then where Debian's package puts them, and
    else downloaded by torchvision.

    Raises:
        InputError: they cannot be had or are damaged.
    """
    raw = folder / "FashionMNIST" / "raw"
    if not all((raw / name).exists() for name in FILES):
        if all((DEBIAN / name).exists() for name in FILES):
            raw = DEBIAN
        else:
            _download(folder)
    for name, expected in FILES.items():
        found = hashlib.md5((raw / name).read_bytes()).hexdigest()
        # Debian compressed the files anew, and dpkg has verified them
        if found != expected and raw != DEBIAN:
            raise InputError(
                f"{raw / name}: MD5 sum is {found}, expected {expected}; delete the file and try again"
            )
    parts = [
        (_read_idx(raw / f"{part}-images-idx3-ubyte.gz"), _read_idx(raw / f"{part}-labels-idx1-ubyte.gz"))
        for part in ("train", "t10k")
    ]
    images = np.concatenate([images for images, _ in parts])[:, None]
    labels = np.concatenate([labels for _, labels in parts]).astype(np.int64)
    is_test = np.arange(len(labels)) >= len(parts[0][1])
    return Source(images, labels, is_test, CLASS_NAMES)


def _download(folder: Path) -> None:
    from torchvision.datasets import FashionMNIST

    try:
        FashionMNIST(root=str(folder), download=True)
    except (OSError, RuntimeError) as error:
        raise InputError(
            f"Fashion-MNIST is not in {folder}/FashionMNIST/raw and could not be downloaded ({error}). "
            f"Put {', '.join(FILES)} there, or install Debian's package dataset-fashion-mnist."
        ) from None


def _read_idx(path: Path) -> np.ndarray:
    """Read one gzipped file of the MNIST family: a header of big-endian sizes, then bytes."""
    content = gzip.decompress(path.read_bytes())
    axes = content[3]
    shape = np.frombuffer(content, ">i4", axes, offset=4)
    return np.frombuffer(content, np.uint8, offset=4 + 4 * axes).reshape(shape)
