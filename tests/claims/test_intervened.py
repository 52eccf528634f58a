"""Claims about causes, on interventions whose truth is planted."""

import pandas as pd
import pytest
from scipy import stats
from support.claims_scenarios import SCENARIOS
from support.claims_tables import results
from support.intervention_tables import penalties, table

from feature_diversity.claims.evidence import NotTestable
from feature_diversity.claims.intervened import (
    narrow_networks_need_a_diverse_start,
    slopes_of,
    trade_off_by_head,
)
from feature_diversity.claims.judge import judge
from feature_diversity.interventions.analysis import analysed

WIDTHS = (0.5, 1, 2)


def head(effect: float, draw: int = 0, truth: str = "cause") -> pd.DataFrame:
    return analysed(table(truth, draw, layer="head", effect=effect), penalties("head"))


def start(effects: tuple[float, ...], draw: int = 0, truth: str = "cause") -> pd.DataFrame:
    """conv1 set at several widths, with the effect of each."""
    tables = [
        table(truth, 100 * draw + place, layer="conv1", width=width, effect=effect)
        for place, (width, effect) in enumerate(zip(WIDTHS, effects, strict=False))
    ]
    return analysed(pd.concat(tables, ignore_index=True), penalties("conv1"))


@pytest.mark.parametrize(
    ("effect", "verdict"), [(-0.04, "supported"), (0.04, "contradicted"), (0.0, "contradicted")]
)
def test_a_trade_off_in_the_head_is_what_follows_from_setting_it(effect, verdict):
    found = trade_off_by_head(head(effect))
    assert (found.decided, found.basis, found.n_seeds) == (verdict, "intervention", 8)
    assert found.low < effect < found.high
    assert (found.p < 0.001) == (effect < 0)
    assert (found.p_opposed < 0.001) == (effect > 0)


def test_what_one_lever_does_decides_no_claim_and_what_was_not_delivered_is_not_testable():
    assert trade_off_by_head(head(-0.04, truth="lever")).decided == "undecided"
    with pytest.raises(NotTestable, match="doses on head were not delivered"):
        trade_off_by_head(head(-0.04, truth="not delivered"))
    with pytest.raises(NotTestable, match="conv1 was not set"):
        narrow_networks_need_a_diverse_start(head(-0.04))


def test_one_algorithm_without_the_trade_off_leaves_the_claim_undecided():
    two = pd.concat([head(-0.04), head(0.04, draw=1).assign(algorithm="rotnet")])
    assert trade_off_by_head(two).decided == "undecided"


@pytest.mark.parametrize(
    ("effects", "verdict"),
    [
        ((0.06, 0.03, 0.0), "supported"),
        ((0.04, 0.04, 0.04), "undecided"),
        ((0.0, 0.0, 0.0), "contradicted"),
        ((-0.04, 0.0, 0.0), "contradicted"),
    ],
)
def test_narrow_networks_need_a_diverse_start_where_setting_it_helps_them_more(effects, verdict):
    found = narrow_networks_need_a_diverse_start(start(effects, draw=3))
    assert found.decided == verdict
    change = found.parts[-1]
    assert change.low < (effects[0] - effects[2]) / 2 < change.high


def test_one_width_tells_nothing_of_narrow_networks():
    with pytest.raises(NotTestable, match="at one width only"):
        narrow_networks_need_a_diverse_start(start((0.04,)))


def test_equal_effects_at_all_widths_are_seldom_taken_for_a_fall():
    found = [narrow_networks_need_a_diverse_start(start((0.04,) * 3, draw)) for draw in range(40)]
    assert sum(one.decided == "supported" for one in found) <= 6  # of 40 at 5 %: 99 % of binomial draws
    assert {one.decided for one in found} <= {"supported", "undecided"}


def test_slopes_have_their_standard_errors_back():
    found = slopes_of(head(0.04), "head")
    rows = head(0.04)
    slope = rows[rows["statistic"] == "causal slope"].iloc[0]
    t = (found["slope"] / found["error"]).item()
    assert 2 * stats.t.sf(abs(t), found["freedom"].item()) == pytest.approx(slope["p"], rel=1e-9)


def test_the_table_of_verdicts_is_decided_by_the_intervention_in_the_reading_that_is_set():
    runs = SCENARIOS["C12"](8)
    observed = judge(results(runs))
    decided = judge(results(runs), head(0.04))
    row = decided[decided["claim"] == "C12"].iloc[0]
    before = observed[observed["claim"] == "C12"].iloc[0]
    assert (before["verdict"], before["basis"]) == ("supported", "test")
    assert (row["verdict"], row["basis"], row["headline"]) == ("contradicted", "intervention", True)
    others = decided["claim"] != "C12"
    pd.testing.assert_frame_equal(decided[others], observed[others])
    assert pd.isna(row["robust"])
    assert "by setting the diversity of head" in row["note"].lower()
