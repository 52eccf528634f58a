"""Verdicts with and without trainings that fail a gate."""

import numpy as np
import pandas as pd
import pytest
from support.claims_tables import results, runs

from feature_diversity.base.reading import READING
from feature_diversity.claims.gated import judge_with_and_without
from feature_diversity.claims.judge import judge
from feature_diversity.results.gates import GATES

BROKEN = [6, 7, 8, 9, 10]


@pytest.fixture(scope="module")
def table():
    """Diversity rises with width over five seeds, and falls as steeply over five that are broken."""
    table = runs(
        "figure1",
        diversity=lambda run, layer: np.where(run["seed"].isin(BROKEN), -10, 10) * np.log2(run["width"]),
        width=[0.5, 1.0, 2.0],
        seed=[1, 2, 3, 4, 5, *BROKEN],
        noise=0.1,
    )
    return results(table).assign(**dict.fromkeys(GATES, "passes"))


def of(verdicts, claim):
    """The headline row of a claim."""
    return verdicts[(verdicts["claim"] == claim) & verdicts["headline"]].iloc[0]


@pytest.mark.parametrize("gate", GATES)
def test_what_fails_a_gate_is_left_out_of_the_second_verdict(table, gate):
    marked = table.assign(**{gate: np.where(table["seed"].isin(BROKEN), "fails", "unknown")})
    verdicts = judge_with_and_without(marked)
    assert of(verdicts, "C04")["verdict"] == "undecided"
    assert of(verdicts, "C04")["verdict_gated"] == "supported"
    assert of(verdicts, "C04")["n_runs_gated"] == 15
    alone = judge(table[~table["seed"].isin(BROKEN)])
    for column in ("verdict", "p", "p_opposed", "effect"):
        theirs = verdicts[f"{column}_gated"].rename(column)
        pd.testing.assert_series_equal(theirs, alone[column], check_dtype=False)
    key = ["claim", *READING]
    pd.testing.assert_frame_equal(verdicts[key].astype(str), alone[key].astype(str))


@pytest.mark.parametrize("change", [{}, dict.fromkeys(GATES, "unknown"), None])
def test_where_nothing_fails_the_verdicts_are_the_same(table, change):
    without = table.drop(columns=list(GATES)) if change is None else table.assign(**change)
    verdicts = judge_with_and_without(without)
    pd.testing.assert_series_equal(verdicts["verdict"], verdicts["verdict_gated"], check_names=False)
    pd.testing.assert_series_equal(verdicts["n_runs"], verdicts["n_runs_gated"], check_names=False)


def test_where_all_fail_nothing_is_testable_without_them(table):
    verdicts = judge_with_and_without(table.assign(gate_loss="fails"))
    assert set(verdicts["verdict_gated"]) == {"not testable"}
    assert set(verdicts["n_runs_gated"]) == {0}
    pd.testing.assert_frame_equal(verdicts[list(judge(table))], judge(table))
