"""Kendall's granulated psi and conditional mutual information beside the package mbe-eval."""

import numpy as np
import pandas as pd
import pytest
from support.prediction_tables import AXES, study

from feature_diversity.prediction.agreement import agreement
from feature_diversity.prediction.information import conditioned, information
from feature_diversity.prediction.runs import runs_of
from feature_diversity.prediction.study import Study

theirs = pytest.importorskip("mbe_eval.comparators", reason="mbe-eval is not installed")


def loaded(table: pd.DataFrame) -> tuple[Study, np.ndarray]:
    found = Study(runs_of(table))
    column = found.runs.measures["measure"] == "diversity"
    return found, found.ranks[:, column]


def test_psi_on_a_full_grid_without_ties_is_theirs():
    """Theirs averages over settings, ours over pairs; theirs is tau-b, ours counts ties as half wrong."""
    table = study(1, seed=1.0)
    found, ranks = loaded(table)
    outcome = found.runs.outcomes[0]
    ours = [agreement(found.pairs[axis], outcome, ranks, found.drawn[:2]).psi[0] for axis in AXES]
    mean, detail = theirs.granulated_kendall(table, "diversity", "test_error", AXES)
    assert ours == pytest.approx(detail["granulated_kendall"].to_list(), abs=1e-12)
    assert np.mean(ours) == pytest.approx(mean, abs=1e-12)


@pytest.mark.parametrize("share", [1.0, 0.7])
def test_conditional_information_without_ties_is_theirs_before_the_bias_is_removed(share):
    """Also on a grid with holes. Theirs knows two signs, ours a third where the measure is tied."""
    table = study(1, seed=1.0).sample(frac=share, random_state=0)
    found, ranks = loaded(table)
    outcome = found.runs.outcomes[0]
    first, second = np.triu_indices(len(table), 1)
    order = outcome.order(outcome.angle[first], outcome.angle[second])
    _, detail = theirs.jiang_normalized_cmi(table, "diversity", "test_error", AXES)
    assert len(detail) == 11
    for row in detail.itertuples():
        given = () if row.conditioning == "none" else tuple(row.conditioning.split(","))
        ours = information(ranks, conditioned(found.runs.axes, given, first, second, order))[0, 0]
        assert ours == pytest.approx(row.normalized_cmi, abs=1e-12)
