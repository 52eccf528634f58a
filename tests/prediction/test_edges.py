"""Tables that cannot tell much give a result, or say why there is none."""

import itertools

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from support.prediction_tables import grid, results, study
from support.report_study import study_table

from feature_diversity.base.errors import InputError
from feature_diversity.prediction.answer import answer_of
from feature_diversity.prediction.measures import INITIAL
from feature_diversity.prediction.predict import prediction_of
from feature_diversity.prediction.resampling import interval_around
from feature_diversity.prediction.result import COLUMNS
from feature_diversity.prediction.runs import HEADLINE_NAME, runs_of
from feature_diversity.statistics.intraclass import intraclass_correlation

ONE = {"algorithm": ["simclr"], "width": [1.0], "epochs": [5]}


def table(error=None, diversity=None, **axes: list) -> pd.DataFrame:
    runs = grid(**axes)
    rng = np.random.default_rng(0)
    error = 0.3 + 0.05 * rng.standard_normal(len(runs)) if error is None else error
    diversity = rng.standard_normal(len(runs)) if diversity is None else diversity
    return results(runs, error, diversity)


def row(found: pd.DataFrame, statistic: str, axis: str, measure: str = "diversity") -> pd.Series:
    chosen = found["measure"].eq(measure) & found["statistic"].eq(statistic) & found["axis"].eq(axis)
    return found[chosen & found["outcome"].isin(["test_error", ""])].iloc[0]


def every_row_has_a_number_or_a_reason(found: pd.DataFrame) -> None:
    assert list(found) == COLUMNS
    silent = found["estimate"].isna() & ~found["note"].str.contains("not testable")
    assert not silent.any(), found[silent]
    some = found["estimate"].notna() & found["low"].notna()
    assert (found["low"] <= found["high"] + 1e-9)[some].all()
    p = found["p_max_t"].dropna()
    assert ((p > 0) & (p <= 1)).all()


@pytest.mark.parametrize(
    "edge",
    {
        "one seed": {"seeds": 1},
        "one algorithm": {"algorithm": ["simclr"]},
        "one cell": ONE,
        "one run": ONE | {"seeds": 1},
        "two runs": ONE | {"seeds": 2},
    }.items(),
    ids=lambda edge: edge[0],
)
def test_a_small_grid_gives_numbers_or_reasons(edge):
    every_row_has_a_number_or_a_reason(prediction_of(table(**edge[1])))


def test_one_seed_cannot_say_what_holds_between_seeds():
    found = prediction_of(table(seeds=1))
    assert row(found, "psi", "seed")["note"] == "not testable: all runs have one seed"
    assert row(found, "intraclass correlation", "seed")["note"] == "not testable: no network has two seeds"


def test_one_network_of_five_seeds_is_tested_by_all_orders_of_its_seeds():
    errors = np.array([0.1, 0.2, 0.3, 0.4, 0.5])
    psi = row(prediction_of(table(errors, -errors, **ONE)), "psi", "seed")
    assert psi["estimate"] == -1
    assert psi["p_max_t"] == pytest.approx(2 / 120, abs=0.015)  # of 120 orders two are as extreme
    assert psi["low"] == -1
    assert psi["high"] > 0  # two independent pairs exclude little


def test_constant_errors_are_not_testable():
    found = prediction_of(table(error=np.full(135, 0.3)))
    every_row_has_a_number_or_a_reason(found)
    assert "test set can tell" in row(found, "psi", "width")["note"]
    assert found[found["statistic"] == "unresolved"]["estimate"].eq(1).all()


def test_a_constant_measure_orders_nothing():
    found = prediction_of(table(diversity=np.zeros(135)))
    every_row_has_a_number_or_a_reason(found)
    psi = row(found, "psi", "seed")
    assert (psi["estimate"], psi["p_max_t"]) == (0, 1)
    assert "does not vary" in psi["note"]
    assert row(found, "regret", "best of all")["estimate"] == pytest.approx(
        row(found, "regret", "best of all", "random")["estimate"], abs=1e-4
    )


def test_infinite_energies_are_the_least_diverse():
    collapsed = study(0, seed=1.0)
    lowest = collapsed["diversity"].min()
    infinite = collapsed.assign(
        diversity=collapsed["diversity"].where(collapsed["diversity"] > lowest, -np.inf)
    )
    pd.testing.assert_frame_equal(
        prediction_of(infinite).drop(columns="note"), prediction_of(collapsed).drop(columns="note")
    )


def test_runs_without_a_value_or_an_error_take_no_part():
    some = study(0, seed=1.0)
    some.loc[some.index[:20], "diversity"] = np.nan
    some.loc[some.index[20:30], "test_error"] = np.nan
    fewer = some.drop(index=some.index[20:30])
    found, expected = prediction_of(some), prediction_of(fewer)
    every_row_has_a_number_or_a_reason(found)
    for axis in ("width", "seed"):
        assert row(found, "psi", axis)["estimate"] == row(expected, "psi", axis)["estimate"]
        assert row(found, "psi", axis)["pairs"] == row(expected, "psi", axis)["pairs"]


def test_readings_that_are_the_same_data_count_once():
    one = study(0, seed=1.0)
    twice = pd.concat(
        [one, one.assign(vector="vissl"), one.assign(vector="gap", diversity=-one["diversity"])]
    )
    found = prediction_of(twice)
    readings = found[(found["measure"] == "diversity") & (found["statistic"] == "tau")]
    assert readings["reading"].to_list() == [HEADLINE_NAME, "gap, not centred, s = 1"]
    assert "the same data: vissl" in readings["note"].iloc[0]
    # what counts once costs nothing: p as if the second had never been there
    pd.testing.assert_series_equal(
        found["p_max_t"], prediction_of(twice[twice["vector"] != "vissl"])["p_max_t"]
    )


def test_untrained_networks_are_a_baseline_and_no_runs():
    runs = study(0, seed=1.0)
    start = runs[runs["epochs"] == 5].assign(epochs=0)
    start["diversity"] = start["seed"].astype(float)
    found = prediction_of(pd.concat([runs, start]))
    assert row(found, "tau", "all")["pairs"] == row(prediction_of(runs), "tau", "all")["pairs"]
    assert row(found, "psi", "seed", INITIAL)["pairs"] > 0
    assert row(found, "psi", "epochs", INITIAL)["estimate"] == 0


def test_all_measures_of_a_study_are_asked():
    found = prediction_of(study_table().assign(knn_test_error=0.5))
    every_row_has_a_number_or_a_reason(found)
    assert {"diversity", "rankme", "n_params", "epochs", "val_error", "random", INITIAL} <= set(
        found["measure"]
    )


def test_the_order_of_the_rows_changes_nothing():
    some = study(0, seed=1.0, width=1.0)
    found = prediction_of(some)
    again = prediction_of(some.sample(frac=1, random_state=1))
    exact = found["statistic"].isin(["psi", "tau", "mean psi", "sign error"])
    pd.testing.assert_series_equal(found["estimate"][exact], again["estimate"][exact])


def test_two_data_sets_and_no_trained_run_are_refused():
    one = study(0)
    with pytest.raises(InputError, match=r"mixes data sets \(cifar10, digits\)"):
        prediction_of(pd.concat([one, one.assign(dataset="cifar10", seed=one["seed"] + 9)]))
    with pytest.raises(InputError, match="no trained run"):
        prediction_of(one[one["epochs"] == 5].assign(epochs=0))


def test_a_million_pairs_of_seeds_are_sampled():
    seeds = list(range(1500))
    runs = grid(seed=seeds, **ONE)
    rng = np.random.default_rng(0)
    error = 0.3 + 0.05 * rng.standard_normal(len(runs))
    found = prediction_of(results(runs, error, -error))
    psi = row(found, "psi", "seed")
    assert psi["estimate"] == -1
    assert "a sample of 1,124,250 pairs" in psi["note"]


def test_a_regret_is_that_of_a_loop():
    some = study(2, epochs=0.5)
    regret = row(prediction_of(some), "regret", "checkpoint of a training")
    lost = []
    for _, runs in some.groupby("training"):
        chosen = runs.loc[runs["diversity"].idxmax(), "test_error"]
        lost.append(100 * (chosen - runs["test_error"].min()))
    assert regret["estimate"] == pytest.approx(np.mean(lost), rel=1e-4)


def test_ties_are_chosen_at_random():
    error = np.array([0.1, 0.3, 0.5, 0.9])
    runs = grid(seeds=1, algorithm=["simclr"], width=[1.0], epochs=[1, 2, 3, 4])
    found = prediction_of(results(runs, error, np.array([1.0, 1.0, 1.0, 0.0])))
    assert row(found, "regret", "best of all")["estimate"] == pytest.approx(20, rel=1e-4)


def test_partial_correlation_and_levels_left_out_are_those_of_ordinary_regressions():
    some = study(4, seed=0.7, width=0.5)
    found = prediction_of(some)
    y, x = 100 * some["test_error"].to_numpy(), some["diversity"].rank().to_numpy()
    numbers = np.column_stack([np.ones(len(some)), some["n_params"].rank(), some["epochs"].rank()])
    algorithms = pd.get_dummies(some["algorithm"]).to_numpy(float)[:, 1:]
    controls = np.column_stack([numbers, algorithms])
    left = [
        v - controls @ np.linalg.lstsq(controls, v, rcond=None)[0] for v in (x, some["test_error"].rank())
    ]
    partial = row(found, "partial correlation", "all")
    assert partial["estimate"] == pytest.approx(np.corrcoef(left)[0, 1], abs=1e-9)
    assert partial["low"] < partial["estimate"] < partial["high"]
    missed = dict.fromkeys(("mean", "base", "measure"), 0.0)
    for level in some["width"].unique():
        out = (some["width"] == level).to_numpy()
        designs = {"mean": numbers[:, :1], "base": numbers, "measure": np.column_stack([numbers, x])}
        for name, design in designs.items():
            fitted = np.linalg.lstsq(design[~out], y[~out], rcond=None)[0]
            missed[name] += ((y[out] - design[out] @ fitted) ** 2).sum()
    r2 = 1 - missed["measure"] / missed["mean"]
    assert row(found, "r2", "width")["estimate"] == pytest.approx(r2, abs=1e-3)
    gain = (missed["base"] - missed["measure"]) / missed["mean"]
    assert row(found, "r2 gain", "width")["estimate"] == pytest.approx(gain, abs=1e-3)


def test_only_the_spread_of_draws_counts_where_they_are_shifted():
    draws = np.random.default_rng(0).standard_normal((2000, 2)) * [1.0, 2.0] + [5.0, -3.0]
    low, high = interval_around(np.array([0.2, -1.0]), draws)
    assert low == pytest.approx([0.2 - 1.96, -1 - 2 * 1.96], abs=0.2)
    assert high == pytest.approx([0.2 + 1.96, -1 + 2 * 1.96], abs=0.2)
    skewed = np.where(np.arange(200) < 198, 0.0, -1.0)[:, None] + np.linspace(0, 1e-3, 200)[:, None]
    low, high = interval_around(np.array([0.2]), skewed)
    assert low <= 0.2 <= high


def test_the_intraclass_correlation_is_that_of_its_published_example():
    """Shrout & Fleiss 1979, table 2, six targets and four judges: of ranks, beside SciPy's anova."""
    scores = np.array([[9, 2, 5, 8], [6, 1, 3, 2], [8, 4, 6, 8], [7, 1, 2, 6], [10, 5, 6, 9], [6, 2, 4, 7]])
    ranks = stats.rankdata(scores).reshape(scores.shape)
    f = stats.f_oneway(*ranks).statistic
    estimate, low, high = intraclass_correlation(scores.ravel().astype(float), np.repeat(range(6), 4))
    assert estimate == pytest.approx((f - 1) / (f + 3))
    assert low < estimate < high


def test_axes_that_are_crossed_in_part_only_are_found():
    parts = [
        grid(algorithm=["simclr"], width=[0.25, 0.5]),
        grid(algorithm=["rotnet"], width=[1.0], epochs=[20]),
    ]
    runs = pd.concat(parts, ignore_index=True)
    rng = np.random.default_rng(0)
    found = prediction_of(results(runs, rng.random(len(runs)), rng.random(len(runs))))
    assert row(found, "psi", "algorithm")["note"] == "not testable: no two runs differ in algorithm alone"
    expected = len(list(itertools.combinations(range(5), 2))) * 7
    assert row(found, "psi", "seed")["pairs"] == expected


def test_a_table_without_energies_still_tells_about_the_baselines():
    some = study(0).assign(layer=None, vector=None, centred=None, s=np.nan, diversity=np.nan)
    found = prediction_of(some)
    every_row_has_a_number_or_a_reason(found)
    assert set(found["measure"]) == {"", "random", "n_params", "epochs", "val_error"}
    assert answer_of(found).text.startswith("Open: this study cannot decide it (the table has no energies)")


def test_every_test_error_of_the_table_is_an_outcome():
    table = study_table().assign(knn_test_error=0.5)
    table["corrupted_test_error"], table["layer_test_error"] = table["test_error"][::-1].to_numpy(), 0.1
    found = prediction_of(table)
    named = [name for name in found["outcome"].unique() if name]  # some statistics are of no outcome
    assert named == ["test_error", "knn_test_error", "corrupted_test_error"]


def test_an_outcome_with_a_standard_error_has_its_own_resolution():
    """Two that differ by less than their test images can tell are no pair: 100 images here, 10,000 there."""
    table = study(0, seed=1.0).assign(n_test=10_000)
    table["few_shot_test_error"] = table["test_error"]
    error = table["test_error"]
    table["few_shot_test_error_se"] = np.sqrt(error * (1 - error) / 100)
    coarse, fine = (
        next(outcome for outcome in runs_of(table).outcomes if outcome.name == name)
        for name in ("few_shot_test_error", "test_error")
    )
    assert coarse.apart == pytest.approx(10 * fine.apart)
