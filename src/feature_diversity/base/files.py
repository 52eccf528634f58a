"""Writing files so that a reader never sees half of one."""

import errno
import fcntl
import os
import re
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from feature_diversity.base.errors import InputError, StorageError

WRITTEN: list[Path] = []  # what this process has written, in that order
BEGUN: list[float] = []  # when this process began to make results, if it is a stage's
AHEAD = 60  # seconds by which the clock of a network disk may be ahead of ours


def begin() -> None:
    """From now on, refuse to replace what another process has written since."""
    BEGUN[:] = [time.time()]


@contextmanager
def atomic_write(path: str | os.PathLike[str], *, locked: bool = False) -> Iterator[Path]:
    """Yield a temporary path beside `path`; rename it to `path` when the block ends well.

    The rename happens after the bytes have reached the disk, so after a crash `path` holds
    either its old content or all of the new. If the block raises, nothing is left behind, and what a killed
    process has left of the same file is removed by the next that writes it.
    Raises InputError where nothing may be written, where the disk is full, and, in a process that has said
    `begin`, for a file that another process has written since: a job that outlived its Snakemake must not
    replace what a later one made. locked: the caller holds a lock, which says whose turn it is.
    """
    path = Path(path)
    try:
        if path.exists() and not path.is_file():
            raise InputError(f"{path} is a folder, a device or a pipe, expected a file, or nothing yet")
        path.parent.mkdir(parents=True, exist_ok=True)
        remove_left(path)
        handle, name = make_part(path)
    except OSError as error:
        raise cannot_write(path, error) from None
    try:
        yield Path(name)
        # temporary files are private; the umask decides who may read the finished one
        umask = os.umask(0)
        os.umask(umask)
        os.chmod(name, 0o666 & ~umask)
        with open(name, "rb+") as file:
            os.fsync(file.fileno())
        if not locked:
            check_unchanged(path, Path(name))
        os.replace(name, path)
        WRITTEN.append(path)
    except Exception as error:  # safetensors has one of its own, which quotes the system's
        for number in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            if os.strerror(number) in str(error):
                raise cannot_write(path, OSError(number, os.strerror(number))) from None
        raise
    finally:
        os.close(handle)
        Path(name).unlink(missing_ok=True)


def make_part(path: Path) -> tuple[int, str]:
    """Make a temporary file beside `path`: a descriptor, which holds its lock until we end, and its name."""
    while True:
        handle, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".part", dir=path.parent)
        with suppress(OSError):  # a disk without locks
            fcntl.flock(handle, fcntl.LOCK_EX)
        if os.fstat(handle).st_nlink:  # else another process took it for one left, before it was locked
            return handle, name
        os.close(handle)


def remove_left(path: Path) -> None:
    """Remove the temporary files of `path` that no process holds: those who wrote them were killed."""
    left = re.compile(re.escape(f".{path.name}.") + r"[a-z0-9_]{8}\.part")  # as mkstemp names them
    for name in filter(left.fullmatch, os.listdir(path.parent)):
        with suppress(OSError):  # another process holds it, or has just finished it
            handle = os.open(path.parent / name, os.O_RDWR | os.O_NOFOLLOW)
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                os.unlink(path.parent / name)
            finally:
                os.close(handle)


def check_unchanged(path: Path, new: Path) -> None:
    """InputError if another process has written a file, of which `new` is no link, since this one began."""
    if not BEGUN or path in WRITTEN or not path.exists() or path.samefile(new):
        return
    if (since := path.stat().st_mtime - time.time()) > AHEAD:
        raise InputError(
            f"the time of {path} lies {since:,.0f} s ahead, so that it cannot be told from one that another "
            "process writes now, and is left as it is; `touch` it if it may be replaced"
        )
    if path.stat().st_mtime > BEGUN[0]:
        raise InputError(
            f"{path} was written by another process since this one began, and is left as it is; if no other "
            "is running now, run this again"
        )


def check_whole(path: Path) -> None:
    """ValueError for a file of lines that is cut off in one, and for a pipe, which would be waited for."""
    if path.exists() and not path.is_file():
        raise ValueError("it is no plain file")
    with open(path, "rb") as file:
        file.seek(max(0, path.stat().st_size - 1))
        if file.read() != b"\n":
            raise ValueError("it is cut off: its last line does not end")


def check_no_input(output: Path, *inputs: Path) -> None:
    """InputError if a file that is to be written is one of those that are read."""
    for path in inputs:
        if output.exists() and path.exists() and output.samefile(path):
            raise InputError(f"{output} is to be written, and is {path}, which is read; give it another name")


def without_links(path: str, flags: int) -> int:
    """Open a file, as `opener` of `open`. Raises OSError if it is a symbolic link."""
    return os.open(path, flags | os.O_NOFOLLOW, 0o666)


def cannot_write(path: str | os.PathLike[str], error: OSError) -> StorageError:
    """The error for a file or folder that the system does not let us write."""
    return StorageError(f"{path} cannot be written: {error.strerror}")
