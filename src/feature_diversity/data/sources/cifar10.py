"""CIFAR-10: from the published archive, in the user's folder or downloaded."""

from pathlib import Path

from feature_diversity.data.sources import Source
from feature_diversity.data.sources._cifar import Archive, read

IMAGES = (50_000, 10_000)
ARCHIVE = Archive(
    name="cifar-10-binary.tar.gz",
    md5="c32a1d4ab5d03f1284b67883e8d87530",  # as published
    folder="cifar-10-batches-bin",
    train=[f"data_batch_{number}.bin" for number in range(1, 6)],
    test="test_batch.bin",
    class_names="batches.meta.txt",
    label_bytes=1,
)


def load(folder: Path) -> Source:
    """Load 60,000 colour images, 32 x 32 pixels, of 10 classes (Krizhevsky 2009).

    Raises:
        InputError: the archive cannot be had or is damaged.
    """
    return read(ARCHIVE, folder)
