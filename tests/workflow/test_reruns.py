"""What runs, what runs again, and what does not: the real Snakemake on the tiny study."""

import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest
from safetensors import safe_open
from support.checkout import Checkout
from support.paths import SUPPORT

pytestmark = pytest.mark.workflow
EXAMPLE = SUPPORT / "example" / "mirrored.py"
TABLES = {"tabulate": 1, "claims": 1, "predict": 1, "figures": 1, "report": 1, "summary": 1}


@pytest.fixture(scope="module")
def finished(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> Checkout:
    return Checkout.finished(tmp_path_factory.mktemp("checkout"), shared)


@pytest.fixture
def checkout(finished: Checkout) -> Iterator[Checkout]:
    """The finished study, with the sources put back after the test."""
    sources = [finished.folder / part for part in ("src", "workflow", "envs", "config.yaml")]
    everything = [path for source in sources for path in [source, *source.rglob("*")] if path.is_file()]
    files = {path: path.read_bytes() for path in everything}
    yield finished
    for source in sources:
        for path in [path for path in source.rglob("*") if path.is_file() and path not in files]:
            path.unlink()
    for path, content in files.items():
        if path.read_bytes() != content:
            path.write_bytes(content)


def test_a_study_runs_from_nothing_to_figures(finished: Checkout):
    table = pd.read_csv(finished.results / "results.csv")
    # 2 trainings x 2 snapshots; 7 layers x 3 vectors x centred or not x 3 powers
    assert len(table) == 4 * 7 * 3 * 2 * 3
    assert set(zip(table["algorithm"], table["epochs"], strict=True)) == {
        ("simclr", 0), ("simclr", 2), ("supervised", 0), ("supervised", 2)
    }  # fmt: skip
    for figure in ("figure1", "figure3"):
        for ending in ("svg", "pdf", "png"):
            assert (finished.results / "figures" / f"{figure}.{ending}").stat().st_size > 1000
    assert "results/tiny/figures" in (finished.results / "verdicts.txt").read_text()


def test_the_report_and_snakemakes_own_carry_the_figures(finished: Checkout):
    assert "data:image/svg+xml;base64," in (finished.results / "report.html").read_text()
    result = finished.snakemake("--report", "snakemake.html")
    assert result.returncode == 0, result.stdout
    text = (finished.folder / "snakemake.html").read_text()
    assert "Diversity and test error over training" in text
    assert "lines join the numbers of epochs of one width" in text


def test_every_file_of_a_study_is_traced_to_its_job_and_code(finished: Checkout):
    found = json.loads((finished.results / "provenance.json").read_text())
    paths = [path.relative_to(finished.results) for path in finished.results.rglob("*") if path.is_file()]
    ours = [path for path in paths if path.name != ".snakemake_timestamp"]
    # a training in the store says in its own folder what made it
    told = {path.as_posix() for path in ours if path.parts[0] not in ("logs", "benchmarks", "trainings")}
    assert set(found["files"]) == told
    model = "simclr/resnet14_w0.125_batchnorm_ep2_seed1/model.safetensors"
    training = found["jobs"][found["files"][model]]
    with safe_open(finished.results / model, "numpy") as file:
        facts = json.loads(file.metadata()["facts"])
    assert training["stage"] == "pretrain"
    assert training["code"] == facts["code"]
    assert found["packages"][training["packages"]]["torch"] == facts["packages"]["torch"]
    assert found["machines"][training["machine"]]["name"] == os.uname().nodename
    assert found["study"]["name"] == "tiny"


def test_a_finished_study_has_nothing_to_do(checkout: Checkout):
    assert checkout.planned() == {}


def test_the_plan_tells_what_is_done_and_what_would_run_and_why(checkout: Checkout):
    assert "of 4 runs: 4 trained, 4 with energies, 4 evaluated" in checkout.plan()
    assert "none: everything is there and up to date" in checkout.plan()
    checkout.edit("workflow/studies/tiny.yaml", "  simclr:\n", "  simclr:\n    temperature: 0.2\n")
    checkout.edit("workflow/studies/tiny.yaml", "[simclr, supervised]", "[simclr, supervised, rotnet]")
    plan = " ".join(checkout.plan().split())
    assert "6 runs from 3 trainings on 128 images" in plan
    assert "pretrain 2 1 missing output files, 1 recipe: temperature 0.1 -> 0.2" in plan


def test_jobs_that_are_submitted_together_are_counted_one_by_one(checkout: Checkout):
    groups = ("--groups", "extract=measure", "energy=measure", "--forceall")
    result = checkout.snakemake("--executor", "counts", *groups)
    assert result.returncode == 0, result.stdout
    counted = json.loads(next(line for line in result.stdout.splitlines() if line.startswith("[[")))
    jobs = {rule: count for rule, _, count in counted}
    assert (jobs["pretrain"], jobs["extract"], jobs["energy"], jobs["tabulate"]) == (2, 2, 2, 1)


def test_another_place_of_the_data_sets_and_another_machine_rerun_nothing(checkout: Checkout):
    checkout.edit("config.yaml", "data: data", "data: elsewhere")
    checkout.edit("config.yaml", "gpus: 0\nnodes: 1", "gpus: 8\nnodes: 2")
    checkout.edit("config.yaml", 'training_options: ""', 'training_options: "--precision bfloat16"')
    assert checkout.planned() == {}


def test_comments_docstrings_and_file_times_rerun_nothing(checkout: Checkout):
    checkout.edit("src/feature_diversity/measures/energy.py", "Hyperspherical", "The hyperspherical")
    checkout.edit("src/feature_diversity/training/loop.py", "def train(", "# another comment\ndef train(")
    for path in [*(checkout.folder / "src").rglob("*.py"), *(checkout.folder / "workflow").rglob("*.*")]:
        os.utime(path)
    assert checkout.planned() == {}


def test_other_powers_rerun_energies_but_no_training_and_no_extraction(checkout: Checkout):
    checkout.edit("workflow/studies/tiny.yaml", "schedule:", "energy:\n  powers: [1, 3]\nschedule:")
    assert checkout.planned() == {"energy": 2} | TABLES


def test_a_new_meaning_of_an_algorithm_reruns_that_algorithm_alone(checkout: Checkout):
    checkout.edit("src/feature_diversity/algorithms/simclr.py", 'float("-inf")', 'float("-1e9")')
    assert checkout.planned() == {"pretrain": 1, "extract": 1, "linear_eval": 1, "energy": 1} | TABLES
    plan = " ".join(checkout.plan().split())
    assert "it was made by other code: algorithms/simclr.py changed" in plan
    assert "pretrain 1 1 algorithms/simclr.py changed" in plan


def test_another_temperature_retrains_simclr_alone(checkout: Checkout):
    checkout.edit("workflow/studies/tiny.yaml", "  simclr:\n", "  simclr:\n    temperature: 0.2\n")
    assert checkout.planned() == {"pretrain": 1, "extract": 1, "linear_eval": 1, "energy": 1} | TABLES


TRAINING = {"pretrain": 1, "extract": 1, "linear_eval": 1, "energy": 1}  # of one network, with what follows
LISTED = "epochs: [0, 2]\n    seed: 1", "epochs: [0, 2]\n    seed: 1\n    variant: [default, cool]"
VARIANTS = "figures:\n", "variants:\n  cool: {temperature: 0.2}\nfigures:\n"


@pytest.fixture
def copied(shared: Path, tmp_path: Path) -> Checkout:
    """The finished study in a checkout of the test's own, to be finished otherwise."""
    return Checkout.finished(tmp_path, shared)


def test_a_variant_that_is_defined_and_in_no_grid_is_told_on_the_page_alone(checkout: Checkout):
    checkout.edit("workflow/studies/tiny.yaml", *VARIANTS)
    assert checkout.planned() == {"report": 1}


def test_a_variant_that_is_added_changed_renamed_or_removed_retrains_its_own_runs_alone(copied: Checkout):
    study, run = "workflow/studies/tiny.yaml", "simclr/resnet14_w0.125_batchnorm_cool_ep2_seed1"
    models = {path: path.read_bytes() for path in copied.results.glob("*/*/model.safetensors")}
    plain = (copied.folder / study).read_text()
    copied.edit(study, *LISTED)
    copied.edit(study, *VARIANTS)
    assert copied.planned() == TRAINING | TABLES
    result = copied.snakemake()
    assert result.returncode == 0, result.stdout
    assert copied.planned() == {}
    assert {path: path.read_bytes() for path in models} == models
    with safe_open(copied.results / run / "model.safetensors", "numpy") as file:
        facts = json.loads(file.metadata()["facts"])
    assert (facts["network"]["variant"], facts["recipe"]["temperature"]) == ("cool", 0.2)
    table = pd.read_csv(copied.results / "results.csv")
    assert set(table.loc[table["algorithm"].eq("simclr"), "variant"]) == {"default", "cool"}
    assert "of 6 runs: 6 trained" in copied.plan()

    copied.edit(study, "temperature: 0.2", "temperature: 0.3")
    assert copied.planned() == TRAINING | TABLES
    assert "pretrain 1 1 recipe: temperature 0.2 -> 0.3" in " ".join(copied.plan().split())
    copied.edit(study, "temperature: 0.3", "temperature: 0.2")
    copied.edit(study, "cool", "chilly")
    assert copied.planned() == TRAINING | TABLES
    assert "pretrain 1 1 missing output files" in " ".join(copied.plan().split())
    (copied.folder / study).write_text(plain)
    assert copied.planned() == TABLES


def test_a_new_seed_adds_only_its_own_runs(checkout: Checkout):
    checkout.edit(
        "workflow/studies/tiny.yaml", "epochs: [0, 2]\n    seed: 1", "epochs: [0, 2]\n    seed: [1, 2]"
    )
    assert checkout.planned() == {"pretrain": 1, "extract": 1, "linear_eval": 1, "energy": 1} | TABLES


def test_a_new_width_adds_only_its_own_runs(checkout: Checkout):
    checkout.edit(
        "workflow/studies/tiny.yaml", "width: 0.125\n    norm: batchnorm\n    epochs: [0",
        "width: [0.125, 0.25]\n    norm: batchnorm\n    epochs: [0",
    )  # fmt: skip
    assert checkout.planned() == {"pretrain": 1, "extract": 1, "linear_eval": 1, "energy": 1} | TABLES


def test_a_new_meaning_of_the_energy_reruns_energies_alone(checkout: Checkout):
    checkout.edit("src/feature_diversity/measures/energy.py", "CROWDED = 8", "CROWDED = 9")
    assert checkout.planned() == {"energy": 2} | TABLES


def test_a_new_meaning_of_the_error_of_pixels_reruns_it_alone(checkout: Checkout):
    checkout.edit("src/feature_diversity/evaluation/pixels.py", "SIDE = 32", "SIDE = 16")
    assert checkout.planned() == {"pixels": 1} | TABLES


def test_a_fresh_checkout_that_is_given_the_results_has_nothing_to_do(finished: Checkout, tmp_path: Path):
    fresh = Checkout.make(tmp_path)
    shutil.copytree(finished.folder / "results", tmp_path / "results")
    shutil.copytree(finished.folder / ".snakemake" / "metadata", tmp_path / ".snakemake" / "metadata")
    assert fresh.planned() == {}


def test_another_style_of_the_figures_redraws_them_alone(checkout: Checkout):
    checkout.edit("src/feature_diversity/figures/drawing.py", "WIDE = 10", "WIDE = 20")
    assert checkout.planned() == {"figures": 1, "report": 1}


def test_another_look_of_the_page_makes_the_page_alone(checkout: Checkout):
    checkout.edit("src/feature_diversity/report/page.css", "max-width: 78rem", "max-width: 70rem")
    assert checkout.planned() == {"report": 1}


def test_new_packages_for_the_analysis_retrain_nothing(checkout: Checkout):
    checkout.edit("envs/analysis.lock", "seaborn==", "seaborn==9")
    assert checkout.planned() == {"energy": 2} | TABLES


def test_a_lost_energy_is_computed_alone_and_its_dependants_with_it(checkout: Checkout):
    lost = next(checkout.results.glob("simclr/*_ep2_*/energy.csv"))
    content = lost.read_text()
    lost.unlink()
    assert checkout.planned() == {"energy": 1} | TABLES
    assert checkout.snakemake().returncode == 0
    assert lost.read_text() == content
    assert checkout.planned() == {}


def test_an_algorithm_in_one_new_file_goes_through_the_whole_workflow_by_name(checkout: Checkout):
    shutil.copy(EXAMPLE, checkout.folder / "src" / "feature_diversity" / "algorithms")
    checkout.edit("workflow/studies/tiny.yaml", "[simclr, supervised]", "[simclr, supervised, mirrored]")
    assert checkout.planned() == {"pretrain": 1, "extract": 1, "linear_eval": 1, "energy": 1} | TABLES
    result = checkout.snakemake()
    assert result.returncode == 0, result.stdout
    table = pd.read_csv(checkout.results / "results.csv")
    assert set(table["algorithm"]) == {"simclr", "supervised", "mirrored"}
    assert "mirrored" in (checkout.results / "figures" / "figure3.svg").read_text()


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("algorithm: simclr", "algorithm: simcrl", "algorithm is 'simcrl', expected one of"),
        ("schedule: trajectory", "schedul: trajectory", "'schedul' was unexpected"),
        ("seed: 1\n  figure3", "seed: one\n  figure3", "figure1.0.seed.0: 'one' is not of type 'integer'"),
        ("epochs: [0, 2]", "epochs: []", "figures.figure1.0.epochs: [] should be non-empty"),
        ("epochs: [0, 2]", "epochs: -2", "figures.figure1.0.epochs.0: -2 is less than the minimum of 0"),
        ("width: 0.125", "width: 0.01",
         "figure1.0.width.0: 0.01 is not a multiple of 0.015625 (expected: a multiple of 1/64"),
        ("figures:", "variants: {cool: {temprature: 1.0}}\nfigures:",
         "variants: cool: simclr has no 'temprature'; it has batch_size"),
        ("    seed: 1\n  figure3", "    seed: 1\n    variant: cool\n  figure3",
         "figures: variant is 'cool', expected one of default"),
        ("batch_size: 64", "batch_sizes: 64", "recipes: simclr has no 'batch_sizes'; it has batch_size"),
    ],
)  # fmt: skip
def test_a_wrong_study_ends_with_one_message_before_any_job(tmp_path: Path, old: str, new: str, message: str):
    checkout = Checkout.make(tmp_path)
    checkout.edit("workflow/studies/tiny.yaml", old, new)
    result = checkout.snakemake()
    assert result.returncode != 0
    assert message in result.stdout
    assert "Job stats" not in result.stdout
    assert not (tmp_path / "results").exists()


def test_one_file_can_be_asked_for(checkout: Checkout):
    (checkout.results / "summary.txt").unlink()
    (checkout.results / "figures" / "figure1.svg").unlink()
    result = checkout.snakemake("results/tiny/figures/figure1.svg")
    assert result.returncode == 0, result.stdout
    assert checkout.snakemake().returncode == 0


def test_a_study_with_the_name_of_another_is_refused(tmp_path: Path):
    (tmp_path / "checkout").mkdir()
    checkout = Checkout.make(tmp_path / "checkout")
    other = shutil.copy(checkout.folder / "workflow" / "studies" / "tiny.yaml", tmp_path)
    result = checkout.snakemake("-n", study=str(other))
    assert result.returncode != 0
    assert "tiny is a study of the workflow already" in result.stdout


def test_an_unknown_study_is_answered_with_the_known_ones(tmp_path: Path):
    result = Checkout.make(tmp_path).snakemake(study="demmo")
    assert result.returncode != 0
    assert "no study 'demmo'" in result.stdout
    assert "demo" in result.stdout.split("studies in")[1]
