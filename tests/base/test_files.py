import contextlib
import os
import stat

import pytest

from feature_diversity.base.files import atomic_write


@pytest.fixture
def umask():
    """Set the process' umask; it is put back afterwards."""
    before = os.umask(0)
    os.umask(before)
    yield os.umask
    os.umask(before)


def test_the_file_has_what_was_written(tmp_path):
    with atomic_write(tmp_path / "a.txt") as path:
        path.write_text("new")
    assert (tmp_path / "a.txt").read_text() == "new"


def test_nothing_else_is_left(tmp_path):
    with atomic_write(tmp_path / "a.txt") as path:
        path.write_text("new")
    assert os.listdir(tmp_path) == ["a.txt"]


def test_missing_folders_are_made(tmp_path):
    with atomic_write(tmp_path / "b" / "c" / "a.txt") as path:
        path.write_text("new")
    assert (tmp_path / "b" / "c" / "a.txt").exists()


def test_the_old_content_is_there_until_the_end(tmp_path):
    (tmp_path / "a.txt").write_text("old")
    with atomic_write(tmp_path / "a.txt") as path:
        path.write_text("new")
        assert (tmp_path / "a.txt").read_text() == "old"
    assert (tmp_path / "a.txt").read_text() == "new"


def test_the_temporary_file_is_in_the_same_folder(tmp_path):
    with atomic_write(tmp_path / "a.txt") as path:
        assert path.parent == tmp_path


def test_an_error_leaves_nothing_behind(tmp_path):
    with contextlib.suppress(KeyError), atomic_write(tmp_path / "a.txt") as path:
        path.write_text("half")
        raise KeyError
    assert os.listdir(tmp_path) == []


def test_an_error_keeps_the_old_content(tmp_path):
    (tmp_path / "a.txt").write_text("old")
    with contextlib.suppress(KeyboardInterrupt), atomic_write(tmp_path / "a.txt") as path:
        path.write_text("half")
        raise KeyboardInterrupt
    assert (tmp_path / "a.txt").read_text() == "old"
    assert os.listdir(tmp_path) == ["a.txt"]


def test_two_writers_of_one_file_do_not_disturb_each_other(tmp_path):
    with atomic_write(tmp_path / "a.txt") as first, atomic_write(tmp_path / "a.txt") as second:
        first.write_text("first")
        second.write_text("second")
    assert (tmp_path / "a.txt").read_text() == "first"
    assert os.listdir(tmp_path) == ["a.txt"]


@pytest.mark.parametrize(("mask", "mode"), [(0o022, 0o644), (0o077, 0o600), (0o002, 0o664)])
def test_permissions_are_those_of_an_ordinary_file(tmp_path, umask, mask, mode):
    umask(mask)
    with atomic_write(tmp_path / "a.txt") as path:
        path.write_text("new")
    assert stat.S_IMODE((tmp_path / "a.txt").stat().st_mode) == mode


def test_the_umask_stays_as_it_is(tmp_path, umask):
    umask(0o027)
    with atomic_write(tmp_path / "a.txt") as path:
        path.write_text("new")
    assert umask(0o022) == 0o027
