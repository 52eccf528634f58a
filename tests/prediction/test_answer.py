"""The paragraph that opens a report: the right word, the right numbers, nothing it cannot know."""

import re

import numpy as np
import pandas as pd
import pytest
from support.prediction_tables import PLANTED, grid, results, study

from feature_diversity.base.errors import InputError
from feature_diversity.prediction.answer import answer_of, read_prediction
from feature_diversity.prediction.predict import prediction_of


def text_of(table: pd.DataFrame) -> str:
    answer = answer_of(prediction_of(table))
    assert answer.text.lower().startswith(answer.word)
    return answer.text


def test_a_relation_between_seeds_is_a_yes_with_its_share_of_pairs():
    found = prediction_of(PLANTED["seed"](0))
    answer = answer_of(found)
    psi = found[
        found["measure"].eq("diversity") & found["statistic"].eq("psi") & found["axis"].eq("seed")
    ].iloc[0]
    assert answer.word == "yes"
    assert f"in {50 * (1 - psi['estimate']):.0f} % of pairs" in answer.text
    assert f"{50 * (1 - psi['high']):.0f} to {50 * (1 - psi['low']):.0f} %" in answer.text
    assert f"{psi['pairs']} pairs of 45 trainings" in answer.text
    assert "a coin: 50 %). If nothing were related, a sign as clear" in answer.text
    assert f"would turn up in {100 * psi['p_max_t']:.1g} % of such studies" in answer.text
    assert "1 of 1 layers show it" in answer.text
    numbers = [number for number, _ in answer.numbers]
    assert numbers[:2] == [f"{50 * (1 - psi['estimate']):.0f} %", f"p = {psi['p_max_t']:.2g}"]


def test_an_opposite_relation_is_a_no():
    assert text_of(PLANTED["algorithm against seed"](0)).startswith("No, rather the opposite")


def test_a_relation_along_another_axis_alone_stays_open():
    text = text_of(PLANTED["width"](1))
    assert text.startswith("Open")
    assert re.search(r"(9\d|100) % across widths", text)
    assert "the setting itself may move both" in text
    assert "where the sign is clearest" in text
    assert re.search(
        r"a sign as clear .* would turn up in \d+ % of such studies \(p = 0\.\d+; 5 % or less", text
    )
    assert re.search(r"Only an order that is right, or wrong, in about \d+ % of them", text)


def test_many_seeds_without_a_relation_are_a_no():
    rng = np.random.default_rng(0)
    runs = grid(seeds=40, epochs=[5])
    error = 0.3 + 0.01 * rng.standard_normal(len(runs))
    text = text_of(results(runs, error, rng.standard_normal(len(runs))))
    assert text.startswith("No: ")
    assert "a coin does as well" in text


def test_one_seed_says_why_it_cannot_decide():
    some = study(0, seed=1.0)
    text = text_of(some[some["seed"] == 0])
    assert text.startswith("Open: this study cannot decide it (all runs have one seed)")
    assert "across widths" in text


def test_centred_features_that_say_the_opposite_leave_it_open():
    some = PLANTED["seed"](0)
    both = pd.concat([some, some.assign(centred=True, diversity=-some["diversity"])])
    text = text_of(both)
    assert text.startswith("Open: it hangs on how diversity is read")
    assert "Centred features say the opposite" in text
    assert re.search(r"Centred, so that their mean direction plays no part, it is \d+ %", text)


def test_layers_that_say_the_opposite_leave_it_open():
    some = PLANTED["seed"](0)
    text = text_of(pd.concat([some, some.assign(layer="res2", diversity=-some["diversity"])]))
    assert text.startswith("Open: it hangs on how diversity is read")
    assert "Others say the opposite" in text


def test_errors_too_close_to_call_are_counted():
    assert "have errors too close to call" in text_of(PLANTED["seed"](0).assign(n_test=2_000))


def test_a_table_that_was_written_gives_the_same_answer(tmp_path):
    found = prediction_of(PLANTED["seed"](0))
    found.to_csv(tmp_path / "prediction.csv", index=False)
    assert answer_of(read_prediction(tmp_path / "prediction.csv")) == answer_of(found)


def test_a_file_that_is_no_table_of_predictions_is_named(tmp_path):
    (tmp_path / "prediction.csv").write_text("a,b\n1,2\n")
    with pytest.raises(InputError, match=r"prediction.csv: no column measure"):
        read_prediction(tmp_path / "prediction.csv")


def with_gates(table: pd.DataFrame, fails: pd.Series) -> pd.DataFrame:
    """The table with a gate that these rows' trainings fail, by training, and the others pass."""
    return table.assign(gate_loss=np.where(fails, "fails", "passes"))


def test_what_trainings_that_fail_no_gate_say_stands_beside_what_all_say():
    table = PLANTED["seed"](0)
    passing = table["seed"] < 3
    found = prediction_of(with_gates(table, ~passing))
    alone = prediction_of(table[passing])
    gated = found[found["statistic"] == "psi gated"].drop(columns="statistic").reset_index(drop=True)
    psi = alone[alone["statistic"] == "psi"].drop(columns="statistic").reset_index(drop=True)
    pd.testing.assert_frame_equal(gated, psi)
    all_of_it = prediction_of(table)
    rest = found[found["statistic"] != "psi gated"].reset_index(drop=True)
    pd.testing.assert_frame_equal(rest, all_of_it, check_dtype=False)
    share = psi[psi["measure"].eq("diversity") & psi["axis"].eq("seed")]["estimate"].iloc[0]
    told = f"Without the trainings that fail a gate it is {50 * (1 - share):.0f} % (95 % interval"
    assert told in answer_of(found).text


def test_trainings_that_fail_no_gate_and_say_the_opposite_leave_it_open():
    runs = grid(seeds=12, epochs=[5])
    fails = runs["seed"] >= 5
    rng = np.random.default_rng(0)
    error = 0.3 + 0.01 * rng.standard_normal(len(runs))
    table = results(runs, error, np.where(fails, -error, error))
    assert text_of(table).startswith("Yes")
    text = text_of(with_gates(table, fails))
    assert text.startswith("Open: it hangs on how diversity is read")
    assert "Trainings that fail no gate say the opposite." in text


def test_where_every_training_fails_a_gate_the_answer_says_so():
    table = PLANTED["seed"](0)
    text = text_of(table.assign(gate_pixels="fails"))
    told = "Without the trainings that fail a gate nothing can be said (every training fails a gate)."
    assert text.startswith("Yes")
    assert told in text


def test_where_no_training_fails_nothing_is_said_of_gates():
    table = PLANTED["seed"](0)
    found = prediction_of(table.assign(gate_pixels="unknown"))
    pd.testing.assert_frame_equal(found, prediction_of(table))
    assert "gate" not in answer_of(found).text
