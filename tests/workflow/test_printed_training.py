"""The command that Snakemake prints for a training on two devices starts both of its processes by itself."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from support.checkout import Checkout

pytestmark = pytest.mark.workflow
RUN = "results/tiny/supervised/resnet14_w0.125_batchnorm_ep2_seed1"


def test_the_printed_command_trains_on_two_processes(tmp_path: Path, shared: Path):
    checkout = Checkout.finished(tmp_path, shared)
    checkout.edit("config.yaml", "gpus: 0\n", "gpus: 2\n")
    shutil.rmtree(checkout.results / "trainings")  # else it is found there again
    shutil.rmtree(checkout.results / "supervised")
    result = checkout.snakemake("--dry-run", "--printshellcmds", f"{RUN}/model.safetensors")
    [command] = re.findall(r"^Shell command: (.* pretrain .*)$", result.stdout, re.MULTILINE)
    assert " --gpus 2 --nodes 1 " in command
    log = tmp_path / re.search(r"> (\S+) 2>&1$", command)[1]
    environment = [f"PATH={Path(sys.executable).parent}:/usr/bin:/bin", f"PYTHONPATH={tmp_path / 'src'}"]
    shell = ["env", "-i", *environment, "bash", "--noprofile", "--norc", "-c", command]
    assert subprocess.run(shell, cwd=tmp_path, check=False).returncode == 0, log.read_text()
    assert (tmp_path / RUN / "model.safetensors").exists()
    [note] = (checkout.results / "trainings").glob("*/finished.json")
    assert json.loads(note.read_text())["processes"] == 2
