import pandas as pd
import pytest

from feature_diversity.results.early_stopping import stop_early

READING = {"layer": "trunk", "vector": "flatten", "centred": False, "s": 1}


def table(epochs, figures="figure2", **columns):
    """Rows of one training: one a number of epochs."""
    rows = pd.DataFrame({"epochs": epochs, **columns}).assign(**READING, figures=figures)
    return rows.assign(algorithm="simclr", depth=50, width=1.0, norm="batchnorm", variant="default", seed=1)


def chosen(rows, rule="validation", **options):
    """Numbers of epochs of the chosen runs."""
    return rows[stop_early(rows, rule, **options)]["epochs"].tolist()


def test_the_least_validation_error_is_chosen_whatever_the_test_error():
    assert chosen(table([10, 20, 30], val_error=[0.3, 0.1, 0.2], test_error=[0.1, 0.9, 0.1])) == [20]


def test_the_earliest_of_equals_is_chosen():
    assert chosen(table([30, 10, 20], val_error=[0.1, 0.1, 0.2])) == [10]


def test_the_untrained_network_is_never_chosen():
    assert chosen(table([0, 10], val_error=[0.0, 0.9])) == [10]


@pytest.mark.parametrize(("patience", "expected"), [(1, 10), (2, 40)])
def test_patience_ends_the_training_before_a_later_least(patience, expected):
    rows = table([10, 20, 30, 40, 50], val_error=[0.3, 0.4, 0.29, 0.2, 0.25])
    assert chosen(rows, "patience", patience=patience) == [expected]


def test_least_energy_is_chosen_without_labels():
    rows = table([10, 20, 30], energy=[0.8, 0.7, 0.9], val_error=[None] * 3)
    assert chosen(rows, "energy") == [20]


def test_greatest_rankme_is_chosen_without_labels():
    assert chosen(table([10, 20, 30], energy=[1, 1, 1], rankme=[5.0, 6.0, 7.0]), "rankme") == [30]


def test_the_energy_that_chooses_is_the_trunks_in_the_headline_reading():
    rows = table([10, 20], energy=[0.5, 0.6])
    others = [
        rows.assign(energy=[9.0, 0.0], **{column: value})
        for column, value in (("layer", "conv1"), ("vector", "gap"), ("centred", True), ("s", 2))
    ]
    assert set(chosen(pd.concat([*others, rows], ignore_index=True), "energy")) == {10}


def test_runs_of_figure_2_are_chosen_among_where_there_are_some():
    rows = table([10, 20, 30], figures=["figure2", "figure1 figure2", "figure4"], val_error=[0.3, 0.2, 0.1])
    assert chosen(rows) == [20]


def test_without_figure_2_all_runs_are_candidates():
    assert chosen(table([10, 20], figures=[None, "figure1"], val_error=[0.3, 0.2])) == [20]


def test_each_training_has_its_own_choice():
    first = table([10, 20], val_error=[0.1, 0.2])
    second = table([10, 20], val_error=[0.2, 0.1]).assign(seed=2)
    rows = pd.concat([first, second], ignore_index=True)
    assert rows[stop_early(rows, "validation")][["seed", "epochs"]].to_numpy().tolist() == [[1, 10], [2, 20]]


def test_without_validation_errors_nothing_is_chosen():
    assert chosen(table([10, 20], val_error=[float("nan")] * 2)) == []
