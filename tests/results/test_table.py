import pandas as pd
import pytest

from feature_diversity.base.errors import InputError
from feature_diversity.results import table as results_table

ROW = {
    "dataset": "digits", "algorithm": "simclr", "depth": 14, "width": 0.5, "norm": "batchnorm",
    "variant": "default", "epochs": 5, "seed": 1, "figures": "figure1 figure3", "layer": "head",
    "vector": "flatten", "centred": False, "s": 1, "diversity": -0.8, "test_error": 0.2,
}  # fmt: skip


def table(*changes):
    """A table of one row for each of the given changes to ROW."""
    return pd.DataFrame([ROW | change for change in changes])


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_a_table_is_read_from_both_of_its_files(tmp_path, ending):
    path = tmp_path / f"results.{ending}"
    getattr(table({}), f"to_{ending}")(path, index=False)
    assert results_table.read_results(path)["diversity"].tolist() == [-0.8]


def test_a_table_that_lacks_columns_is_refused_naming_them(tmp_path):
    table({}).drop(columns=["layer", "test_error"]).to_csv(tmp_path / "results.csv", index=False)
    with pytest.raises(InputError, match=r"results\.csv: no column layer, test_error"):
        results_table.read_results(tmp_path / "results.csv")


@pytest.mark.parametrize("name", ["results.csv", "results.parquet"])
@pytest.mark.parametrize("content", [b"", b"\x00\xff\xfe"])
def test_a_file_that_is_no_table_is_refused_naming_it(tmp_path, name, content):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError, match=name):
        results_table.read_results(tmp_path / name)


def test_runs_of_a_table_without_variants_are_of_the_default_one(tmp_path):
    table({}).drop(columns="variant").to_csv(tmp_path / "results.csv", index=False)
    assert results_table.read_results(tmp_path / "results.csv")["variant"].tolist() == ["default"]


def test_the_variant_is_told_where_one_is_not_the_default():
    axes = ["norm", "variant", "seed"]
    assert results_table.told(table({}, {}), axes) == ["norm", "seed"]
    assert results_table.told(table({}, {"variant": "cool"}), axes) == axes
    assert results_table.told(table({"variant": "cool"}), axes) == axes
    assert results_table.of_default(table({}, {"variant": "cool"})).index.tolist() == [0]


def test_the_headline_reading_is_one_vector_not_centred_at_power_one():
    rows = results_table.reading(table({}, {"s": 2}, {"centred": True}, {"vector": "gap"}))
    assert rows.index.tolist() == [0]


def test_another_reading_changes_the_headline():
    rows = results_table.reading(table({}, {"s": 2}, {"centred": True}, {"vector": "gap"}), s=2)
    assert rows.index.tolist() == [1]


def test_the_rows_of_a_figure_are_those_that_name_it():
    rows = table({}, {"figures": "figure2"}, {"figures": None}, {"figures": "figure11"})
    assert results_table.shown_in(rows, "figure1").index.tolist() == [0]


# --- early stopping ---


def training(val_errors, **columns):
    """Rows of one training: one for each number of epochs, with these validation errors."""
    run = {"algorithm": "simclr", "depth": 14, "width": 0.5, "norm": "batchnorm", "variant": "default"}
    run |= {"seed": 1, "layer": "head"}
    rows = [
        run | {"epochs": epochs, "val_error": error, "test_error": 0.5, "diversity": -epochs} | columns
        for epochs, error in val_errors.items()
    ]
    return pd.DataFrame(rows)


def test_early_stopping_takes_the_least_validation_error():
    stopped = results_table.early_stopped(training({5: 0.3, 10: 0.1, 20: 0.2}))
    assert stopped["epochs"].tolist() == [10]
    assert stopped["diversity"].tolist() == [-10]


def test_early_stopping_does_not_look_at_the_test_error():
    table = training({5: 0.3, 10: 0.1, 20: 0.2}).assign(test_error=[0.0, 0.9, 0.1])
    assert results_table.early_stopped(table)["epochs"].tolist() == [10]


def test_of_equal_validation_errors_the_earliest_is_taken():
    assert results_table.early_stopped(training({20: 0.1, 10: 0.1, 5: 0.2}))["epochs"].tolist() == [10]


def test_the_untrained_network_is_no_stop():
    assert results_table.early_stopped(training({0: 0.0, 5: 0.2}))["epochs"].tolist() == [5]


def test_each_seed_stops_for_itself():
    both = pd.concat([training({5: 0.1, 10: 0.2}, seed=1), training({5: 0.2, 10: 0.1}, seed=2)])
    assert results_table.early_stopped(both).set_index("seed")["epochs"].to_dict() == {1: 5, 2: 10}


def test_all_layers_stop_at_the_same_epochs():
    both = pd.concat([training({5: 0.1, 10: 0.2}, layer=layer) for layer in ("conv1", "head")])
    assert results_table.early_stopped(both)["epochs"].tolist() == [5, 5]


def test_a_missing_value_is_not_taken_from_other_epochs():
    table = training({5: 0.1, 10: 0.2}).assign(diversity=[None, -3.0])
    assert results_table.early_stopped(table)["diversity"].isna().tolist() == [True]


def test_the_tables_own_mark_comes_before_the_validation_error():
    table = training({5: 0.3, 10: 0.1}).assign(early_stopped=[True, False])
    assert results_table.early_stopped(table)["epochs"].tolist() == [5]


def test_without_a_validation_error_the_longest_run_is_taken_and_marked():
    stopped = results_table.early_stopped(training({5: None, 20: None, 10: None}))
    assert stopped["epochs"].tolist() == [20]
    assert stopped["stop_unknown"].tolist() == [True]


def test_a_training_with_validation_errors_is_not_marked():
    assert results_table.early_stopped(training({5: None, 20: 0.2}))["stop_unknown"].tolist() == [False]
