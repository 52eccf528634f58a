from pathlib import Path

import pandas as pd
import pytest

from feature_diversity.base.reading import HEADLINE, in_words
from feature_diversity.prediction.answer import QUESTION
from feature_diversity.prediction.result import COLUMNS
from feature_diversity.report.verdicts import NEEDED
from feature_diversity.results import text as summary
from feature_diversity.stages import summary as stage


@pytest.fixture
def csv(tmp_path):
    """A table of one network, untrained and after 10 epochs, two seeds, two rows a run."""
    rows = [
        {"dataset": "digits", "algorithm": "simclr", "depth": 14, "width": 0.5, "norm": "batchnorm"}
        | {"variant": "default", "epochs": epochs, "seed": seed, "test_error": error, "layer": layer}
        for epochs, seed, error in [(0, 1, 0.5), (0, 2, 0.6), (10, 1, 0.2), (10, 2, 0.3)]
        for layer in ("conv1", "head")
    ]
    pd.DataFrame(rows).assign(**HEADLINE, diversity=-1.0).to_csv(tmp_path / "results.csv", index=False)
    return tmp_path / "results.csv"


def test_runs_and_seeds_are_counted_once(csv):
    text = summary.summarise(pd.read_csv(csv), csv, csv.parent / "figures")
    assert text.splitlines()[0] == f"{csv.parent.name} (digits): 4 runs, seeds 1, 2, up to 10 epochs"


def test_untrained_and_trained_stand_side_by_side_as_means_over_seeds(csv):
    lines = summary.summarise(pd.read_csv(csv), csv, csv.parent / "figures").splitlines()
    header, row = (line.split() for line in lines if "norm" in line)
    assert header == ["algorithm", "depth", "width", "norm", "untrained", "10", "epochs"]
    assert row == ["simclr", "14", "0.5", "batchnorm", "55.0", "25.0"]


def test_the_summary_says_where_to_look(csv):
    text = summary.summarise(pd.read_csv(csv), csv, csv.parent / "figures")
    assert str(csv) in text
    assert str(csv.parent / "figures") in text


@pytest.fixture
def claims(tmp_path):
    """Verdicts on three claims, the first in two readings and one that has the numbers of another."""
    rows = [
        ("C01", "supported", "test", True, False, None),
        ("C01", "undecided", "test", False, None, None),
        ("C01", "undecided", "test", False, None, "flatten, centred, s = 1"),
        ("C02", "not testable", "none", True, None, None),
        ("C35", "by definition", "definition", True, None, None),
    ]
    table = pd.DataFrame(rows, columns=["claim", "verdict", "basis", "headline", "robust", "same_as"])
    table = table.assign(text="A sentence of the paper " * 6)
    table.reindex(columns=NEEDED).to_csv(tmp_path / "claims.csv", index=False)
    return tmp_path / "claims.csv"


@pytest.fixture
def prediction(tmp_path):
    """A table of predictions in which nothing could be estimated."""
    row = dict.fromkeys(COLUMNS, "") | {"statistic": "psi", "outcome": "test_error", "axis": "seed"}
    row |= {"measure": "diversity", "reading": in_words(**HEADLINE), "note": "not testable: one seed"}
    pd.DataFrame([row]).to_csv(tmp_path / "prediction.csv", index=False)
    return tmp_path / "prediction.csv"


def test_the_summary_has_ten_lines_with_the_answer_and_the_list_has_all(csv, claims, prediction, tmp_path):
    outputs = tmp_path / "summary.txt", tmp_path / "verdicts.txt"
    arguments = ["--table", str(csv), "--figures", "figures", "--claims", str(claims)]
    arguments += ["--prediction", str(prediction), "--output", str(outputs[0]), "--verdicts", str(outputs[1])]
    stage.main(arguments)
    short, long = (path.read_text() for path in outputs)
    lines = short.splitlines()
    assert len(lines) <= 12
    assert max(map(len, lines)) <= 100
    assert lines[0] == f"{tmp_path.name} (digits): 4 runs of 1 algorithm, seeds 1, 2, up to 10 epochs."
    told = " ".join(short.split())
    assert f"{QUESTION} Open: this study cannot decide it (one seed)" in told
    assert "Test error, mean over seeds: 25.0 % (simclr); untrained 55.0 %." in told
    assert "The paper's 3 claims: by tests 1 supported; 1 not testable." in told
    assert lines[-2:] == [
        f"open      {tmp_path / 'report.html'}",
        f"verdicts  {tmp_path / 'verdicts.txt'}",
    ]
    assert long.startswith(summary.summarise(pd.read_csv(csv), csv, Path("figures")))
    assert summary.verdicts(pd.read_csv(claims), claims) in long


def test_undecided_tests_say_what_they_could_find(claims):
    table = pd.read_csv(claims).assign(smallest_sd=[1.5, 9, 9, None, None])
    table["verdict"] = table["verdict"].replace({"supported": "undecided"})
    assert summary.decided(table).endswith(
        "The median of the undecided tests finds effects from 1.5 SD between seeds on."
    )


def test_verdicts_are_counted_and_each_claim_has_a_line(claims):
    lines = summary.verdicts(pd.read_csv(claims), claims).splitlines()
    assert lines[:5] == [
        "The paper's 3 claims:",
        "  by tests: 1 supported",
        "    (of 1 tests at 5 % a direction, chance alone supports up to 0.05 and contradicts as many)",
        "  by definition: 1 by definition",
        "  not testable: 1 not testable",
    ]
    first, second = (line for line in lines if line.startswith("C0"))
    assert first.split()[:3] == ["C01", "supported", "1/2!"]  # in one of two readings, and not robust
    assert second.split()[:4] == ["C02", "not", "testable", "A"]
    assert max(map(len, lines)) <= 100
    assert str(claims) in lines[-1]


def test_what_fails_a_gate_is_counted_beside_the_errors(csv):
    table = pd.read_csv(csv).assign(pixel_error=0.25, chance_error=0.9)
    fails = (table["seed"] == 2) & (table["epochs"] > 0)
    table["gate_loss"] = fails.map({True: "fails", False: "passes"})
    text = summary.summarise(table, csv, csv.parent / "figures")
    assert "Without a network: raw pixels 25.0, chance 90.0" in text
    assert "1 of 2 trained runs are of trainings that fail a gate (a loss that did not fall: 1)." in text


def test_a_table_without_pixels_and_gates_says_nothing_of_them(csv):
    text = summary.summarise(pd.read_csv(csv), csv, csv.parent / "figures")
    assert "Without a network" not in text
    assert "fail a gate" not in text


def test_verdicts_that_hang_on_what_fails_a_gate_are_told(claims):
    table = pd.read_csv(claims)
    assert "gate" not in summary.verdicts(table.assign(verdict_gated=table["verdict"]), claims)
    gated = table["verdict"].replace({"supported": "undecided"})
    text = summary.verdicts(table.assign(verdict_gated=gated), claims)
    told = "Without trainings that fail a gate the verdict changes on C01 from supported to undecided."
    assert told in text.splitlines()
    text = summary.verdicts(table.assign(verdict_gated="not testable"), claims)
    assert "Without trainings that fail a gate nothing is left to be judged." in text.splitlines()
