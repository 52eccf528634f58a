"""Input that is larger or odder than it says: looked at before it is read, bounded, and nothing is lost."""

import io
import os
import struct
import tarfile

import pytest
from PIL import Image
from support.pictures import picture

from feature_diversity.base.errors import InputError
from feature_diversity.data.image_files import ImageFiles
from feature_diversity.data.sources import class_folders as source_of_folders
from feature_diversity.data.sources import tar_shards
from feature_diversity.planning.study import Study

# --- images ---


def jpeg(width: int, height: int) -> bytes:
    """A JPEG file whose header says that size."""
    buffer = io.BytesIO()
    picture(0).save(buffer, "JPEG")
    content = bytearray(buffer.getvalue())
    frame = content.index(b"\xff\xc0")
    content[frame + 5 : frame + 9] = struct.pack(">HH", height, width)
    return bytes(content)


@pytest.mark.parametrize("size", [(40_000, 40_000), (10, 30_000), (30_000, 10)], ids=str)
@pytest.mark.parametrize("name", ["a.jpg", "a.png"])
def test_an_image_is_not_decoded_whose_header_says_that_it_is_huge(tmp_path, name, size):
    if name == "a.jpg":
        (tmp_path / name).write_bytes(jpeg(*size))
    else:
        Image.new("1", size).save(tmp_path / name)
    with pytest.raises(InputError, match=rf"{name} (has [\d,]+ x [\d,]+ pixels, expected|is not an image)"):
        ImageFiles(tmp_path, [name], None, 28, 32).pixels(0)


def test_a_pipe_is_no_image_and_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "x.png")
    with pytest.raises(InputError, match=r"x\.png is no regular file"):
        ImageFiles(tmp_path, ["x.png"], None, 28, 32).pixels(0)


# --- folders ---


def test_files_of_other_endings_are_counted(class_folders, capsys):
    for name in ("a.gif", "b.gif", "c.txt"):
        (class_folders / "pictures" / "train" / "cat" / name).touch()
    source = source_of_folders.load(class_folders, "pictures")
    assert len(source.images) == 24
    assert "files of other endings (2 .gif, 1 .txt)" in capsys.readouterr().err


@pytest.mark.parametrize("name", [b"\xff\xfe", b"a\nb"])
def test_a_class_whose_name_is_no_text_is_named(class_folders, name):
    os.mkdir(os.fsencode(class_folders / "pictures" / "train") + b"/" + name)
    with pytest.raises(InputError, match="the name of the class is not printable UTF-8"):
        source_of_folders.load(class_folders, "pictures")


def test_links_in_a_circle_are_named(class_folders):
    link = class_folders / "pictures" / "train" / "loop"
    link.symlink_to(link)
    with pytest.raises(InputError, match=r"loop cannot be read"):
        source_of_folders.load(class_folders, "pictures")


# --- tar shards ---


@pytest.fixture
def shard(tmp_path):
    """Writes a shard of members, name -> content, as `pictures/train.tar`; returns the data folder."""

    def write(members: dict[str, bytes], cut: int | None = None):
        (tmp_path / "pictures").mkdir(exist_ok=True)
        path = tmp_path / "pictures" / "train.tar"
        with tarfile.open(path, "w") as tar:
            for name, content in members.items():
                member = tarfile.TarInfo(name)
                member.size = len(content)
                tar.addfile(member, io.BytesIO(content))
        path.write_bytes(path.read_bytes()[:cut])
        return tmp_path

    return write


def pairs(*keys: str) -> dict[str, bytes]:
    """An image and a label for each key."""
    members = {}
    for label, key in enumerate(keys):
        members |= {f"{key}.jpg": jpeg(8, 8), f"{key}.cls": str(label).encode()}
    return members


@pytest.mark.parametrize("keys", [("0", "1"), ("./0", "./1"), ("a.b/0", "a.b/1"), ("v1.0/0", "v1.0/1")])
def test_no_image_of_a_shard_is_lost(shard, keys):
    source = tar_shards.load(shard(pairs(*keys)), "pictures")
    assert source.labels.tolist() == [0, 1]
    for number, start, length in source.spans.tolist():
        with open(shard(pairs(*keys)) / source.images[number], "rb") as file:
            file.seek(start)
            assert file.read(length) == jpeg(8, 8)


@pytest.mark.parametrize(
    ("members", "cut", "said"),
    [
        (pairs("0", "1") | {"1.png": b""}, None, "two images of the key 1"),
        (pairs("0", "1") | {"1.cls": b"30000000"}, None, "a label is 30,000,000, expected less than 2"),
        (pairs("0", "1") | {"1.cls": b"one"}, None, "is not a tar shard of images with labels"),
        (pairs("0", "1") | {"1.cls": b"9" * 5000}, None, "a label is 99,999"),
        (pairs("0", "1"), 4 * 1024, "cut off"),
        (pairs("0", "1"), 3000, "cut off|is not a tar shard"),
    ],
)
def test_odd_shards_are_named(shard, members, cut, said):
    with pytest.raises(InputError, match=said):
        tar_shards.load(shard(members, cut), "pictures")


# --- studies ---

STUDY = """
description: of one run
dataset: {name: digits, image_size: 32, train: 64, validation: 60, test: 80, held_out: 30, seed: 0}
recipe: small_images
figures:
  figure1: {algorithm: simclr, depth: 14, width: 0.125, norm: batchnorm, epochs: 0, seed: SEED}
"""
BOMB = "[" + ", ".join(["&a0 [1, 2]", *(f"&a{n} [*a{n - 1}, *a{n - 1}]" for n in range(1, 40))]) + "]"


@pytest.mark.parametrize(
    ("seed", "said"),
    [
        (BOMB, "more than 100,000 values"),
        ("&a [*a]", "more than 100,000 values"),
        (f"{list(range(2_000))}, variant: [{', '.join(f'v{n}' for n in range(1_000))}]", "2,000,000 runs"),
        ("010", "010 is a number in another base"),
        ("1:30", "1:30 is a number in another base"),
        (str(10**23), "seed"),
        ("-1", "seed"),
    ],
    ids=["bomb", "circle", "millions", "octal", "sexagesimal", "huge", "negative"],
)
def test_odd_studies_are_refused_at_once(tmp_path, seed, said):
    (tmp_path / "odd.yaml").write_text(STUDY.replace("SEED", seed))
    with pytest.raises(InputError, match=said):
        Study.load(tmp_path / "odd.yaml")


@pytest.mark.parametrize("epochs", ["0", "[0, 2]"])
def test_a_batch_of_one_image_is_refused_before_any_job(tmp_path, epochs):
    text = STUDY.replace("SEED", "1").replace("epochs: 0", f"epochs: {epochs}")
    (tmp_path / "odd.yaml").write_text(text + "recipes: {simclr: {batch_size: 1}}\n")
    with pytest.raises(InputError, match="batch_size is 1, expected 2"):
        Study.load(tmp_path / "odd.yaml")


@pytest.mark.parametrize("name", ["..yaml", ".hidden.yaml", "a{b}.yaml"])
def test_odd_names_of_studies_are_refused(tmp_path, name):
    (tmp_path / name).write_text(STUDY.replace("SEED", "1"))
    with pytest.raises(InputError, match="the name of a study"):
        Study.load(tmp_path / name)
