"""Before finished networks are replaced: what is said and asked; the old ones are found again."""

import os
import pty
import re
import subprocess
import sys
from pathlib import Path

import pytest
from support.checkout import Checkout, environment

pytestmark = pytest.mark.workflow

STUDY = "workflow/studies/tiny.yaml"
OLD, NEW = "  simclr:\n    batch_size: 64\n", "  simclr:\n    batch_size: 64\n    temperature: 0.3\n"
CHANGED = "recipe: temperature is 0.1, expected 0.3"


@pytest.fixture
def changed(shared: Path, tmp_path: Path) -> Checkout:
    """The finished study, whose temperature is another now."""
    checkout = Checkout.finished(tmp_path, shared)
    checkout.edit(STUDY, OLD, NEW)
    return checkout


def on_a_terminal(checkout: Checkout, answer: str, path: str = "") -> tuple[int, str]:
    """Run Snakemake on a terminal, give an answer when it asks; its exit code and what it showed.

    path: a folder of modules that are found first.
    """
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "snakemake", "--cores", "2", "--config", "study=tiny"]
    ends = {"stdin": theirs, "stdout": theirs, "stderr": theirs}
    process = subprocess.Popen(command, cwd=checkout.folder, env=environment() | {"PYTHONPATH": path}, **ends)
    os.close(theirs)
    shown, asked = b"", False
    while True:
        try:
            part = os.read(ours, 4096)
        except OSError:  # the other end is closed
            break
        shown += part
        if not asked and b"Go on? [y/N]" in shown:
            os.write(ours, answer.encode() + b"\n")
            asked = True
    os.close(ours)
    words = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", shown.decode())
    return process.wait(), " ".join(words.split())  # lines are broken where the terminal ends


# Python runs this first: what is logged is told late
SLOW = """
import time
from logging.handlers import QueueListener

told = QueueListener.handle

def handle(self, record):
    time.sleep(0.5)
    told(self, record)

QueueListener.handle = handle
"""


def models(checkout: Checkout) -> dict[Path, bytes]:
    """Contents of the study's models."""
    return {path: path.read_bytes() for path in checkout.results.glob("*/*/model.safetensors")}


def test_no_is_the_answer_that_replaces_nothing(changed: Checkout):
    before = models(changed)
    code, shown = on_a_terminal(changed, "")
    assert code != 0
    assert CHANGED in shown
    assert "replaces 1 finished network (" in shown
    assert "nothing was replaced" in shown
    assert models(changed) == before


def test_the_question_waits_until_the_spinner_has_ended(changed: Checkout, tmp_path: Path):
    (tmp_path / "slow").mkdir()
    (tmp_path / "slow" / "sitecustomize.py").write_text(SLOW)
    code, shown = on_a_terminal(changed, "n", str(tmp_path / "slow"))
    assert code == 1
    assert "Building workflow graph" in shown
    assert "Building workflow graph" not in shown[shown.index(CHANGED) :]


def test_yes_goes_on_and_with_the_old_value_nothing_is_trained(changed: Checkout):
    before = models(changed)
    assert "replaces    1 finished network (" in changed.plan()
    code, shown = on_a_terminal(changed, "y")
    assert code == 0, shown
    after = models(changed)
    assert {path.parts[-3] for path in before if before[path] != after[path]} == {"simclr"}
    changed.edit(STUDY, NEW, OLD)
    result = changed.snakemake()
    assert result.returncode == 0, result.stdout
    (log,) = (changed.results / "logs" / "pretrain" / "simclr").rglob("*.log")
    assert "nothing is trained again" in log.read_text()
    assert models(changed) == before
