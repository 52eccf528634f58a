"""Training state on disk: saved atomically, checked when read."""

import hashlib
import io
import sys
from pathlib import Path
from typing import Any

import torch

from feature_diversity.base.files import atomic_write

KEPT = 2  # the newest state, and the one before it in case the newest is damaged


def save_state(folder: Path, key: str, steps: int, state: dict[str, Any]) -> None:
    """Write the state after `steps` steps of the whole training; keep the newest two.

    key: a text that names run, options and code; only a training with the same key may continue it.
    state: tensors, numbers, texts, and lists and dictionaries of those.
    """
    buffer = io.BytesIO()
    torch.save({"key": key, "state": state}, buffer)
    payload = buffer.getbuffer()  # not copied: it is as large as the network and its optimiser together
    with atomic_write(folder / f"state_{steps:09d}.pt") as path, open(path, "wb") as file:
        file.write(hashlib.sha256(payload).digest())
        file.write(payload)
    for old in sorted(folder.glob("state_*.pt"))[:-KEPT]:
        old.unlink()


def load_state(folder: Path, key: str) -> dict[str, Any] | None:
    """The newest whole state with that key, or None.

    A damaged file is reported and passed over; the states of another key are removed, since they
    belong to other code or options.
    """
    for path in sorted(folder.glob("state_*.pt"), reverse=True):
        content = path.read_bytes()
        if hashlib.sha256(content[32:]).digest() != content[:32]:
            print(f"warning: {path} is damaged; trying the state before it", file=sys.stderr)
            continue
        saved = torch.load(io.BytesIO(content[32:]), weights_only=True)
        if saved["key"] == key:
            return saved["state"]
        path.unlink()
    return None
