"""CIFAR-100: from the published archive, in the user's folder or downloaded."""

from pathlib import Path

from feature_diversity.data.sources import Source
from feature_diversity.data.sources._cifar import Archive, read

IMAGES = (50_000, 10_000)
ARCHIVE = Archive(
    name="cifar-100-binary.tar.gz",
    md5="03b5dce01913d631647c71ecec9e9cb8",  # as published
    folder="cifar-100-binary",
    train=["train.bin"],
    test="test.bin",
    class_names="fine_label_names.txt",
    label_bytes=2,  # the coarse label, then the fine one
)


def load(folder: Path) -> Source:
    """Load 60,000 colour images, 32 x 32 pixels, of 100 classes (Krizhevsky 2009).

    Raises:
        InputError: the archive cannot be had or is damaged.
    """
    return read(ARCHIVE, folder)
