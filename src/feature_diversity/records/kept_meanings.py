"""What modules do, kept beside their compiled code: reading all of them anew takes seconds."""

import hashlib
import importlib.util
import json
import os
import sys
import tempfile
from contextlib import suppress
from pathlib import Path

from feature_diversity.records import meaning as reading
from feature_diversity.records.meaning import Meaning, meaning


class KeptMeanings:
    """The meanings of a package's modules, in a file in the folder where Python keeps its compiled code.

    An entry is of a module's bytes and of the code and the Python that read them, so that it is never
    stale. A file that cannot be read or written is done without.
    """

    def __init__(self, package: Path) -> None:
        self.path = Path(importlib.util.cache_from_source(package / "__init__.py")).with_name("meanings.json")
        self.reader = Path(reading.__file__).read_bytes() + sys.version.encode()
        self.kept: dict[str, dict] = {}  # by names of modules
        self.saved = True
        with suppress(OSError, ValueError, TypeError):
            self.kept |= json.loads(self.path.read_text(encoding="utf-8"))

    def of(self, name: str, source: bytes) -> Meaning:
        """What a module does.

        Args:
            name: Inside the package, such as "data.store".
            source: The bytes of its file.

        Raises:
            ValueError: As `meaning`.
        """
        key = hashlib.sha256(self.reader + source).hexdigest()
        found = self.kept.get(name, {})
        if found.get("key") != key:
            new = meaning(source.decode("utf-8"), f"feature_diversity.{name}")
            found = self.kept[name] = {"key": key, "imports": new.imports, "text": new.text}
            self.saved = False
        return Meaning(tuple(found["imports"]), found["text"])

    def save(self) -> None:
        """Write the file anew if something was read that is not in it."""
        if self.saved:
            return
        self.saved = True
        write_quietly(self.path, self.kept)


def write_quietly(path: Path, value: object) -> None:
    """Write a value as JSON so that a reader never sees half of it; where that cannot be done, do nothing."""
    with suppress(OSError):
        path.parent.mkdir(exist_ok=True, parents=True)
        handle, part = tempfile.mkstemp(prefix=f"{path.name}.", dir=path.parent)
        with open(handle, "w", encoding="utf-8") as file:
            json.dump(value, file)
        os.replace(part, path)
