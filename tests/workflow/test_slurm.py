"""The profile `slurm` on a real SLURM, from submission to figures and through interruptions.

The cluster is thrown away afterwards. It needs root and Debian's packages, which are installed if missing.
"""

import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import pytest
from checkout import Checkout

pytestmark = pytest.mark.workflow
SANDBOX = Path(__file__).parent / "slurm-sandbox.sh"
SECONDS = 120  # of training, at least: the shortest time limit is a minute
PROFILE = ["--workflow-profile", "workflow/profiles/slurm", "--jobs", "4"]
# this cluster keeps no accounts, and nobody waits for it
HASTE = ["--slurm-status-command", "squeue", "--slurm-init-seconds-before-status-checks", "2"]
HASTE += ["--seconds-between-status-checks", "2", "--latency-wait", "5"]


@dataclass(frozen=True)
class Cluster:
    """folder: of the sandbox."""

    folder: Path

    def run(self, *command: str, folder: Path | None = None, check: bool = True) -> str:
        """What a command of the sandbox prints; `exec` runs any other as if on a login node."""
        environment = os.environ | {"SLURM_SANDBOX_DIR": str(self.folder), "SLURM_SANDBOX_PORT": "17300"}
        environment["PATH"] = f"{Path(sys.executable).parent}:{environment['PATH']}"
        result = subprocess.run(
            ["bash", str(SANDBOX), *command],
            cwd=folder,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        assert result.returncode == 0 or not check, result.stdout
        return result.stdout


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        pytest.skip("a SLURM of our own needs root on Debian; see tests/workflow/slurm-sandbox.sh")
    cluster = Cluster(tmp_path_factory.mktemp("slurm"))
    cluster.run("start")
    yield cluster
    cluster.run("stop")


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    return Checkout.make(tmp_path)


def snakemake(cluster: Cluster, checkout: Checkout, *arguments: str, check: bool = True) -> str:
    """Run Snakemake with the profile on the cluster."""
    command = [sys.executable, "-m", "snakemake", *PROFILE, *HASTE, *arguments]
    return cluster.run("exec", *command, "--config", "study=tiny", folder=checkout.folder, check=check)


def jobs(cluster: Cluster) -> pd.DataFrame:
    """All jobs that the cluster has seen: state, time limit, memory, GPUs, and the rule they are of."""
    fields = ["JobID", "State", "TimeLimit", "MinMemory", "tres-per-job:60", "Comment:200"]
    text = cluster.run("exec", "squeue", "--states=all", "--noheader", "-O", ",".join(fields))
    rows = [re.split(r"\s{1,}", line.strip()) for line in text.splitlines() if line.strip()]
    return pd.DataFrame(rows, columns=["id", "state", "time", "memory", "gpus", "rule"])


def test_a_study_runs_on_the_cluster_from_submission_to_figures(cluster: Cluster, checkout: Checkout):
    asked = ["--set-resources", "pretrain:gpu=1", "pretrain:runtime=17", "pretrain:mem_mb=1234"]
    snakemake(cluster, checkout, *asked)
    assert (checkout.results / "figures" / "figure1.pdf").stat().st_size > 1000
    assert len(pd.read_csv(checkout.results / "results.csv")["algorithm"].unique()) == 2
    seen = jobs(cluster)
    assert set(seen["state"]) == {"COMPLETED"}
    # data, two trainings, two linear evaluations, and extraction and energies of both as one submission each
    assert len(seen) == 7
    trainings = seen[seen["rule"].str.startswith("rule_pretrain")]
    assert len(trainings) == 2
    assert set(trainings["time"]) == {"17:00"}
    assert set(trainings["memory"]) == {"1234M"}
    assert set(trainings["gpus"]) == {"gres:gpu:1"}
    assert "Nothing to be done" in snakemake(cluster, checkout, *asked)


@pytest.mark.slow
def test_a_training_that_is_cancelled_and_then_runs_out_of_time_ends_with_the_same_bits(
    cluster: Cluster, checkout: Checkout, tmp_path_factory: pytest.TempPathFactory
):
    history = "results/tiny/simclr/resnet14_w0.125_batchnorm_ep{}_seed1/history.csv"
    assert checkout.snakemake(history.format(2)).returncode == 0
    speed = pd.read_csv(checkout.folder / history.format(2))["images_per_second"].iloc[-1]
    epochs = int(SECONDS * speed / 128)  # the tiny study has 128 training images
    undisturbed = Checkout.make(tmp_path_factory.mktemp("undisturbed"))
    for each in (checkout, undisturbed):
        each.edit("workflow/studies/tiny.yaml", "epochs: [0, 2]", f"epochs: [0, {epochs}]")
        each.edit("workflow/studies/tiny.yaml", "epochs: 2", f"epochs: {epochs}")
    target = history.format(epochs)
    with ThreadPoolExecutor() as pool:
        alone = pool.submit(undisturbed.snakemake, target)
        limited = ["--set-resources", "pretrain:runtime=1", "--retries", "6"]
        disturbed = pool.submit(snakemake, cluster, checkout, target, *limited)
        resume = (checkout.folder / target).parent / "resume"
        while not list(resume.glob("state_*")):
            assert not disturbed.done(), disturbed.result()
            time.sleep(0.5)
        running = jobs(cluster).query("state == 'RUNNING'")["id"]
        cluster.run("exec", "scancel", *running)
        assert alone.result().returncode == 0
        disturbed.result()
    states = jobs(cluster).query("rule.str.startswith('rule_pretrain')")["state"]
    assert {"CANCELLED", "TIMEOUT", "COMPLETED"} <= set(states)
    model = target.replace("history.csv", "model.safetensors")
    assert (checkout.folder / model).read_bytes() == (undisturbed.folder / model).read_bytes()
