import numpy as np
import pandas as pd
import pytest
from scipy import stats

from feature_diversity.base.run import RUN
from feature_diversity.results import gates
from feature_diversity.results.gates import FAILS, GATES, PASSES, UNKNOWN

HEADLINE = {"vector": "flatten", "centred": False, "s": 1}
SOUND = {  # a training that does all that it should, on 10,000 test images
    "error_source": "measured", "n_test": 10_000, "test_error": 0.2, "pixel_error": 0.4,
    "first_loss": 5.0, "final_loss": 3.0, "loss_noise": 0.1, "mean_cosine": 0.3,
}  # fmt: skip


def study(schedule="trajectory", untrained=0.5, **changes):
    """Rows of a network before training, after 10 and after 20 epochs, in two layers; changed after 20."""
    run = {"algorithm": "simclr", "depth": 14, "width": 0.5, "norm": "batchnorm", "seed": 1}
    run |= {"variant": "default"}
    rows = []
    for epochs, values in ((0, {"test_error": untrained}), (10, {}), (20, changes)):
        for layer in ("conv1", "head"):
            facts = {"schedule": schedule, "layer": layer, "epochs": epochs} | HEADLINE
            losses = dict.fromkeys(["first_loss", "final_loss", "loss_noise"], np.nan) if epochs == 0 else {}
            rows.append(run | SOUND | facts | losses | values)
    table = pd.DataFrame(rows)
    return table if np.isfinite(untrained) else table[table["epochs"] > 0]


def after(table, epochs):
    """The gates after so many epochs, by name; the same in all rows of a run."""
    found = gates.gates_of(table)[table["epochs"] == epochs]
    assert len(found.drop_duplicates()) == 1
    return found.iloc[0].to_dict()


def test_a_sound_training_passes_every_gate():
    assert after(study(), 20) == dict.fromkeys(GATES, PASSES)


@pytest.mark.parametrize(
    ("changes", "gate"),
    [
        ({"final_loss": 6.0}, "gate_loss"),  # it rose
        ({"final_loss": 4.9}, "gate_loss"),  # it fell by no more than an epoch differs from the next
        ({"test_error": 0.35, "untrained": 0.3}, "gate_untrained"),  # worse than untrained
        ({"test_error": 0.3, "untrained": 0.305}, "gate_untrained"),  # better, as chance can be
        ({"test_error": 0.45}, "gate_pixels"),
        ({"mean_cosine": 0.99999}, "gate_head"),
        ({"mean_cosine": 1.0}, "gate_head"),
    ],
)
def test_what_is_planted_fails_its_gate_and_no_other(changes, gate):
    assert after(study(**changes), 20) == dict.fromkeys(GATES, PASSES) | {gate: FAILS}


@pytest.mark.parametrize(
    ("changes", "unknown"),
    [
        ({"untrained": np.nan}, {"gate_untrained"}),  # no untrained run in the study
        ({"first_loss": np.nan, "final_loss": np.nan, "loss_noise": np.nan}, {"gate_loss"}),  # released
        ({"loss_noise": np.nan}, {"gate_loss"}),  # too few epochs to tell
        ({"error_source": "published"}, {"gate_untrained", "gate_pixels"}),
        ({"n_test": np.nan}, {"gate_untrained", "gate_pixels"}),
        ({"test_error": np.nan}, {"gate_untrained", "gate_pixels"}),
        ({"pixel_error": np.nan}, {"gate_pixels"}),
        ({"mean_cosine": np.nan}, {"gate_head"}),
    ],
)
def test_what_the_study_does_not_have_is_unknown_and_no_failure(changes, unknown):
    table = study(**changes)
    found = after(table, 20)
    assert {gate for gate, word in found.items() if word == UNKNOWN} == unknown
    assert not gates.failing(table.assign(**found)).any()


def test_a_study_without_heads_does_not_know_whether_they_collapsed():
    table = study()
    assert after(table[table["layer"] == "conv1"], 20)["gate_head"] == UNKNOWN


def test_snapshots_have_the_gates_of_their_trainings_end_and_budgets_their_own():
    assert after(study(final_loss=6.0), 10)["gate_loss"] == FAILS
    assert after(study("budget", final_loss=6.0), 10)["gate_loss"] == PASSES
    assert after(study("budget", final_loss=6.0), 20)["gate_loss"] == FAILS


def test_untrained_networks_have_no_gates_and_fail_none():
    table = study(final_loss=6.0)
    table = table.assign(**gates.gates_of(table))
    assert table.loc[table["epochs"] == 0, list(GATES)].isna().all(axis=None)
    assert gates.failing(table).tolist() == [False, False, True, True, True, True]


def test_a_table_without_gates_fails_none():
    assert not gates.failing(study()).any()


def test_each_network_is_compared_with_its_own_beginning():
    other = study(untrained=0.1).assign(seed=2)
    table = pd.concat([study(), other], ignore_index=True)
    found = table.assign(**gates.gates_of(table)).drop_duplicates(RUN)
    trained = found[found["epochs"] == 20].set_index("seed")["gate_untrained"]
    assert trained.to_dict() == {1: PASSES, 2: FAILS}


def test_as_good_as_the_pixels_passes_by_chance_as_rarely_as_two_standard_errors_say():
    rng = np.random.default_rng(0)
    wrong = rng.binomial(500, 0.1, (2, 4000)) / 500
    words = gates.better(pd.Series(wrong[0]), wrong[1], pd.Series(np.full(4000, 500)))
    expected = stats.norm.sf(2)
    assert abs((words == PASSES).mean() - expected) < 4 * np.sqrt(expected / 4000)


def test_the_noise_of_a_loss_is_that_around_its_course():
    epochs = np.arange(2000)
    losses = 5 - epochs / 2000 + np.random.default_rng(0).normal(0, 0.1, 2000)
    assert gates.loss_noise(losses) == pytest.approx(0.1, rel=0.1)
    assert np.isnan(gates.loss_noise(losses[:3]))
    assert gates.loss_noise(np.array([9.0, 2.0, 1.0, 1.0])) == pytest.approx(np.sqrt(0.25))


def test_failures_are_told_by_gate():
    table = study(final_loss=6.0)
    table = table.assign(**gates.gates_of(table))
    text = "2 of 2 trained runs are of trainings that fail a gate (a loss that did not fall: 2)"
    assert gates.failures(table) == text
    assert gates.failures(study()) == ""
