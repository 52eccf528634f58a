"""What stands behind the digests of code that has run, so that it can be told later which files have changed.

A digest tells that code is other, not where. A stage that runs the code of a digest keeps the digests of its
modules in the folder where Python keeps compiled code; without that file only the digest is known.
"""

import importlib.util
import json
import re
from contextlib import suppress
from pathlib import Path

from feature_diversity.records.kept_meanings import write_quietly

FOLDER = Path(importlib.util.cache_from_source(__file__)).with_name("digests")
TOLD = 3  # names of files that are told; others are counted


def keep_modules(digest: str, modules: dict[str, str]) -> None:
    """Keep what a digest stands for, unless it is kept already or the folder cannot be written.

    Args:
        digest: Of the code.
        modules: A digest of what each of its modules does, by the module's name inside the package.
    """
    path = FOLDER / f"{digest}.json"
    if not path.exists():
        write_quietly(path, modules)


def modules_of(digest: str) -> dict[str, str] | None:
    """What `keep_modules` kept of a digest; None if that is nothing, or if the text is no digest."""
    if not re.fullmatch("[0-9a-f]{16}", digest):
        return None
    with suppress(OSError, ValueError):
        return json.loads((FOLDER / f"{digest}.json").read_text(encoding="utf-8"))
    return None


def changed_files(before: dict[str, str], now: dict[str, str]) -> list[str]:
    """Files whose code is other now, gone or new, in order of their names, such as "algorithms/simclr.py".

    Args:
        before: Digests of modules by name.
        now: The same of later code. A module that was moved and not changed is not counted.
    """
    other = {name for name, digest in now.items() if digest not in before.values()}
    gone = {name for name, digest in before.items() if digest not in now.values()}
    return sorted(name.replace(".", "/") + ".py" for name in other | gone)


def in_words(files: list[str]) -> str:
    """That files have changed, such as "a.py, b.py, c.py and 2 other files changed"."""
    names, further = files[:TOLD], len(files) - TOLD
    if further > 0:
        names.append(f"{further} other file{'s' if further > 1 else ''}")
    *first, last = names
    return (f"{', '.join(first)} and {last}" if first else last) + " changed"
