"""A study that sets the diversity of a layer: what a training is compared with is trained before it."""

import csv
import json
import shutil

import pytest
from safetensors import safe_open
from support.checkout import ROOT, Checkout

pytestmark = pytest.mark.workflow
STUDY = "tiny_intervention"
RUN = "simclr/resnet14_w0.125_batchnorm_{}_ep2_seed1"


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Checkout:
    """In which a placebo's training is done, and what it needs."""
    made = Checkout.make(tmp_path_factory.mktemp("checkout"))
    studies = made.folder / "workflow" / "studies"
    shutil.copy(ROOT / "tests" / "workflow" / f"{STUDY}.yaml", studies)
    result = made.snakemake(f"results/{STUDY}/{RUN.format('turned')}/model.safetensors", study=STUDY)
    assert result.returncode == 0, result.stdout
    return made


def histories(checkout: Checkout, variant: str) -> list[dict[str, str]]:
    path = checkout.folder / "results" / STUDY / RUN.format(variant) / "history.csv"
    with open(path, newline="") as file:
        return list(csv.DictReader(file))


def to_train(checkout: Checkout) -> set[str]:
    """Variants that a dry run would train with seed 1."""
    names = ("untreated", "crowded", "turned", "clamped")
    targets = [f"results/{STUDY}/{RUN.format(name)}/model.safetensors" for name in names]
    result = checkout.snakemake("--dry-run", *targets, study=STUDY)
    assert result.returncode == 0, result.stdout
    logs = {name: f"/pretrain/{RUN.format(name).replace('_ep2', '')}.log" for name in names}
    return {name for name, log in logs.items() if log in result.stdout}


def test_a_placebo_waits_for_the_treated_run_and_that_for_the_untreated_one(checkout: Checkout):
    assert to_train(checkout) == {"clamped"}
    untreated, crowded, turned = (histories(checkout, name) for name in ("untreated", "crowded", "turned"))
    assert len(untreated) == len(crowded) == len(turned) == 2
    for treated, placebo in zip(crowded, turned, strict=True):
        wanted = [float(norm) for norm in treated["gradient_norms"].split()]
        assert [float(norm) for norm in placebo["gradient_norms"].split()] == pytest.approx(wanted, rel=1e-4)


def test_a_model_says_its_penalty(checkout: Checkout):
    path = checkout.folder / "results" / STUDY / RUN.format("crowded") / "model.safetensors"
    with safe_open(path, "numpy") as file:
        facts = json.loads(file.metadata()["facts"])
    assert facts["penalty"] == {"layer": "trunk", "lever": "energy", "delta": -1, "kappa": 1}


def test_another_dose_retrains_its_run_and_the_placebo_that_is_compared_with_it(checkout: Checkout):
    checkout.edit(f"workflow/studies/{STUDY}.yaml", "delta: -1", "delta: -0.5")
    assert to_train(checkout) == {"crowded", "turned", "clamped"}
    checkout.edit(f"workflow/studies/{STUDY}.yaml", "delta: -0.5", "delta: -1")
    assert to_train(checkout) == {"clamped"}
