"""Writing files so that a reader never sees half of one."""

import errno
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from feature_diversity.base.errors import InputError

WRITTEN: list[Path] = []  # what this process has written, in that order


@contextmanager
def atomic_write(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Yield a temporary path beside `path`; rename it to `path` when the block ends well.

    The rename happens after the bytes have reached the disk, so after a crash `path` holds
    either its old content or all of the new. If the block raises, nothing is left behind.
    Raises InputError where nothing may be written and where the disk is full.
    """
    path = Path(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".part", dir=path.parent)
    except OSError as error:
        raise cannot_write(path, error) from None
    os.close(handle)
    try:
        yield Path(name)
        # temporary files are private; the umask decides who may read the finished one
        umask = os.umask(0)
        os.umask(umask)
        os.chmod(name, 0o666 & ~umask)
        with open(name, "rb+") as file:
            os.fsync(file.fileno())
        os.replace(name, path)
        WRITTEN.append(path)
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise cannot_write(path, error) from None
        raise
    finally:
        Path(name).unlink(missing_ok=True)


def cannot_write(path: str | os.PathLike[str], error: OSError) -> InputError:
    """The error for a file or folder that the system does not let us write."""
    return InputError(f"{path} cannot be written: {error.strerror}")
