"""A file as a lock between processes of one machine, or of several that share a disk."""

import fcntl
import os
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from feature_diversity.base.errors import InputError
from feature_diversity.base.files import cannot_write, without_links


@contextmanager
def locked(path: Path, *, wait: bool = False) -> Iterator[None]:
    """Hold the file `path`, made if need be with its folder, for this process; it ends with the process.

    If another process has it, wait for that, or else raise InputError naming it. Raises InputError also
    where nothing may be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        # not through a link, which in a folder of several users could lead to any file
        file = open(path, "a+", encoding="utf-8", opener=without_links)  # noqa: SIM115  closed below
    except OSError as error:
        raise cannot_write(path, error) from None
    with file:
        try:
            fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            file.seek(0)
            holder = f"{file.read().strip() or 'another process'} holds {path}"
            if not wait:
                raise InputError(f"another process trains this run: {holder}") from None
            print(f"waiting: {holder}", file=sys.stderr, flush=True)
            fcntl.lockf(file, fcntl.LOCK_EX)
        with suppress(OSError):  # on a full disk the lock holds all the same
            file.truncate(0)
            os.write(file.fileno(), f"process {os.getpid()} on {socket.gethostname()}".encode())
        yield
