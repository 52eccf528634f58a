"""What is published in docs/studies: today's code makes the same verdicts and predictions of its tables."""

from pathlib import Path

import pandas as pd
import pytest

from feature_diversity.base import paths
from feature_diversity.base.paths import CHECKOUT
from feature_diversity.commands import reproduce
from feature_diversity.planning.study import Study

STUDIES = sorted(path for path in (CHECKOUT / "docs" / "studies").iterdir() if path.is_dir())
MOST_BYTES = 25e6


@pytest.mark.slow
@pytest.mark.parametrize("study", STUDIES, ids=lambda path: path.name)
def test_the_published_verdicts_follow_from_the_published_table(study: Path, capsys: pytest.CaptureFixture):
    reproduce.main([str(study), "--tables"])
    said = capsys.readouterr().out
    assert "claims.csv: " in said
    assert "prediction.csv: " in said


@pytest.mark.parametrize("study", STUDIES, ids=lambda path: path.name)
def test_every_published_cell_has_eight_trainings(study: Path):
    results = pd.read_parquet(
        study / paths.RESULTS_PARQUET, columns=["algorithm", "epochs", "variant", "seed"]
    )
    cells = results.drop_duplicates().groupby(["algorithm", "epochs"])
    assert cells.size().min() >= 8
    assert cells["seed"].nunique().min() >= 5


@pytest.mark.parametrize("study", STUDIES, ids=lambda path: path.name)
def test_every_published_estimate_lies_in_its_interval(study: Path):
    found = pd.read_csv(study / paths.PREDICTION)
    beside = (found["low"] > found["estimate"]) | (found["high"] < found["estimate"])
    assert not beside.any()


@pytest.mark.parametrize("study", STUDIES, ids=lambda path: path.name)
def test_a_published_study_is_small(study: Path):
    assert sum(path.stat().st_size for path in study.rglob("*") if path.is_file()) <= MOST_BYTES


def test_rows_that_are_missing_and_rows_that_were_not_published_are_told():
    table = pd.DataFrame({"claim": ["C01", "C02", "C03"], "effect": [1.0, 2.0, 3.0]})
    assert reproduce.differences(table, table, ["claim"], 0) == (3, [])
    assert reproduce.differences(table[:2], table, ["claim"], 0)[1] == ["1 rows were not published"]
    assert reproduce.differences(table, table[:2], ["claim"], 0)[1][0] == "1 rows are missing"


def test_the_network_that_is_trained_anew_is_compared_with_no_other():
    [folder] = [folder for folder in STUDIES if folder.name == "fashion_intervention"]
    assert reproduce.smallest(Study.load(folder / "study.yaml")).variant == "untreated"


def test_a_repetition_is_told_from_other_numbers():
    """A processor of another kind gives other bits: a network trained there is as another seed is."""
    published = pd.read_parquet(CHECKOUT / "docs/studies/objectives_small" / paths.RESULTS_PARQUET)
    mine = (published["algorithm"] == "npid") & (published["seed"] == 1)
    before = published[mine].drop(columns="figures")
    trained = (published["algorithm"] == "npid") & (published["seed"] == 2) & (published["epochs"] > 0)
    repeated = pd.concat([before[before["epochs"] == 0], published[trained].assign(seed=1)])

    def apart(changes: dict[str, float], rows: str) -> float:
        again = repeated.copy()
        for column, change in changes.items():
            again.loc[again.eval(rows), column] += change
        return reproduce.seeds_apart(published, before, again)

    assert reproduce.seeds_apart(published, before, before) == 0
    assert 0.1 < apart({}, "epochs > 0") < reproduce.REPETITION
    assert reproduce.REPETITION < apart({"test_error": 0.2}, "epochs > 0") < float("inf")
    assert apart({"n_params": 1}, "epochs > 0") == float("inf")
    assert apart({"diversity": 0.01}, "epochs == 0") == float("inf")
