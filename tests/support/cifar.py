"""A small archive in the format in which CIFAR-10 and CIFAR-100 are published."""

import io
import tarfile

import numpy as np


def cifar_archive(source, path, train=6, test=4):
    """Write a small archive in the published format; returns images and labels, training ones first."""
    archive, random = source.ARCHIVE, np.random.default_rng(0)
    per_file = train // len(archive.train) or 1
    images = random.integers(0, 256, (per_file * len(archive.train) + test, 3, 32, 32), dtype=np.uint8)
    labels = random.integers(0, 10, len(images), dtype=np.uint8)
    coarse = np.full((len(images), archive.label_bytes - 1), 200, np.uint8)
    records = np.concatenate([coarse, labels[:, None], images.reshape(len(images), -1)], axis=1)
    files = np.split(records, [per_file * (place + 1) for place in range(len(archive.train))])
    names = "\n".join(f"class{number}" for number in range(10)) + "\n\n"
    with tarfile.open(path, "w:gz") as tar:
        contents = [file.tobytes() for file in files]
        for name, content in zip(
            [*archive.train, archive.test, archive.class_names], [*contents, names.encode()], strict=True
        ):
            member = tarfile.TarInfo(f"{archive.folder}/{name}")
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return images, labels
