"""Where images come from: one function for each data set, registered in `SOURCES`.

A source returns its images as they are; enlarging and dividing them is done by the `data` stage.
"""

import gzip
import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from feature_diversity.files import InputError


@dataclass(frozen=True)
class Source:
    """A data set as it was published.

    images: uint8, N x C x H x W, C = 1 (grey) or 3. labels: int64, N, from 0.
    is_test: bool, N; all False where the data set comes without a test set.
    """

    images: np.ndarray
    labels: np.ndarray
    is_test: np.ndarray
    class_names: list[str]


def digits(folder: Path) -> Source:
    """1,797 handwritten digits, 8 x 8 pixels, which scikit-learn brings along (Alpaydin & Kaynak 1998)."""
    from sklearn.datasets import load_digits

    bunch = load_digits()
    images = np.rint(bunch.images * (255 / 16)).astype(np.uint8)[:, None]
    return Source(
        images, bunch.target.astype(np.int64), np.zeros(len(images), bool), [str(i) for i in range(10)]
    )


FASHION_MNIST_FILES = {  # MD5 sums as published by the authors
    "train-images-idx3-ubyte.gz": "8d4fb7e6c68d591d4c3dfef9ec88bf0d",
    "train-labels-idx1-ubyte.gz": "25c81989df183df01b3e8a0aad5dffbe",
    "t10k-images-idx3-ubyte.gz": "bef4ecab320f06d8554ea6380940ec79",
    "t10k-labels-idx1-ubyte.gz": "bb300cfdad3c16e7a12a480ee83cd310",
}
FASHION_MNIST_CLASSES = [
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
DEBIAN_FASHION_MNIST = Path("/usr/share/datasets/fashion-mnist")  # Debian's package dataset-fashion-mnist


def fashion_mnist(folder: Path) -> Source:
    """70,000 grey images of clothes, 28 x 28 pixels (Xiao et al. 2017).

    The four files are looked for in `folder/FashionMNIST/raw`, then where Debian's package puts
    them, and else downloaded by torchvision. Raises InputError if they cannot be had or are damaged.
    """
    raw = folder / "FashionMNIST" / "raw"
    if not all((raw / name).exists() for name in FASHION_MNIST_FILES):
        if all((DEBIAN_FASHION_MNIST / name).exists() for name in FASHION_MNIST_FILES):
            raw = DEBIAN_FASHION_MNIST
        else:
            _download_fashion_mnist(folder)
    for name, expected in FASHION_MNIST_FILES.items():
        found = hashlib.md5((raw / name).read_bytes()).hexdigest()
        # Debian compressed the files anew, and dpkg has verified them
        if found != expected and raw != DEBIAN_FASHION_MNIST:
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
    return Source(images, labels, is_test, FASHION_MNIST_CLASSES)


def _download_fashion_mnist(folder: Path) -> None:
    from torchvision.datasets import FashionMNIST

    try:
        FashionMNIST(root=str(folder), download=True)
    except (OSError, RuntimeError) as error:
        raise InputError(
            f"Fashion-MNIST is not in {folder}/FashionMNIST/raw and could not be downloaded ({error}). "
            f"Put {', '.join(FASHION_MNIST_FILES)} there, or install Debian's package dataset-fashion-mnist."
        ) from None


def _read_idx(path: Path) -> np.ndarray:
    """Read one gzipped file of the MNIST family: a header of big-endian sizes, then bytes."""
    content = gzip.decompress(path.read_bytes())
    axes = content[3]
    shape = np.frombuffer(content, ">i4", axes, offset=4)
    return np.frombuffer(content, np.uint8, offset=4 + 4 * axes).reshape(shape)


SOURCES = {"digits": digits, "fashion_mnist": fashion_mnist}
