"""From a folder of images to a study, and what is said before any job."""

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from support.checkout import Checkout, environment

pytestmark = pytest.mark.workflow


def pictures(
    folder: Path, *, each: int, parts: tuple[str, ...] = ("",), size: tuple[int, int] = (90, 70)
) -> Path:
    """Photographs of two classes, noise of two colours."""
    rng = np.random.default_rng(0)
    for part in parts:
        for number, name in enumerate(("cats", "dogs")):
            place = folder / part / name
            place.mkdir(parents=True)
            for image in range(each):
                pixels = rng.integers(0, 90, (size[1], size[0], 3)) + 80 * number
                Image.fromarray(pixels.astype(np.uint8)).save(place / f"{image}.jpg")
    return folder


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Checkout:
    return Checkout.make(tmp_path_factory.mktemp("checkout"))


def command(checkout: Checkout, *arguments: str, home: Path | None = None) -> subprocess.CompletedProcess:
    variables = environment() | {"PYTHONPATH": str(checkout.folder / "src")}
    variables |= {"HOME": str(home)} if home else {}
    called = [sys.executable, "-m", "feature_diversity", *arguments]
    return subprocess.run(
        called, cwd=checkout.folder, env=variables, capture_output=True, text=True, check=False
    )


def test_a_folder_becomes_a_study_that_says_what_it_takes(checkout: Checkout, tmp_path: Path):
    pictures(tmp_path / "my pictures", each=100)
    made = command(checkout, "new", "pets", "--images", "~/my pictures", home=tmp_path)
    assert made.returncode == 0, made.stderr
    assert (
        "200 images of 2 classes (cats, dogs), the smallest with 100; shorter sides of 70 pixels"
        in made.stdout
    )
    assert re.search(r"pets: 26 runs|pets: \d+ runs from 20 trainings on 144 images", made.stdout)
    assert "pretrain" in made.stdout  # what would run
    assert "next        make STUDY=pets" in made.stdout
    text = (checkout.folder / "workflow" / "studies" / "pets.yaml").read_text()
    for line in ("image_size: 64 ", "test: 40 ", "validation: 16 ", "held_out: 40 ", "batch_size: 16}"):
        assert line in text
    again = command(checkout, "new", "pets", "--images", str(tmp_path / "my pictures"))
    assert again.returncode == 1
    assert "pets.yaml is there already" in again.stderr


def test_test_images_that_are_there_are_used(checkout: Checkout, tmp_path: Path):
    pictures(tmp_path, each=60, parts=("train", "test"), size=(40, 33))
    made = command(checkout, "new", "divided", "--images", str(tmp_path))
    assert made.returncode == 0, made.stderr
    text = (checkout.folder / "workflow" / "studies" / "divided.yaml").read_text()
    assert "image_size: 32 " in text
    assert "\n  test:" not in text
    assert "held_out: 120 " in text


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("validation: 16 ", "validation: 200 "), "dataset.validation is 200, expected at most 160"),
        (
            ("simclr: {batch_size: 16}", "simclr: {batch_size: 1000}"),
            "recipes: simclr: batch_size is 1000, expected 2",
        ),
    ],
)
def test_sizes_that_the_images_do_not_allow_end_before_any_job(
    checkout: Checkout, tmp_path: Path, change: tuple[str, str], message: str
):
    pictures(tmp_path, each=100)
    name = "large_" + change[0][:3]
    assert command(checkout, "new", name, "--images", str(tmp_path)).returncode == 0
    checkout.edit(f"workflow/studies/{name}.yaml", *change)
    planned = command(checkout, "plan", "--study", name)
    assert planned.returncode == 1
    assert message in planned.stderr
    ran = checkout.snakemake(study=name)
    assert ran.returncode == 1
    assert ran.stdout.count(message) == 1
    assert not (checkout.folder / "results" / name).exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["bad name"], "the name is 'bad name', expected letters"),
        (["few"], "has 20 training images, expected at least 100"),
        (["gone"], "is no folder, expected one with folders of images"),
    ],
)
def test_what_is_no_study_is_one_message_and_leaves_no_file(
    checkout: Checkout, tmp_path: Path, arguments: list[str], message: str
):
    folder = tmp_path / "gone" if arguments == ["gone"] else pictures(tmp_path / "few", each=10)
    before = sorted((checkout.folder / "workflow" / "studies").iterdir())
    failed = command(checkout, "new", *arguments, "--images", str(folder))
    assert failed.returncode == 1
    assert message in failed.stderr
    assert "Traceback" not in failed.stderr
    assert sorted((checkout.folder / "workflow" / "studies").iterdir()) == before
