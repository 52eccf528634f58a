"""The lock between processes."""

import multiprocessing
import os
import re
import time

import pytest

from feature_diversity.base.errors import InputError
from feature_diversity.base.lock import locked


def hold(path, seconds):
    with locked(path):
        time.sleep(seconds)


@pytest.fixture
def held(tmp_path):
    """A lock file that another process holds for half a second."""
    path = tmp_path / "folder" / "lock"
    process = multiprocessing.get_context("spawn").Process(target=hold, args=(path, 0.5))
    process.start()
    while not path.exists() or not path.read_text():
        time.sleep(0.01)
    yield path, process
    process.join()


def test_a_lock_that_is_held_is_refused_with_its_holders_name(held):
    path, process = held
    with pytest.raises(InputError, match=re.escape(f"process {process.pid} on ")), locked(path):
        pass


def test_one_who_waits_gets_the_lock_after_its_holder_and_says_for_whom(held, capfd):
    path, process = held
    with locked(path, wait=True):
        assert path.read_text().startswith(f"process {os.getpid()} on ")
    process.join(0)
    assert f"waiting: process {process.pid} on " in capfd.readouterr().err


def test_a_lock_can_be_had_again_after_its_holder_is_done(tmp_path):
    for _ in range(2):
        with locked(tmp_path / "lock"):
            pass
