"""The locked environments: complete, in agreement with each other, and free of addresses."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

from feature_diversity.records.digest import PACKAGE, import_closure

ENVS = Path(__file__).parents[1] / "envs"
LOCKS = sorted(path.stem for path in ENVS.glob("*.lock"))
PIN = re.compile(r"^([a-z0-9][a-z0-9._-]*)==([^ ;]+)( ; [^\\]+)?", re.MULTILINE)


def pins(name: str) -> dict[tuple[str, str], str]:
    """(package, marker) -> version, for every pin of a lock."""
    text = (ENVS / f"{name}.lock").read_text()
    return {(package, (marker or "").strip()): version for package, version, marker in PIN.findall(text)}


@pytest.mark.parametrize("name", LOCKS)
def test_every_pin_has_a_hash(name: str):
    blocks = re.split(r"\n(?=[a-z0-9])", (ENVS / f"{name}.lock").read_text())
    assert all("--hash=sha256:" in block for block in blocks if "==" in block)


@pytest.mark.parametrize("name", LOCKS)
def test_a_lock_names_no_index(name: str):
    text = (ENVS / f"{name}.lock").read_text()
    assert "://" not in text
    assert "index-url" not in text


@pytest.mark.parametrize("name", LOCKS)
def test_a_lock_holds_all_that_is_asked_for(name: str):
    asked = re.findall(r"^([a-z0-9-]+)", (ENVS / f"{name}.in").read_text(), re.MULTILINE)
    assert set(asked) <= {package for package, _ in pins(name)}


def test_the_locks_agree_so_that_they_fit_into_one_environment():
    versions: dict[str, set[frozenset]] = {}
    for name in set(LOCKS) - {"vissl"}:  # which stands alone
        of_package: dict[str, set] = {}
        for (package, _), version in pins(name).items():
            of_package.setdefault(package, set()).add(version)
        for package, found in of_package.items():
            versions.setdefault(package, set()).add(frozenset(found))
    assert {package: found for package, found in versions.items() if len(found) > 1} == {}


@pytest.mark.parametrize("recipe", ["Dockerfile", "apptainer.def"])
def test_an_image_has_the_locks_and_the_python_of_the_workflow(recipe: str):
    text = (ENVS / recipe).read_text()
    [python] = re.findall(r"python=([0-9.]+)", (ENVS / "train.yaml").read_text())
    assert re.findall(r"^(?:FROM|From:) (.*)$", text, re.MULTILINE) == [f"python:{python}-slim"]
    makefile = (ENVS.parent / "Makefile").read_text()
    [environments] = re.findall(r"^ENVIRONMENTS = (.*)$", makefile, re.MULTILINE)
    used = {"uv.lock", *(f"{name}.lock" for name in environments.split() if name != "test")}
    *copied, installed = re.split(r"uv pip sync", text)
    assert set(re.findall(r"\w+\.lock", "".join(copied))) == used
    assert set(re.findall(r"\w+\.lock", installed)) == used
    assert "--require-hashes" in installed


def test_the_conda_environments_are_those_of_the_locks():
    subprocess.run([sys.executable, ENVS / "conda.py", "--check"], check=True)


def test_vissls_environment_has_what_its_stage_imports():
    closure = import_closure("vissl.run")
    files = [PACKAGE.joinpath(*name.split(".")).with_suffix(".py") for name in closure]
    trees = [ast.parse(file.read_text()) for file in files if file.exists()]
    nodes = [node for tree in trees for node in ast.walk(tree)]
    names = {node.module for node in nodes if isinstance(node, ast.ImportFrom)}
    names |= {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    roots = {name.split(".")[0] for name in names} - sys.stdlib_module_names - {"feature_diversity"}
    assert {{"PIL": "pillow"}.get(root, root) for root in roots} <= {package for package, _ in pins("vissl")}
