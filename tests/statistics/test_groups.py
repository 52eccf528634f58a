import pandas as pd

from feature_diversity.statistics.groups import codes


def test_rows_are_numbered_by_their_sorted_combinations():
    table = pd.DataFrame({"a": ["x", "y", "x", "y"], "b": [2.0, 1.0, 1.0, 1.0]})
    assert codes(table, ["a", "b"]).tolist() == [1, 2, 0, 2]
    assert codes(table, []).tolist() == [0, 0, 0, 0]
    assert codes(table.iloc[:0], ["a"]).tolist() == []
