"""Every claim's function on runs whose truth is known: `pytest -k C17` runs those of claim C17.

What is planted for C01 ... C36 stands in `support/claims_scenarios.py`.
"""

import numpy as np
import pandas as pd
import pytest
from support.claims_scenarios import EDGES, SCENARIOS

from feature_diversity.claims import paper
from feature_diversity.claims.evidence import (
    BY_DEFINITION,
    CONTRADICTED,
    SUPPORTED,
    UNDECIDED,
    Evidence,
    NotTestable,
    decide,
)
from feature_diversity.claims.judge import JUDGES
from feature_diversity.claims.runs import Runs
from feature_diversity.statistics.multiplicity import ALPHA

LARGE = 8  # standard deviations between seeds
NEVER_BY_TESTS = {"C35", "C36"}


def evidence(claim: str, table: pd.DataFrame) -> Evidence:
    return JUDGES[claim](Runs(table))


def verdict(claim: str, table: pd.DataFrame) -> str:
    """The verdict on the claim alone."""
    found = evidence(claim, table)
    return found.decided or decide(found.p, found.p_opposed)


def test_every_claim_of_the_paper_has_a_function_and_runs_to_try_it():
    assert set(JUDGES) == set(paper.claims())
    assert set(SCENARIOS) == set(JUDGES) - NEVER_BY_TESTS


# that nothing is correlated takes more seeds, see below
@pytest.mark.parametrize("claim", sorted(set(SCENARIOS) - {"C08", "C25"}))
def test_a_true_claim_is_supported(claim):
    assert verdict(claim, SCENARIOS[claim](LARGE)) == SUPPORTED


@pytest.mark.parametrize("claim", SCENARIOS)
def test_a_false_claim_is_contradicted(claim):
    assert verdict(claim, SCENARIOS[claim](-LARGE)) == CONTRADICTED


@pytest.mark.parametrize("claim", ["C08", "C25"])
def test_that_nothing_is_correlated_takes_the_seeds_that_the_note_says(claim):
    few, many = (evidence(claim, SCENARIOS[claim](LARGE, seed=list(range(n)))) for n in (5, 40))
    assert few.p > ALPHA
    assert few.limit.startswith("absence (rho within +-0.3) is shown with a power of 80 % by about")
    assert 5 < few.seeds_needed < 40
    assert not many.limit
    assert decide(many.p, many.p_opposed) == SUPPORTED


# a draw in which neither direction happens to be significant
@pytest.mark.parametrize("claim", SCENARIOS)
def test_without_an_effect_a_claim_is_undecided(claim):
    draw = 1 if claim in ("C08", "C14") else 0
    assert verdict(claim, SCENARIOS[claim](0, draw=draw)) == UNDECIDED


@pytest.mark.parametrize("claim", SCENARIOS)
def test_one_seed_tests_nothing(claim):
    with pytest.raises(NotTestable, match="two seeds"):
        evidence(claim, SCENARIOS[claim](LARGE, seed=[1]))


# of 30 tables a test at 5 % rejects in seven or more once in 600 times; docs/claims.md has 500 tables
@pytest.mark.parametrize("claim", ["C03", "C11", "C15", "C19", "C22", "C28"])
def test_without_an_effect_few_tables_support_a_claim(claim):
    scenario = EDGES.get(claim, SCENARIOS[claim])
    p = np.array([evidence(claim, scenario(0, draw=draw)).p for draw in range(30)])
    assert np.sum(p <= ALPHA) < 7


@pytest.mark.parametrize("claim", ["C03", "C11"])
def test_snapshots_of_one_training_are_not_taken_for_many_runs(claim):
    found = [evidence(claim, SCENARIOS[claim](0, draw=draw, snapshots=True)) for draw in range(30)]
    assert sum(e.p <= ALPHA for e in found) < 7
    assert sum(e.p_opposed <= ALPHA for e in found) < 7


def test_the_effect_is_the_true_one_and_lies_in_its_interval():
    found = evidence("C04", SCENARIOS["C04"](3, seed=list(range(20))))
    assert found.low < 3 < found.high
    assert {part.name for part in found.parts} == {"res2", "res4", "head"}
    found = evidence("C28", SCENARIOS["C28"](3, seed=list(range(20)), noise=0.01, depth=[50, 100, 200]))
    assert found.effect == pytest.approx(3, abs=0.02)


@pytest.mark.parametrize("claim", ["C03", "C09", "C19", "C28", "C32"])
def test_the_smallest_effect_is_found_with_about_the_power_it_says(claim):
    """With effects of that size in all comparisons, 80 % or more of tables are supported."""
    smallest = np.median([evidence(claim, SCENARIOS[claim](0, draw=draw)).smallest for draw in range(20)])
    if claim == "C28":
        smallest *= 2 / 3  # it is per doubling of the depth; four depths rise by 3 over log2(200 / 50) = 2
    found = [verdict(claim, SCENARIOS[claim](smallest, draw=draw)) for draw in range(40)]
    assert found.count(SUPPORTED) / 40 >= 0.65  # one in 60 tests with 0.8 has less


def test_more_seeds_are_asked_for_where_the_effect_is_small():
    small, large = (evidence("C03", SCENARIOS["C03"](size, seed=[1, 2, 3, 4, 5, 6])) for size in (0.15, 0.3))
    assert small.seeds_needed > large.seeds_needed > 6


def test_unshared_seeds_are_compared_without_pairs():
    table = SCENARIOS["C06"](LARGE)
    table["seed"] = np.arange(len(table))
    assert evidence("C06", table).p < 0.001
    assert evidence("C11", SCENARIOS["C11"](2).assign(seed=np.arange(75))).p < 0.001


def test_runs_without_a_value_are_left_out_and_counted():
    table = SCENARIOS["C03"](LARGE)
    table.loc[[0, 7], "conv1"] = np.nan
    found = evidence("C03", table)
    assert decide(found.p, found.p_opposed) == SUPPORTED
    assert found.n_runs == len(table) - 2
    assert "2 of 75 runs without a value of conv1 or res2 left out" in found.note


def test_evidence_takes_keywords_alone():
    with pytest.raises(TypeError):
        Evidence(1.0, "effect")


def test_a_definition_is_decided_by_one_wrong_row():
    table = SCENARIOS["C03"](1)
    rows = pd.DataFrame({"energy": [1.0, np.inf, 2.0, np.nan], "diversity": [-1.0, -np.inf, -2.0, np.nan]})
    rows[["dataset", "algorithm", "depth", "width", "norm", "variant", "epochs", "seed"]] = "x"
    found = JUDGES["C35"](Runs(table, rows=rows))
    assert found.decided == BY_DEFINITION
    assert "exact in 3 of 3 rows; 1 rows without an energy" in found.note
    rows.loc[2, "diversity"] = 2.0
    assert JUDGES["C35"](Runs(table, rows=rows)).decided == CONTRADICTED


def test_early_stopping_takes_the_marked_runs_else_the_least_validation_error():
    table = SCENARIOS["C15"](LARGE, epochs=[100, 200])
    table["val_error"] = table["epochs"] / 1000  # so 100 epochs are chosen
    table["error"] += 50.0 * (table["epochs"] == 200) * (table["depth"] == 50)
    assert evidence("C15", table).effect < 20
    marked = table.assign(early_stopped=table["epochs"] == 200)
    assert evidence("C15", marked).effect > 20
