"""What the plan says of params that changed: their names and values, as far as Snakemake remembers them."""

import json
from dataclasses import dataclass, field

import pytest
from snakemake.persistence import ParamsChange

from snakemake_executor_plugin_counts import changes


@dataclass
class Job:
    """A job with params of these names."""

    params: dict[str, object] = field(default_factory=dict)


def changed(before: dict[str, object], now: dict[str, object]) -> list[str]:
    old, new = ({repr(value) for value in values.values()} for values in (before, now))
    return changes(Job(now), ParamsChange(old - new, new - old))


RECIPE = {"temperature": 0.1, "batch_size": 32}


@pytest.mark.parametrize(
    ("before", "now", "told"),
    [
        ({"powers": "0 1 2"}, {"powers": "1 3"}, ["powers 0 1 2 -> 1 3"]),
        ({"penalties": [1.0, 0.1]}, {"penalties": [1.0]}, ["penalties [1.0, 0.1] -> [1.0]"]),
        (
            {"recipe": json.dumps(RECIPE), "code": "0123456789abcdef"},
            {"recipe": json.dumps(RECIPE | {"temperature": 0.2}), "code": "fedcba9876543210"},
            ["code changed", "recipe: temperature 0.1 -> 0.2"],
        ),
        (
            {"recipe": json.dumps({"a": {"b": 1, "c": 2}})},
            {"recipe": json.dumps({"a": {"b": 1, "c": 3}})},
            ["recipe: a: c 2 -> 3"],
        ),
        ({"code": "0123456789abcdef"}, {"code": "fedcba9876543210"}, ["code changed"]),
        ({"runs": "x" * 90}, {"runs": "y" * 90}, ["runs changed"]),
        ({"a": "0", "b": "x"}, {"a": "1", "b": "y"}, ["a changed", "b changed"]),
        ({"second": ""}, {"second": "--second"}, ["second none -> --second"]),
        ({}, {"second": "--second"}, ["second changed"]),
        ({"layers": "conv1"}, {}, []),
        (
            {"network": [json.dumps({"depth": 14, "seed": seed}) for seed in (1, 2, 3)]},
            {"network": [json.dumps({"depth": 14, "seed": seed}) for seed in (1, 2)]},
            ["network: seed 1 2 3 -> 1 2"],
        ),
    ],
)  # fmt: skip
def test_changes_are_told_by_name_and_value(before, now, told):
    assert changed(before, now) == told
