"""Large files from the network: downloads that go on where they broke off, kept and verified by SHA-256."""

import hashlib
import http.client
import os
import re
import shutil
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path

from feature_diversity.base.errors import InputError
from feature_diversity.base.files import atomic_write, without_links
from feature_diversity.base.lock import locked
from feature_diversity.base.timing import bar

CHUNK = 2**20  # bytes
TIMEOUT = 60  # seconds without a byte
ATTEMPTS = 6
WAIT = 1.0  # seconds before the second attempt, doubled before each further one
FINAL = (400, 401, 403, 404, 405, 410, 451)  # answers that another attempt does not change


def cached(
    url: str,
    path: Path,
    *,
    check: Callable[[Path], object],
    sha256: str = "",
    mirror: str = "",
    offline: bool = False,
) -> str:
    """See that `path` holds the file of `url`.

    Before a new file gets its name it must begin with `sha256` and pass `check`. Its sum is then recorded in
    `path` + ".sha256" and verified whenever the file is asked for again. Processes that want one file wait
    for each other.

    Args:
        url: where the file is published.
        path: where it is kept.
        check: raises InputError for a file that is not what it should be.
        sha256: the sum's first digits, as far as they are known.
        mirror: a folder or base URL that has the file under the same name, asked instead of `url`.
        offline: whether the network is not used.

    Returns:
        SHA-256, 64 hexadecimal digits.

    Raises:
        InputError: the file cannot be had or is not what it should be. Nothing is left behind then but the
            part of a broken download, with which the next one goes on.
    """
    record = path.with_name(f"{path.name}.sha256")
    with locked(path.with_name(f".{path.name}.lock"), wait=True):
        if path.exists():
            recorded = recorded_sum(record) if record.exists() else sha256
            found = sha256_of(path)
            if not found.startswith(recorded):
                raise InputError(
                    f"{path}: SHA-256 is {found}, expected {recorded}; delete the file and it is fetched anew"
                )
        else:
            source = f"{mirror.rstrip('/')}/{path.name}" if mirror else url
            part = path.with_name(f".{path.name}.part")
            _obtain(source, part, path, offline)
            try:
                found = sha256_of(part)
                if not found.startswith(sha256):
                    raise InputError(f"SHA-256 is {found}, expected {sha256}...")
                check(part)
            except InputError as error:
                part.unlink()
                raise InputError(f"what came from {source} was not kept: {error}") from None
            part.replace(path)
        if not record.exists():
            with atomic_write(record) as temporary:  # as the command sha256sum writes and checks them
                temporary.write_text(f"{found}  {path.name}\n", encoding="utf-8")
    return found


def recorded_sum(record: Path) -> str:
    """The sum in a file as the command sha256sum writes it; InputError if there is none."""
    words = record.read_text(encoding="utf-8", errors="replace").split()
    if not words or not re.fullmatch("[0-9a-f]{64}", words[0]):
        raise InputError(
            f"{record} has no SHA-256, expected 64 hexadecimal digits; delete it if it is damaged"
        )
    return words[0]


def sha256_of(path: Path) -> str:
    """Compute the SHA-256 of a file, 64 hexadecimal digits."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _obtain(source: str, part: Path, path: Path, offline: bool) -> None:
    """Copy or download `source` to `part`."""
    if "://" not in source:
        try:
            with open(source, "rb") as old, open(part, "wb", opener=without_links) as new:
                shutil.copyfileobj(old, new)
        except OSError as error:
            part.unlink(missing_ok=True)
            raise InputError(f"{source} in the mirror cannot be copied: {error}") from None
    elif offline:
        raise InputError(f"{path} is not there, and with `offline` it is not downloaded from {source}")
    else:
        download(source, part)


def download(url: str, part: Path) -> None:
    """Download `url` to `part`, going on with what is there.

    Raises:
        InputError: all attempts have failed.
    """
    for attempt in range(ATTEMPTS):
        if attempt:
            time.sleep(WAIT * 2 ** (attempt - 1))
        try:
            return _receive(url, part)
        except urllib.error.HTTPError as error:
            reason = error
            if error.code in FINAL:
                break
            if error.code == 416:  # the part is no beginning of the file
                part.unlink(missing_ok=True)
        except (OSError, http.client.HTTPException) as error:
            reason = error
        print(f"{url}: {reason}; attempt {attempt + 1} of {ATTEMPTS}", file=sys.stderr)
    raise InputError(f"{url} could not be downloaded: {reason}")


def _receive(url: str, part: Path) -> None:
    """One attempt. The server's tag of the file is kept, so that a part is never joined to another file."""
    tag_file = part.with_suffix(".tag")
    headers = {"User-Agent": "feature-diversity"}
    done = part.stat().st_size if part.exists() and tag_file.exists() else 0
    if done:
        headers |= {"Range": f"bytes={done}-", "If-Range": tag_file.read_text(encoding="utf-8")}
    with urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=TIMEOUT) as response:
        if response.headers.get_content_type() == "text/html":
            raise InputError(f"{url} answers with a web page instead of a file")
        done = done if response.status == 206 else 0
        begins = response.headers["Content-Range"] or ""
        if done and not begins.startswith(f"bytes {done}-"):
            part.unlink()
            raise ConnectionError(f"the server sent the range {begins!r}, expected bytes from {done} on")
        length = response.headers["Content-Length"] or ""
        total = done + int(length) if length.isdecimal() else None
        tag_file.unlink(missing_ok=True)
        if tag := response.headers["ETag"] or response.headers["Last-Modified"]:
            tag_file.write_text(tag, encoding="utf-8")
        shown = bar(total=total, initial=done, unit="B", unit_scale=True, desc=url.rsplit("/", 1)[-1])
        with open(part, "ab" if done else "wb", opener=without_links) as file, shown:
            while chunk := response.read(CHUNK):
                done += file.write(chunk)
                shown.update(len(chunk))
            file.flush()
            os.fsync(file.fileno())
    if total is not None and done < total:
        raise ConnectionError(f"the connection ended after {done:,} of {total:,} bytes")
    tag_file.unlink(missing_ok=True)
