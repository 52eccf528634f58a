"""Records of jobs: what wrote which file, with which settings, code, packages, machine, and when."""

import json
import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from importlib.metadata import version
from pathlib import Path

import pytest
from support.paths import SOURCE

from feature_diversity.records.digest import stage_digest
from feature_diversity.records.provenance import by_stage, provenance_of, read_records

SETTINGS = {"name": "digits", "image_size": 32, "train": 64, "validation": 60, "test": 80, "held_out": 30}


@pytest.fixture(scope="module")
def began() -> datetime:
    """A moment before the job."""
    return datetime.now(UTC)


@pytest.fixture(scope="module")
def study(began, tmp_path_factory) -> Path:
    """A results folder in which the stage `data` has run as the workflow runs it, its words in the log."""
    folder = tmp_path_factory.mktemp("results") / "study"
    (folder / "logs").mkdir(parents=True)
    command = ["data", "--folder", ".", "--dataset", json.dumps(SETTINGS | {"seed": 0})]
    command += ["--output", str(folder / "data.safetensors"), "--held-out", str(folder / "held_out.csv")]
    with open(folder / "logs" / "data.log", "w") as log:
        subprocess.run(
            [sys.executable, "-m", "feature_diversity", *command],
            env=os.environ | {"PYTHONPATH": str(SOURCE)},
            stdout=log,
            stderr=log,
            check=True,
        )
    return folder


@pytest.fixture(scope="module")
def record(study):
    [found] = read_records(study / "logs")
    return found


def test_a_record_names_what_was_written_and_no_more(record, study):
    assert record["outputs"] == [str(study / "data.safetensors"), str(study / "held_out.csv")]
    assert record["log"] == "logs/data.log"


def test_a_record_has_the_command_with_its_settings(record):
    assert record["stage"] == "data"
    arguments = record["arguments"]
    assert json.loads(arguments[arguments.index("--dataset") + 1]) == SETTINGS | {"seed": 0}


def test_a_record_has_the_digest_that_the_workflow_has_for_the_job(record):
    assert record["code"] == stage_digest("data", "data.sources.digits")


def test_a_record_has_the_packages_that_were_used(record):
    assert record["packages"]["torch"] == version("torch")
    assert record["packages"]["scikit-learn"] == version("scikit-learn")
    assert "matplotlib" not in record["packages"]


def test_a_record_has_machine_time_and_memory(record, began):
    assert record["machine"]["name"] == os.uname().nodename
    assert record["machine"]["cores"] == str(os.cpu_count())
    started, now = datetime.fromisoformat(record["started"]), datetime.now(UTC)
    assert began - timedelta(seconds=1) <= started < now  # it is written in whole seconds
    assert 0 < record["seconds"] <= (now - began).total_seconds()
    assert 0.1 < record["memory"] < 10


def test_a_command_that_writes_nothing_says_nothing(command):
    assert "provenance" not in command("zoo", "list", "simclr").stderr


def job(stage: str, *outputs: Path, **changes) -> dict:
    fields = {"stage": stage, "outputs": [str(path) for path in outputs], "machine": {"name": "a"}}
    return fields | {"packages": {"torch": "2"}, "seconds": 1800.0, "memory": 2.0} | changes


def write_log(folder: Path, name: str, *lines: str) -> None:
    path = folder / "logs" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("ready after 2.00 s\n" + "\n".join(lines) + "\n")


def test_every_file_leads_to_its_job_and_the_job_to_its_machine(tmp_path):
    model, table = tmp_path / "simclr" / "model.safetensors", tmp_path / "results.csv"
    model.parent.mkdir()
    model.touch()
    table.touch()
    gone = tmp_path / "simclr" / "conv1.npy"
    trained = job("pretrain", model, gone, machine={"name": "b"})
    write_log(tmp_path, "pretrain/a.log", "provenance " + json.dumps(trained))
    page = tmp_path / "report.html"
    found = provenance_of(tmp_path, job("report", page, table), {"name": "s"}, {"pretrain": "12"})
    assert list(found["files"]) == ["report.html", "results.csv", "simclr/model.safetensors"]
    of_model = found["jobs"][found["files"]["simclr/model.safetensors"]]
    assert (of_model["stage"], of_model["log"]) == ("pretrain", "logs/pretrain/a.log")
    assert found["machines"][of_model["machine"]] == {"name": "b"}
    assert found["packages"] == [{"torch": "2"}]
    assert json.loads(json.dumps(found)) == found


def test_a_network_that_was_taken_leads_to_who_trained_it(tmp_path):
    origin = {"from": "/shared/12", "machine": {"name": "far"}}
    lines = ["taken " + json.dumps(origin), "provenance " + json.dumps(job("pretrain"))]
    write_log(tmp_path, "pretrain/a.log", *lines)
    assert read_records(tmp_path / "logs")[0]["taken"] == [origin]


def test_a_job_that_failed_has_no_record(tmp_path):
    write_log(tmp_path, "pretrain/a.log", "error: a loss is not finite")
    assert read_records(tmp_path / "logs") == []


def test_jobs_are_summed_by_stage():
    jobs = [job("pretrain"), job("pretrain", memory=3.0), job("figures", seconds=36)]
    assert by_stage(jobs) == [
        {"stage": "pretrain", "jobs": 2, "hours": 1.0, "memory": 3.0},
        {"stage": "figures", "jobs": 1, "hours": 0.01, "memory": 2.0},
    ]
