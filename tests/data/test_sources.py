import gzip
import hashlib
import struct

import numpy as np
import pytest
from sklearn.datasets import load_digits
from torchvision.datasets import FashionMNIST

from feature_diversity.data.sources import digits, fashion_mnist
from feature_diversity.files import InputError


def test_digits_are_scikit_learns():
    source = digits.load("nowhere")
    bunch = load_digits()
    assert source.images.shape == (1797, 1, 8, 8)
    assert source.images.dtype == np.uint8
    assert np.abs(source.images[:, 0] * (16 / 255) - bunch.images).max() < 0.04
    assert np.array_equal(source.labels, bunch.target)


def test_digits_use_the_whole_range_of_grey():
    images = digits.load("nowhere").images
    assert (images.min(), images.max()) == (0, 255)


def test_digits_come_without_a_test_set():
    assert not digits.load("nowhere").is_test.any()


# --- Fashion-MNIST ---


def idx(array: np.ndarray) -> bytes:
    """A gzipped idx file of bytes, as the MNIST family is published."""
    header = struct.pack(f">BBBB{array.ndim}I", 0, 0, 8, array.ndim, *array.shape)
    return gzip.compress(header + array.astype(np.uint8).tobytes())


@pytest.fixture
def clothes(monkeypatch, tmp_path):
    """A small Fashion-MNIST: 6 training and 4 test images, as arrays and as files to write."""
    random = np.random.default_rng(0)
    arrays = {
        "train-images-idx3-ubyte.gz": random.integers(0, 256, (6, 28, 28)),
        "train-labels-idx1-ubyte.gz": random.integers(0, 10, 6),
        "t10k-images-idx3-ubyte.gz": random.integers(0, 256, (4, 28, 28)),
        "t10k-labels-idx1-ubyte.gz": random.integers(0, 10, 4),
    }
    files = {name: idx(array) for name, array in arrays.items()}
    sums = {name: hashlib.md5(content).hexdigest() for name, content in files.items()}
    monkeypatch.setattr(fashion_mnist, "FILES", sums)
    monkeypatch.setattr(fashion_mnist, "DEBIAN", tmp_path / "debian")
    monkeypatch.setattr(FashionMNIST, "mirrors", ["http://localhost:9/"])  # where nobody answers
    return list(arrays.values()), files


def put(folder, files):
    """Write the files."""
    folder.mkdir(parents=True)
    for name, content in files.items():
        (folder / name).write_bytes(content)


@pytest.mark.parametrize("folder", ["data/FashionMNIST/raw", "debian"])
def test_fashion_mnist_is_read_where_it_lies(clothes, tmp_path, folder):
    (train, train_labels, test, test_labels), files = clothes
    put(tmp_path / folder, files)
    source = fashion_mnist.load(tmp_path / "data")
    assert np.array_equal(source.images, np.concatenate([train, test])[:, None])
    assert np.array_equal(source.labels, np.concatenate([train_labels, test_labels]))
    assert source.is_test.tolist() == [False] * 6 + [True] * 4
    assert (source.images.dtype, source.labels.dtype) == (np.uint8, np.int64)


def test_the_users_own_files_come_before_debians(clothes, tmp_path):
    put(tmp_path / "data" / "FashionMNIST" / "raw", clothes[1])
    put(tmp_path / "debian", dict.fromkeys(clothes[1], b"other"))
    assert len(fashion_mnist.load(tmp_path / "data").labels) == 10


def test_a_damaged_file_of_fashion_mnist_is_named(clothes, tmp_path):
    raw = tmp_path / "data" / "FashionMNIST" / "raw"
    put(raw, clothes[1])
    name = "t10k-labels-idx1-ubyte.gz"
    (raw / name).write_bytes(clothes[1][name][:-1])
    with pytest.raises(InputError, match=rf"{name}: MD5 sum is .*, expected {fashion_mnist.FILES[name]}"):
        fashion_mnist.load(tmp_path / "data")


def test_without_files_and_network_the_message_says_what_to_do(clothes, tmp_path):
    with pytest.raises(
        InputError, match=r"(?s)could not be downloaded .* Put train-images-idx3-ubyte\.gz, .* there"
    ):
        fashion_mnist.load(tmp_path / "data")


def test_a_failed_download_keeps_the_files_that_are_there(clothes, tmp_path):
    raw = tmp_path / "data" / "FashionMNIST" / "raw"
    name, content = next(iter(clothes[1].items()))
    put(raw, {name: content})
    with pytest.raises(InputError):
        fashion_mnist.load(tmp_path / "data")
    assert (raw / name).read_bytes() == content


def test_the_expected_sums_are_torchvisions():
    assert dict(FashionMNIST.resources) == fashion_mnist.FILES


def test_the_classes_are_torchvisions():
    ours, theirs = fashion_mnist.CLASS_NAMES, FashionMNIST.classes
    assert [name.replace("-", " ") for name in ours] == [name.replace("-", " ") for name in theirs]
