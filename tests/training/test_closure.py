"""What makes the numbers of a training stands apart from what watches, saves and stores it."""

import pytest

from feature_diversity.records.digest import import_closure

NOT_NUMBERS = {
    "base.files",
    "base.lock",
    "base.timing",
    "compute.interruption",
    "compute.launch",
    "records.origin",
    "training.job",
    "training.monitor",
    "training.saves",
    "training.settings",
    "training.store",
}


@pytest.mark.parametrize("module", ["loop", "step", "state", "optim"])
def test_bars_saves_locks_and_stores_are_no_part_of_it(module):
    assert import_closure(f"training.{module}") & NOT_NUMBERS == set()


def test_all_that_makes_numbers_is_a_part_of_the_loop():
    parts = {
        "training.step",
        "training.state",
        "training.optim",
        "data.loader",
        "data.store",
        "compute.draws",
    }
    assert parts <= import_closure("training.loop")
