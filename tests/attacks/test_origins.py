"""A result knows what it was made from: what is of other settings, code or networks is noticed."""

import os

import pytest

from feature_diversity.base import files
from feature_diversity.base.errors import InputError
from feature_diversity.records.digest import stage_digest

# --- jobs that outlive their Snakemake ---


@pytest.fixture
def job(monkeypatch):
    """This process is a stage's, and has begun."""
    monkeypatch.setattr(files, "BEGUN", [])
    monkeypatch.setattr(files, "WRITTEN", [])
    files.begin()


def write(path, text):
    with files.atomic_write(path) as part:
        part.write_text(text)


def test_a_job_does_not_replace_what_a_later_one_made(job, tmp_path):
    (tmp_path / "linear.json").write_text("of the later job")
    with pytest.raises(InputError, match=r"linear\.json was written by another process since this one began"):
        write(tmp_path / "linear.json", "of the orphan")
    assert (tmp_path / "linear.json").read_text() == "of the later job"
    assert os.listdir(tmp_path) == ["linear.json"]


def test_a_job_replaces_what_was_there_before_and_what_it_wrote_itself(tmp_path, job):
    (tmp_path / "linear.json").write_text("old")
    os.utime(tmp_path / "linear.json", (0, 0))
    for text in ("first", "second"):
        write(tmp_path / "linear.json", text)
        assert (tmp_path / "linear.json").read_text() == text


def test_a_training_that_is_asked_for_again_is_published_again(training, command, tmp_path):
    for _ in range(2):  # the second time, the output is a link to the very file that it is made a link of
        result = command("pretrain", *training(tmp_path, 0))
        assert result.returncode == 0, result.stderr


# --- code that is edited while a study runs ---


@pytest.mark.parametrize(
    ("stage", "digest", "refused"),
    [
        ("pretrain", stage_digest("pretrain", "algorithms.simclr"), False),
        ("pretrain", stage_digest("pretrain", "algorithms.rotnet"), True),
        ("pretrain", "0123456789abcdef", True),
        ("pretrain", "unknown", False),
    ],
)
def test_a_training_by_other_code_than_the_workflow_means_is_refused(
    training, command, tmp_path, stage, digest, refused
):
    result = command(stage, *training(tmp_path, 0), "--code", digest)
    assert (result.returncode == 1) == refused, result.stderr
    assert ("edited after the workflow was started" in result.stderr) == refused
    assert bool(list(tmp_path.rglob("model.safetensors"))) != refused


@pytest.mark.parametrize(
    "stage", ["data", "extract", "energy", "linear_eval", "pixels", "tabulate", "report"]
)
def test_a_stage_of_other_code_than_the_workflow_means_is_refused(command, stage):
    result = command(stage, "--code", "0123456789abcdef")
    assert result.returncode == 1
    assert f"the code of the stage {stage} has the digest {stage_digest(stage)}" in result.stderr
