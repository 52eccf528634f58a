"""Odd places: paths that mean something else, homes, other locales, full disks, damaged stores."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from support.checkout import Checkout
from support.disk import small_disk
from support.paths import SOURCE, TESTS

from feature_diversity.base.errors import InputError
from feature_diversity.base.lock import locked
from feature_diversity.commands import clean_resume, stale
from feature_diversity.planning.schema import configuration
from feature_diversity.stages import data

# --- paths ---


@pytest.mark.workflow
@pytest.mark.parametrize("name", ["a {b}", "a:b"])
def test_a_checkout_whose_path_means_something_else_is_refused(tmp_path, name):
    (tmp_path / name).mkdir()
    result = Checkout.make(tmp_path / name).snakemake("--dry-run")
    assert result.returncode == 1
    assert "expected a path without braces" in result.stdout


@pytest.mark.parametrize("key", ["study", "results", "data", "shared_trainings", "vissl_python", "mirror"])
def test_a_home_is_found(key):
    assert configuration(**{key: "~/there"})[key] == str(Path.home() / "there")
    assert configuration(**{key: "a~/there"})[key] == "a~/there"


# --- locales ---


@pytest.mark.parametrize(
    "program",
    [
        "from feature_diversity.records.digest import stage_digest; print(stage_digest('report'))",
        "import re, sys, tempfile\nfrom pathlib import Path\nfrom support.report_study import *\n"
        "page = make_report(study_table(), Path(tempfile.mkdtemp())).read_bytes()\n"
        "page = page[: page.index(b'<h2>Provenance')]\n"
        "print('read', len(page), hash(page))",
    ],
    ids=["digest", "page"],
)
def test_no_locale_changes_what_is_read_or_written(program):
    def said(locale: str) -> str:
        environment = os.environ | {"LC_ALL": locale, "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
        environment |= {"PYTHONPATH": f"{SOURCE}:{TESTS}", "PYTHONHASHSEED": "0"}
        command = [sys.executable, "-c", program]
        told = subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout
        return told.splitlines()[-1]

    assert said("POSIX") == said("C.UTF-8")


# --- full disks ---


@pytest.fixture
def disk(tmp_path):
    """A file system of 64 kB in memory."""
    with small_disk(tmp_path / "disk", "64k") as folder:
        yield folder


def test_a_data_set_that_does_not_fit_on_the_disk_leaves_nothing(disk):
    dataset = {"name": "digits", "image_size": 32, "train": 64, "validation": 60, "test": 80, "held_out": 30}
    output = disk / "data.safetensors"
    with pytest.raises(InputError, match=r"data\.safetensors cannot be written: No space left on device"):
        data.main(["--dataset", json.dumps(dataset | {"seed": 0}), "--output", str(output)])
    assert os.listdir(disk) == []


def test_a_lock_on_a_full_disk_holds_all_the_same(disk):
    with pytest.raises(OSError, match="No space left"):
        (disk / "filler").write_bytes(bytes(2**20))
    program = "import sys\nfrom pathlib import Path\nfrom feature_diversity.base.lock import locked\n"
    program += "with locked(Path(sys.argv[1])): pass"
    with locked(disk / "lock"):
        environment = os.environ | {"PYTHONPATH": str(SOURCE)}
        other = subprocess.run(
            [sys.executable, "-c", program, disk / "lock"],
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert "another process holds" in other.stderr


# --- damaged stores ---


@pytest.mark.parametrize("content", ["", "{", "[]", "{}", '{"network": {"depth": 14}}', '{"network": 3}'])
def test_a_training_whose_settings_are_damaged_is_kept_and_named(tmp_path, capsys, content):
    folder = tmp_path / "demo" / "trainings" / "0123"
    folder.mkdir(parents=True)
    (folder / "settings.json").write_text(content)
    (folder / "state_000000001.pt").touch()
    for command in (stale, clean_resume):
        command.main(["--results", str(tmp_path)])
        assert "settings.json is damaged" in capsys.readouterr().err
    assert (folder / "state_000000001.pt").exists()
