"""A result knows what it was made from: what is of other settings, code or networks is noticed."""

import json
import os
import shutil
import textwrap
import time
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from support.paths import ROOT

from feature_diversity.__main__ import check_code_of
from feature_diversity.algorithms import build
from feature_diversity.base import files
from feature_diversity.base.errors import InputError
from feature_diversity.base.run import Run
from feature_diversity.base.stages import STAGES
from feature_diversity.commands.plan import not_of_study, replaced_line, told
from feature_diversity.measures.of_layers import (
    ENERGY_COLUMNS,
    MEASURE_COLUMNS,
    write_energies,
    write_measures,
)
from feature_diversity.networks import model
from feature_diversity.networks.resnet import resnet
from feature_diversity.planning import replaced
from feature_diversity.planning.expected import expected_of
from feature_diversity.planning.settings import digest_of
from feature_diversity.planning.study import Study
from feature_diversity.records.digest import stage_digest
from feature_diversity.records.origin import model_digest
from feature_diversity.results import collect
from feature_diversity.results.origins import facts_of, read_whole_csv
from feature_diversity.stages import energy, extract

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
    time.sleep(0.05)  # the times of files are those of the kernel's ticks
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


# --- settings ---


@pytest.fixture
def study(tmp_path):
    """Writes a study of one run with a temperature, and returns it; its name is always the same."""
    lines = """
        description: of one run
        dataset: {name: digits, image_size: 32, train: 64, validation: 60, test: 80, held_out: 30, seed: 0}
        recipe: small_images
        layers: [conv1, trunk]
        energy: {powers: [1], vectors: [flatten], centred: [false]}
        figures:
          figure1: {algorithm: simclr, depth: 14, width: 0.125, norm: batchnorm, epochs: [0, 1], seed: 1}
    """

    def write_study(temperature: float) -> Study:
        path = tmp_path / "attacked.yaml"
        recipes = f"recipes: {{simclr: {{batch_size: 16, temperature: {temperature}}}}}\n"
        path.write_text(textwrap.dedent(lines) + recipes)
        return Study.load(path)

    return write_study


def made_of(study: Study, run: Run, folder: Path) -> Path:
    """What is left of a run of a study: its model, tables and errors, with numbers of no meaning."""
    folder = folder / run.folder
    expected = expected_of(study)
    trunk, values = resnet(run.depth, run.width, run.norm), study.recipe_of(run.algorithm)
    facts = {"network": run.network.facts, "recipe": values, "engine": "native", "epochs": run.epochs}
    facts |= {"dataset": expected["dataset"], "schedule_epochs": expected["schedule_epochs"] or run.epochs}
    facts |= {"code": digest_of(study, "pretrain", run.algorithm)}
    head = build(run.algorithm, values, trunk.out_channels, 64, 10).head
    model.write(folder / "model.safetensors", trunk, head, facts)
    origin = model_digest(facts_of(folder / "model.safetensors"))
    energy = dict.fromkeys(ENERGY_COLUMNS, 0.5) | {"layer": "conv1", "vector": "flatten", "centred": False}
    write_energies(folder / "energy.csv", [energy | {"s": 1}], origin)
    measures = dict.fromkeys(MEASURE_COLUMNS, 0.5) | {"layer": "conv1", "vector": "flatten"}
    write_measures(folder / "measures.csv", [measures], origin)
    linear = dict.fromkeys(collect.LINEAR, 0.5) | {"protocol": "cached", "n_test": 80}
    linear |= {"options": study.linear_evaluation, "model": origin}
    (folder / "linear.json").write_text(json.dumps(linear))
    (folder / "history.csv").write_text("epoch,loss\n" + "1,2.5\n" * run.epochs)
    return folder


@pytest.fixture
def results(study, tmp_path):
    """The results of the study at a temperature of 0.1."""
    for run in study(0.1).runs():
        made_of(study(0.1), run, tmp_path)
    return tmp_path


def tabulated(study: Study, folder: Path) -> int:
    """How many rows the table of the study has that the stage `tabulate` makes."""
    stopping = study.early_stopping
    options = {"error_source": "measured", "early_stopping": stopping, "schedule": study.schedule}
    expected = expected_of(study)
    table, _, _ = collect.collect(folder, study.grids(), {}, pixels=None, expected=expected, **options)
    return len(table)


def test_results_of_a_study_are_taken(study, results):
    assert tabulated(study(0.1), results) == 2
    assert not not_of_study(study(0.1), results)


def test_results_of_other_settings_are_refused_wherever_they_were_moved(study, results):
    changed, why = study(0.2), "recipe: temperature is 0.1, expected 0.2"
    with pytest.raises(InputError, match=f"ep0_seed1 is not of this study: {why}"):
        tabulated(changed, results)
    assert list(not_of_study(changed, results).values()) == [[why], [why]]
    [line] = told(not_of_study(changed, results))
    assert line.startswith("stale       2 runs, such as simclr/")


def test_a_linear_evaluation_with_other_options_is_refused(study, results):
    path = next(results.rglob("linear.json"))
    said = json.loads(path.read_text())
    path.write_text(json.dumps(said | {"options": said["options"] | {"penalties": [5.0]}}))
    with pytest.raises(InputError, match=r"linear_evaluation: penalties is \[5\.0\]"):
        tabulated(study(0.1), results)
    assert len(not_of_study(study(0.1), results)) == 1


def test_networks_of_other_code_are_told(study, results, monkeypatch):
    monkeypatch.setattr(replaced, "digest_of", lambda *_: "0123456789abcdef")
    assert told(not_of_study(study(0.1), results))[0].endswith("it was made by other code")


@pytest.mark.parametrize("name", ["energy.csv", "measures.csv", "linear.json"])
def test_a_file_of_another_run_is_refused(study, results, name):
    untrained, trained = (results / run.folder for run in study(0.1).runs())
    shutil.copy(untrained / name, trained / name)
    with pytest.raises(InputError, match=rf"ep1_seed1/{name} is of the model [0-9a-f]{{16}}, expected"):
        tabulated(study(0.1), results)


@pytest.mark.parametrize("cut", [1, 2, 12])
@pytest.mark.parametrize("name", ["energy.csv", "measures.csv", "history.csv"])
def test_a_table_that_is_cut_off_is_refused(study, results, name, cut):
    path = results / study(0.1).runs()[1].folder / name
    path.write_bytes(path.read_bytes()[:-cut])
    with pytest.raises(InputError, match=rf"ep1_seed1/{name} (cannot be read|has|is)"):
        tabulated(study(0.1), results)


def test_what_extract_and_energy_leave_says_which_model_it_is_of(digits, trained, tmp_path):
    shutil.copy(trained, tmp_path / "model.safetensors")
    extract.main(
        ["--data", str(digits), "--models", str(tmp_path / "model.safetensors"), "--layers", "conv1"]
    )
    options = ["--features", str(tmp_path / "features"), "--layers", "conv1", "--powers", "1"]
    options += ["--vectors", "gap", "--centred", "false", "--energy", str(tmp_path / "energy.csv")]
    energy.main([*options, "--measures", str(tmp_path / "measures.csv")])
    expected = model_digest(facts_of(trained))
    for name in ("energy.csv", "measures.csv"):
        assert set(read_whole_csv(tmp_path / name)["model"]) == {expected}


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


@pytest.mark.parametrize("stage", STAGES)
def test_every_stage_is_refused_that_is_of_other_code_than_the_workflow_means(stage):
    with pytest.raises(InputError, match=f"the code of the stage {stage} has the digest"):
        check_code_of(stage, ["--code", "0123456789abcdef"])
    check_code_of(stage, ["--code", stage_digest(stage)])


def test_every_rule_says_which_code_it_means():
    for rules in (ROOT / "workflow" / "rules").glob("*.smk"):
        text = rules.read_text()
        assert text.count("--code {params.code:q}") == text.count("-m feature_diversity"), rules


def test_a_history_in_another_order_is_refused(study, results):
    path = results / study(0.1).runs()[1].folder / "history.csv"
    path.write_text(path.read_text().replace("\n1,", "\n2,", 1))
    with pytest.raises(InputError, match=r"history\.csv: its epochs are not 1 to 1 in this order"):
        tabulated(study(0.1), results)


def test_networks_of_other_splits_are_told(study, results):
    asked = study(0.1).dataset | {"validation": 7}
    tensors = {"asked": torch.frombuffer(bytearray(json.dumps(asked).encode()), dtype=torch.uint8)}
    save_file(tensors, results / "data.safetensors")
    expected = study(0.1).dataset["validation"]
    others = not_of_study(study(0.1), results)
    assert list(others.values()) == [[f"dataset: validation is 7, expected {expected}"]] * 2
    assert "finished network" in replaced_line(study(0.1), results, others)[0]


def test_other_held_out_images_replace_no_network(study, results):
    asked = study(0.1).dataset | {"held_out": 7}
    tensors = {"asked": torch.frombuffer(bytearray(json.dumps(asked).encode()), dtype=torch.uint8)}
    save_file(tensors, results / "data.safetensors")
    others = not_of_study(study(0.1), results)
    assert (
        list(others.values()) == [[f"dataset: held_out is 7, expected {study(0.1).dataset['held_out']}"]] * 2
    )
    assert replaced_line(study(0.1), results, others) == []
