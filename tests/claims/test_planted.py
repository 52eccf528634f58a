"""Tables whose truth is planted, where a verdict was once wrong: each says what must not come back."""

import numpy as np
import pandas as pd
import pytest
from support.claims_scenarios import (
    EPOCHS,
    FIGURE1,
    FIGURE2,
    FIGURE3,
    FIGURE4,
    NULLS,
    SCENARIOS,
    any_layer,
    at,
    scenario,
    trend,
)
from support.claims_tables import HEADLINE, LAYERS, results, runs

from feature_diversity.claims.judge import evidence_of, judge, verdicts_of
from feature_diversity.claims.runs import Runs

POSITIVE = ("supported", "yes")
TWO = {"seed": [1, 2]}


def verdicts(table: pd.DataFrame, *claims: str, **columns: object) -> pd.DataFrame:
    """Rows of verdicts on these claims, judged together. columns: more of the table of results."""
    found = Runs(table, rows=results(table).assign(**columns))
    return pd.DataFrame(verdicts_of({claim: evidence_of(claim, found) for claim in claims})).T


def verdict(table: pd.DataFrame, claim: str, **columns: object) -> pd.Series:
    """The row of the verdict on one claim by itself."""
    return verdicts(table, claim, **columns).loc[claim]


def test_a_drift_along_epochs_that_all_share_decides_no_relation():
    for draw in range(12):
        table = NULLS["drift"]["C34"](0, draw=draw, **TWO)
        assert not set(verdicts(table, "C07", "C08", "C12", "C34")["verdict"]) & set(POSITIVE)


@pytest.mark.parametrize("snapshots", [5, 10, 20])
def test_random_walks_are_no_relation(snapshots):
    tables = [NULLS[f"walk {snapshots}"]["C34"](0, draw=draw) for draw in range(12)]
    found = [verdicts(table, "C07", "C12", "C34")["verdict"] for table in tables]
    assert sum(one in POSITIVE for three in found for one in three) <= 3  # of 36, at 5 %


def test_a_grid_with_fewer_epochs_for_wide_networks_makes_no_exception_of_the_first_layer():
    found = [verdict(NULLS["unbalanced"]["C05"](0, draw=draw), "C05") for draw in range(10)]
    assert sum(row["verdict"] == "supported" for row in found) <= 2
    depths = scenario("figure1", FIGURE1 | {"depth": [50, 101]}, diversity=any_layer(trend("depth")))
    table = depths(9)
    kept = table[table["depth"].eq(50) | table["width"].eq(1)]
    assert verdict(kept, "C05")["verdict"] != "supported"


def test_the_interval_of_a_correlation_holds_its_own_estimate_and_the_truth():
    related = scenario("figure1", FIGURE1, relation=lambda size: size)
    for draw in range(20):
        noisy = verdict(NULLS["attenuated"]["C12"](0, draw=draw), "C12")
        assert noisy["low"] <= noisy["effect"] <= noisy["high"]
        row = verdict(related(1000, draw=draw), "C12")
        assert row["low"] <= row["effect"] <= row["high"]
        assert row["high"] > 0.999  # rho is 1 but for one part in a thousand
        assert row["low"] > 0.9


def test_noise_between_seeds_does_not_make_a_relation_of_cells_into_none():
    for draw in range(12):
        assert verdict(NULLS["attenuated"]["C08"](0, draw=draw), "C08")["verdict"] != "supported"


@pytest.mark.parametrize("claim", ["C01", "C06", "C09", "C10", "C13", "C24"])
def test_five_seeds_support_what_holds_by_fifty_standard_deviations(claim):
    found = judge(results(SCENARIOS[claim](50)))
    assert found[found["claim"] == claim]["verdict"].item() in POSITIVE


@pytest.mark.parametrize("claim", sorted(set(SCENARIOS) - {"C07", "C08", "C12", "C25", "C34", "C23"}))
def test_as_many_seeds_support_a_claim_as_contradict_it(claim):
    for seeds in ([1], TWO["seed"]):
        found = [verdict(SCENARIOS[claim](size, seed=seeds), claim) for size in (200, -200)]
        both = [row["verdict"] for row in found]
        if len(seeds) == 1:
            assert set(both) == {"not testable"}
            assert "needs two seeds" in found[0]["note"].lower()
        else:
            assert both in (["supported", "contradicted"], ["yes", "no"])


def test_width_in_all_layers_rests_on_width_in_three():
    for draw in range(12):
        found = verdicts(SCENARIOS["C04"](0.35, draw=draw), "C04", "C33")
        if found.loc["C33", "verdict"] == "supported":
            assert found.loc["C04", "verdict"] == "supported"
        if found.loc["C04", "verdict"] == "contradicted":
            assert found.loc["C33", "verdict"] == "contradicted"
    perfect = verdicts(SCENARIOS["C04"](3), "C04", "C33")
    assert set(perfect.loc[["C04", "C33"], "verdict"]) == {"supported"}
    falls = verdicts(SCENARIOS["C05"](8), "C04", "C05").loc[
        "C05"
    ]  # conv1 falls, but other layers do not rise
    assert falls["p_alone"] < 0.001
    assert falls["verdict"] == "undecided"
    assert "rests on C04" in falls["note"]


def test_definitions_and_questions_are_no_supported_claims():
    found = verdicts(SCENARIOS["C34"](8), "C34", "C35", "C36")
    assert found.loc["C34", ["verdict", "basis"]].tolist() == ["yes", "question"]
    assert verdict(SCENARIOS["C34"](-8), "C34")["verdict"] == "no"
    assert verdict(SCENARIOS["C34"](0), "C34")["verdict"] == "open"
    assert found.loc["C35", ["verdict", "basis"]].tolist() == ["by definition", "definition"]
    assert found.loc["C36", ["verdict", "basis"]].tolist() == ["not testable", "none"]


def test_rivals_are_the_papers_algorithms_alone():
    algorithms = [*FIGURE3["algorithm"], "deepclusterv2_multicrop"]
    table = runs(
        "figure3",
        lambda run: (
            30 - 9 * run["algorithm"].str.startswith("deep") - 9 * run["algorithm"].str.endswith("crop")
        ),
        algorithm=algorithms,
    )
    row = verdict(table, "C20")
    assert row["verdict"] == "supported"
    assert "multicrop" not in row["parts"]


def test_heads_of_different_size_are_no_reason_against_the_first_algorithm():
    def diversity(run: pd.DataFrame, layer: str) -> np.ndarray:
        return 20.0 * run["algorithm"].eq("rotnet") * (-1 if layer == "head" else 1)

    table = runs("figure3", diversity=diversity, **FIGURE3)
    row = verdict(table, "C21")
    assert row["verdict"] == "supported"
    assert "heads differ in size" in row["note"]
    equal = verdict(table, "C21", n_dim=128)
    assert equal["verdict"] != "supported"
    assert "heads of equal size are compared too" in equal["note"]


def test_collapsed_networks_are_the_least_diverse_and_stay():
    found = verdict(NULLS["collapse"]["C31"](0), "C31")
    assert found["verdict"] != "supported"
    assert found["n_runs"] == 40
    assert "12 of 40 runs with an infinite energy" in found["note"]
    heads = SCENARIOS["C01"](8)
    heads["head"] = -np.inf
    assert verdict(heads, "C01")["verdict"] == "contradicted"
    some = SCENARIOS["C04"](8)
    some.loc[some["seed"].eq(1) & some["width"].eq(1.0), ["head", "res2"]] = -np.inf  # the narrowest collapse
    assert verdict(some, "C04")["verdict"] == "supported"


@pytest.mark.parametrize(("stops", "answer"), [(0, "yes"), (-2, "no")])
def test_early_stopping_is_that_of_the_studys_rule(stops, answer):
    """The least test error is at 800 epochs, the most diverse features are at 100."""
    make = scenario(
        "figure1",
        FIGURE1,
        lambda run, size: -size * at(run, -2),
        any_layer(lambda run, size: size * at(run, 0)),
    )
    table = make(8)
    row = verdict(table.assign(early_stopped=at(table, stops)), "C13")
    assert row["verdict"] == answer
    assert f"stops after {EPOCHS[stops]} epochs: 15" in row["note"].lower()


def test_without_a_stopping_rule_early_stopping_is_not_testable():
    row = verdict(SCENARIOS["C13"](8).assign(val_error=np.nan), "C13")
    assert row["verdict"] == "not testable"
    assert "to stop by" in row["note"]


@pytest.mark.parametrize("noise", [0.05, 1.0])
def test_how_small_a_fall_of_diversity_is_does_not_depend_on_the_noise_of_seeds(noise):
    def diversity(run: pd.DataFrame, layer: str) -> np.ndarray:
        return 10.0 * LAYERS.index(layer) - 0.3 * np.log2(run["depth"] / 50)  # 0.6 of a range of 30

    table = runs("figure4", diversity=diversity, noise=noise, **FIGURE4)
    assert verdict(table, "C30")["verdict"] == "supported"


@pytest.mark.parametrize("claim", sorted(NULLS["one reversed"]))
def test_one_reversed_cell_is_not_averaged_away(claim):
    table = NULLS["one reversed"][claim](0)
    assert verdict(table, claim)["verdict"] != "supported"


def test_size_is_not_one_number():
    deeper_is_worse = scenario(
        "figure2",
        FIGURE2,
        diversity=lambda run, layer, size: (
            size * np.log2(run["width"]) - size * np.log2(run["depth"] / 50) / 2
        ),
    )
    row = verdict(deeper_is_worse(8), "C16")
    assert row["verdict"] != "supported"
    assert "conv1 along depth" in row["parts"]


def test_errors_that_do_not_vary_decide_no_relation():
    constant = SCENARIOS["C34"](8).assign(error=30.0)
    assert set(verdicts(constant, "C07", "C08", "C12", "C34")["verdict"]) == {"not testable"}


def test_seeds_are_asked_for_by_an_estimate_or_not_at_all():
    found = verdict(SCENARIOS["C03"](0.2, draw=3), "C03")
    assert found["verdict"] == "undecided"
    assert found["seeds_needed"] > 5
    assert f"about {found['seeds_needed']:.0f} seeds" in found["note"]
    backwards = verdict(SCENARIOS["C03"](-0.05, draw=3), "C03")
    assert (backwards["effect"] > 0) == np.isfinite(backwards["seeds_needed"])


def test_what_a_test_cannot_find_is_said_first():
    row = verdict(SCENARIOS["C10"](0), "C10")
    assert row["smallest_sd"] > 2
    assert row["note"].startswith("With these seeds the test finds, with a power of 80 %, only effects from")


@pytest.mark.parametrize("claim", ["C08", "C25"])
def test_that_so_few_seeds_cannot_show_absence_is_said_first(claim):
    note = verdict(SCENARIOS[claim](0), claim)["note"]
    assert note.startswith("Absence (rho within +-0.3) is shown with a power of 80 % by about")


@pytest.mark.parametrize("claim", ["C18", "C21"])
def test_five_seeds_show_that_an_algorithm_is_most_diverse_on_the_average_of_layers(claim):
    rows = [verdict(SCENARIOS[claim](2, draw=draw), claim) for draw in range(10)]
    assert sum(row["verdict"] == "supported" for row in rows) >= 8
    assert max(row["smallest_sd"] for row in rows) < 2


def test_snapshots_of_one_schedule_are_told():
    names = ("C06", "C09", "C10", "C11", "C13", "C14")
    for schedule, told in (("trajectory", True), ("budget", False)):
        notes = verdicts(SCENARIOS["C14"](8).assign(schedule=schedule), *names)["note"]
        assert (notes.str.contains("snapshots of one training") == told).all()


# --- readings ---


def with_readings(table: pd.DataFrame) -> pd.DataFrame:
    """Verdicts in three readings: the headline, its centred twin with the other sign, and its own copy."""
    first = results(table)
    centred = first.assign(centred=True, diversity=-first["diversity"], energy=-first["energy"])
    return judge(pd.concat([first, centred, first.assign(vector="vissl")], ignore_index=True))


def test_readings_with_the_same_numbers_count_once():
    found = with_readings(SCENARIOS["C03"](8))
    rows = found[found["claim"] == "C03"]
    assert rows["same_as"].notna().sum() == 1
    assert rows.set_index("vector").loc["vissl", "same_as"] == "flatten, not centred, s = 1"


def test_a_verdict_is_robust_only_if_centred_features_agree():
    found = with_readings(SCENARIOS["C03"](8))
    row = found[found["headline"]].set_index("claim").loc["C03"]
    assert row["robust"] is False
    assert row["note"].startswith("The sign of the effect flips when features are centred")
    same = results(SCENARIOS["C03"](8), readings=(HEADLINE, HEADLINE | {"centred": True}))
    assert judge(same).query("headline").set_index("claim").loc["C03", "robust"] is True
    assert pd.isna(judge(results(SCENARIOS["C03"](8))).set_index("claim").loc["C03", "robust"])


# --- bad tables ---


@pytest.mark.parametrize("claim", sorted(set(SCENARIOS)))
@pytest.mark.parametrize("broken", ["one cell", "ties", "constant", "infinite"])
def test_a_bad_table_is_never_a_traceback(claim, broken):
    table = SCENARIOS[claim](8)
    if broken == "one cell":
        table = table.head(5)
    elif broken == "ties":
        table[[*LAYERS, "error"]] = table[[*LAYERS, "error"]].round(-1)
    elif broken == "constant":
        table[[*LAYERS, "error"]] = 1.0
    else:
        table[LAYERS] = -np.inf
    row = verdict(table, claim)
    if broken == "constant":
        assert row["verdict"] == "not testable"
    assert len(row["note"]) > 5
