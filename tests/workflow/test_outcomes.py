"""A study that asks for outcomes: they are columns of its table, and nothing else is made anew."""

from pathlib import Path

import pandas as pd
import pytest
from support.checkout import Checkout

pytestmark = pytest.mark.workflow
STUDY = "workflow/studies/tiny.yaml"
BLOCK = """outcomes:
  corruptions: {names: [fog, contrast], severities: [3], images: 50}
  few_shot: {shots: [1], episodes: 20}
  transfer:
    written: {name: mnist_5k, test: 500, train: 200, validation: 100}
figures:"""


def test_outcomes_are_added_to_a_finished_study(tmp_path: Path, shared: Path):
    checkout = Checkout.finished(tmp_path, shared)
    assert checkout.planned() == {}
    before = {path: path.read_bytes() for path in checkout.results.glob("*/*/linear.json")}
    checkout.edit(STUDY, "figures:", BLOCK)
    planned = checkout.planned()
    assert planned.pop("outcomes") == 2  # trainings
    assert planned.pop("data") == 1  # the other data set
    assert not {"pretrain", "extract", "energy", "linear_eval", "pixels"} & set(planned)
    result = checkout.snakemake()
    assert result.returncode == 0, result.stdout
    table = pd.read_csv(checkout.results / "results.csv")
    outcomes = ["corrupted_test_error", "few_shot_1_test_error", "transfer_written_test_error"]
    for column in (*outcomes, "few_shot_1_logistic_error"):
        assert table[column].between(0, 1).all()
        assert (table[f"{column}_se"] > 0).all()
    predicted = pd.read_csv(checkout.results / "prediction.csv")
    assert set(outcomes) < set(predicted["outcome"])
    assert "corrupted_test_error" in (checkout.results / "report.html").read_text()
    assert {path: path.read_bytes() for path in before} == before
    assert checkout.planned() == {}

    checkout.edit(STUDY, "episodes: 20", "episodes: 30")
    assert checkout.planned()["outcomes"] == 2


def test_outcomes_of_the_last_networks_alone_are_what_a_figure_shows(tmp_path: Path, shared: Path):
    checkout = Checkout.finished(tmp_path, shared)
    checkout.edit(STUDY, "figures:", f"outcomes_of: last\noutcome: corrupted_test_error\n{BLOCK}")
    result = checkout.snakemake()
    assert result.returncode == 0, result.stdout
    table = pd.read_csv(checkout.results / "results.csv")
    assert (table["corrupted_test_error"].isna() == (table["epochs"] == 0)).all()
    made = {path.parent.name.rsplit("_ep")[1] for path in checkout.results.glob("*/*/outcomes.json")}
    assert made == {"2_seed1"}
    assert checkout.planned() == {}
