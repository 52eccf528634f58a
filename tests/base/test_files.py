import contextlib
import os
import stat
import subprocess
import sys

import pytest
from support.paths import SOURCE

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


def test_what_a_killed_process_left_of_a_file_is_removed_by_the_next_that_writes_it(tmp_path):
    path = tmp_path / "table.csv"
    program = (
        "import sys, time\nfrom feature_diversity.base.files import atomic_write\n"
        "with atomic_write(sys.argv[1]) as part:\n    part.write_text('half')\n"
        "    print('written', flush=True)\n    time.sleep(600)\n"
    )
    environment = os.environ | {"PYTHONPATH": str(SOURCE)}
    command = [sys.executable, "-c", program, str(path)]
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE) as process:
        assert process.stdout.readline() == b"written\n"
        with atomic_write(path) as part:
            part.write_text("whole")
        [held] = [other.name for other in tmp_path.iterdir() if other != path]  # it is still being written
        process.kill()
    with atomic_write(path) as part:
        part.write_text("again")
    assert os.listdir(tmp_path) == [path.name]
    assert held.startswith(".table.csv.")
    assert path.read_text() == "again"


def test_a_part_of_another_file_is_kept(tmp_path):
    names = {".table.csv.part", ".table.csv.gz.abcdefgh.part", ".other.csv.abcdefgh.part"}
    for name in names:
        (tmp_path / name).touch()
    with atomic_write(tmp_path / "table.csv") as part:
        part.write_text("new")
    assert set(os.listdir(tmp_path)) == names | {"table.csv"}
