import pandas as pd

from feature_diversity.statistics.groups import codes


def test_rows_are_numbered_by_their_sorted_combinations():
    table = pd.DataFrame({"a": ["x", "y", "x", "y"], "b": [2.0, 1.0, 1.0, 1.0]})
    assert codes(table, ["a", "b"]).tolist() == [1, 2, 0, 2]
    assert codes(table, []).tolist() == [0, 0, 0, 0]
    assert codes(table.iloc[:0], ["a"]).tolist() == []


def test_what_is_missing_is_a_value_like_others():
    missing = float("nan")
    table = pd.DataFrame({"width": [1, 1, 2, 2], "seed": [missing] * 4, "depth": [missing, 14, missing, 14]})
    assert list(codes(table, ["width", "seed"])) == [0, 0, 1, 1]
    assert list(codes(table, ["width", "seed", "depth"])) == [1, 0, 3, 2]
