"""Which files have changed since a digest of code was kept."""

import pytest

from feature_diversity.records import known_code

BEFORE = {"algorithms.simclr": "1", "training.loop": "2", "base.run": "3"}
CODE = "0123456789abcdef"


@pytest.mark.parametrize(
    ("now", "files"),
    [
        (BEFORE, []),
        (BEFORE | {"algorithms.simclr": "4"}, ["algorithms/simclr.py"]),
        (
            BEFORE | {"training.loop": "4", "algorithms.simclr": "5"},
            ["algorithms/simclr.py", "training/loop.py"],
        ),
        (BEFORE | {"training.optim": "4"}, ["training/optim.py"]),  # new
        ({"algorithms.simclr": "1", "training.loop": "2"}, ["base/run.py"]),  # gone
        ({"algorithms.simclr": "1", "compute.loop": "2", "base.run": "3"}, []),  # moved
    ],
)
def test_the_files_that_changed_are_named(now, files):
    assert known_code.changed_files(BEFORE, now) == files


@pytest.mark.parametrize(
    ("files", "words"),
    [
        (["a.py"], "a.py changed"),
        (["a.py", "b.py"], "a.py and b.py changed"),
        (["a.py", "b.py", "c.py"], "a.py, b.py and c.py changed"),
        (["a.py", "b.py", "c.py", "d.py"], "a.py, b.py, c.py and 1 other file changed"),
        (["a.py", "b.py", "c.py", "d.py", "e.py"], "a.py, b.py, c.py and 2 other files changed"),
    ],
)
def test_many_files_are_counted(files, words):
    assert known_code.in_words(files) == words


def test_what_was_kept_is_found_again(tmp_path, monkeypatch):
    monkeypatch.setattr(known_code, "FOLDER", tmp_path / "digests")
    assert known_code.modules_of(CODE) is None
    known_code.keep_modules(CODE, BEFORE)
    assert known_code.modules_of(CODE) == BEFORE


@pytest.mark.parametrize("text", ["", "unknown", "../secret", "x" * 5000, "0123456789ABCDEF"])
def test_only_a_digest_is_looked_for(text):
    assert known_code.modules_of(text) is None


def test_where_nothing_may_be_written_nothing_is_kept(tmp_path, monkeypatch):
    monkeypatch.setattr(known_code, "FOLDER", tmp_path / "digests")
    (tmp_path / "digests").write_text("in the way")
    known_code.keep_modules(CODE, BEFORE)
    assert known_code.modules_of(CODE) is None
