"""The lock between processes."""

import io
import multiprocessing
import os
import re
import sys
import time

import pytest

from feature_diversity.base.errors import InputError
from feature_diversity.base.lock import locked


def hold(path, released):
    with locked(path):
        released.wait()


@pytest.fixture
def held(tmp_path):
    """A lock file, the process that holds it, and the event that lets it go."""
    path = tmp_path / "folder" / "lock"
    context = multiprocessing.get_context("spawn")
    released = context.Event()
    process = context.Process(target=hold, args=(path, released))
    process.start()
    while not path.exists() or not path.read_text():
        assert process.is_alive()
        time.sleep(0.01)
    yield path, process, released
    released.set()
    process.join()


def test_a_lock_that_is_held_is_refused_with_its_holders_name(held):
    path, process, _ = held
    with pytest.raises(InputError, match=re.escape(f"process {process.pid} on ")), locked(path):
        pass


def test_one_who_waits_gets_the_lock_after_its_holder_and_says_for_whom(held, monkeypatch):
    path, process, released = held
    said = []

    class Errors(io.StringIO):
        """The holder lets go when the one who waits has said so."""

        def flush(self):
            said.append(self.getvalue())
            released.set()

    monkeypatch.setattr(sys, "stderr", Errors())
    with locked(path, wait=True):
        assert path.read_text().startswith(f"process {os.getpid()} on ")
    process.join()
    assert f"waiting: process {process.pid} on " in said[0]


def test_a_lock_can_be_had_again_after_its_holder_is_done(tmp_path):
    for _ in range(2):
        with locked(tmp_path / "lock"):
            pass
