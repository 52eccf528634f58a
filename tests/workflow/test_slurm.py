"""The profile `slurm` on a real SLURM, from submission to figures and through interruptions.

The cluster is thrown away afterwards. It needs root and Debian's packages, which are installed if missing.
"""

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import pytest
from support.accident import Accidents, alive
from support.checkout import Checkout
from support.paths import SUPPORT

pytestmark = pytest.mark.workflow
SANDBOX = SUPPORT / "slurm-sandbox.sh"
EPOCHS = 6  # each time that a training is disturbed, it has one behind it and others to come
PROFILE = ["--workflow-profile", "profiles/slurm", "--jobs", "4"]
# this cluster keeps no accounts, and nobody waits for it
HASTE = ["--slurm-status-command", "squeue", "--slurm-init-seconds-before-status-checks", "1"]
HASTE += ["--seconds-between-status-checks", "1", "--max-status-checks-per-second", "10"]


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


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Checkout:
    return Checkout.make(tmp_path_factory.mktemp("checkout"))


def snakemake(cluster: Cluster, checkout: Checkout, *arguments: str, check: bool = True) -> str:
    """Run Snakemake with the profile on the cluster."""
    command = [sys.executable, "-m", "snakemake", *PROFILE, *HASTE, *arguments]
    return cluster.run("exec", *command, "--config", "study=tiny", folder=checkout.folder, check=check)


def jobs(cluster: Cluster) -> pd.DataFrame:
    """All jobs that the cluster has seen, in order: state, what was asked for, the rule they are of."""
    fields = ["JobID", "State", "TimeLimit", "MinMemory", "tres-per-job:60", "tres-per-node:60"]
    fields += ["NumNodes", "NumTasks", "Comment:200"]
    text = cluster.run("exec", "squeue", "--states=all", "--noheader", "-O", ",".join(fields))
    rows = [re.split(r"\s{1,}", line.strip()) for line in text.splitlines() if line.strip()]
    names = ["id", "state", "time", "memory", "gpus", "gpus_each", "machines", "tasks", "rule"]
    table = pd.DataFrame(rows, columns=names)
    return table.sort_values("id", key=pd.to_numeric)


def test_a_study_runs_on_the_cluster_from_submission_to_figures(cluster: Cluster, checkout: Checkout):
    asked = ["--set-resources", "pretrain:gpu=1", "pretrain:runtime=17", "pretrain:mem_mb=1234"]
    snakemake(cluster, checkout, *asked)
    assert (checkout.results / "figures" / "figure1.pdf").stat().st_size > 1000
    assert len(pd.read_csv(checkout.results / "results.csv")["algorithm"].unique()) == 2
    seen = jobs(cluster)
    assert set(seen["state"]) == {"COMPLETED"}
    # data, pixels, two trainings, two linear evaluations; extraction and energies as one submission for both
    assert len(seen) == 8
    trainings = seen[seen["rule"].str.startswith("rule_pretrain")]
    assert len(trainings) == 2
    assert set(trainings["time"]) == {"17:00"}
    assert set(trainings["memory"]) == {"1234M"}
    assert set(trainings["gpus"]) == {"gres:gpu:1"}
    assert "Nothing to be done" in snakemake(cluster, checkout, *asked)


def test_two_machines_train_what_one_does(
    cluster: Cluster, checkout: Checkout, monkeypatch: pytest.MonkeyPatch
):
    model = checkout.results / "simclr" / "resnet14_w0.125_batchnorm_ep2_seed1" / "model.safetensors"
    target = str(model.relative_to(checkout.folder))
    snakemake(cluster, checkout, target)
    alone = pd.read_csv(model.with_name("history.csv"))["loss"]
    checkout.edit("config.yaml", "gpus: 0\nnodes: 1", "gpus: 2\nnodes: 2")
    monkeypatch.setenv("MASTER_ADDR", "127.0.0.1")  # the names of the sandbox's machines lead nowhere
    shutil.rmtree(checkout.results / "trainings")  # else it is found there again
    snakemake(cluster, checkout, "--force", target)
    job = jobs(cluster).iloc[-1]
    assert list(job[["state", "machines", "tasks", "gpus_each"]]) == ["COMPLETED", "2", "2", "gres:gpu:1"]
    together = pd.read_csv(model.with_name("history.csv"))["loss"]
    assert list(together) == pytest.approx(list(alone), rel=1e-2)  # what was rounded otherwise grows by steps
    # and so do two processes on one machine
    checkout.edit("config.yaml", "gpus: 2\nnodes: 2", "gpus: 2\nnodes: 1")
    content = model.read_bytes()
    shutil.rmtree(checkout.results / "trainings")
    assert checkout.snakemake("--force", target).returncode == 0
    assert model.read_bytes() == content
    checkout.edit("config.yaml", "gpus: 2\nnodes: 1", "gpus: 0\nnodes: 1")


def test_a_training_that_is_cancelled_and_then_runs_out_of_time_ends_with_the_same_bits(
    cluster: Cluster, checkout: Checkout
):
    for epochs in ("epochs: [0, 2]", "epochs: 2"):
        checkout.edit("workflow/studies/tiny.yaml", epochs, epochs.replace("2", str(EPOCHS)))
    model = f"results/tiny/simclr/resnet14_w0.125_batchnorm_ep{EPOCHS}_seed1/model.safetensors"
    accidents = Accidents.prepare(checkout, {"simclr": 2}, signal.SIGSTOP)
    with ThreadPoolExecutor() as pool:
        study = pool.submit(snakemake, cluster, checkout, model)
        for place, disturb in enumerate(["scancel {job}", "scontrol update JobId={job} EndTime=now"]):
            # however busy the machine, what happens to it happens then: a signal of SLURM's wakes it
            process = accidents.stopped(f"simclr.{place}", lambda: study.done() and study.result())
            job = jobs(cluster).query("state == 'RUNNING'")["id"].item()
            # "now" is past where a second ends between scontrol and the controller, which then refuses it
            command = ["exec", *disturb.format(job=job).split()]
            while "Invalid time" in (said := cluster.run(*command, check=False)):
                time.sleep(0.1)
            assert "error" not in said
            while alive(process):
                time.sleep(0.1)
        study.result()
    trainings = jobs(cluster).query("rule.str.startswith('rule_pretrain')")
    assert list(trainings["state"][-3:]) == ["CANCELLED", "TIMEOUT", "COMPLETED"]
    resumed = (checkout.folder / model).read_bytes()
    shutil.rmtree(checkout.results / "trainings")  # else it is found there again
    assert checkout.snakemake("--force", model).returncode == 0
    assert (checkout.folder / model).read_bytes() == resumed
