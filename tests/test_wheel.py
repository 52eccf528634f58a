"""A wheel of the package, unpacked far from the checkout: it is whole, and every command starts."""

import os
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from support.helps import helps
from support.paths import ROOT

BUILD = "import setuptools.build_meta as backend; backend.build_wheel('dist')"
PARTS = ("src", "envs", "pyproject.toml", "README.md", "LICENSE")


@pytest.fixture(scope="module")
def site(tmp_path_factory) -> Path:
    """The folder that the wheel is unpacked into."""
    source, site = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("site")
    for name in PARTS:
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
        copy(ROOT / name, source / name)
    (source / "dist").mkdir()
    subprocess.run([sys.executable, "-c", BUILD], cwd=source, check=True, capture_output=True)
    [wheel] = (source / "dist").glob("*.whl")
    with zipfile.ZipFile(wheel) as file:
        file.extractall(site)
    return site


def run(site: Path, *arguments: str) -> subprocess.CompletedProcess:
    command = [sys.executable, "-m", "feature_diversity", *arguments]
    environment = os.environ | {"PYTHONPATH": str(site)}
    return subprocess.run(command, cwd=site, env=environment, capture_output=True, text=True, check=False)


def test_it_holds_every_file_of_the_package(site: Path):
    package = ROOT / "src" / "feature_diversity"
    files = {path.relative_to(package) for path in package.rglob("*") if path.is_file()}
    expected = {path for path in files if "__pycache__" not in path.parts}
    assert {path for path in expected if not (site / "feature_diversity" / path).exists()} == set()


def test_its_console_script_ends_with_the_exit_code_of_main(site: Path):
    [entry] = site.glob("*.dist-info/entry_points.txt")
    assert "feature-diversity = feature_diversity.__main__:main" in entry.read_text()


@pytest.mark.slow
def test_every_command_starts(site: Path):
    names = re.findall(r"^  (\w+) ", run(site, "--help").stdout, re.MULTILINE)
    assert {"pretrain", "energy", "report", "plan", "export"} <= set(names)
    results = helps(names, site)
    assert set(results) == set(names)
    for result in results.values():
        assert result.returncode == 0, result.stderr
        assert result.stdout.startswith("usage:")


@pytest.mark.parametrize("command", ["plan", "stale", "clean_resume"])
def test_a_command_that_needs_the_checkout_says_so(site: Path, command: str):
    result = run(site, command)
    assert result.returncode == 1
    assert re.fullmatch(r"error: .*config\.yaml is not there, expected the checkout .*\n", result.stderr)
