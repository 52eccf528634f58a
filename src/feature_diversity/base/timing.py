"""What a process says of its time on standard error: when it is ready to work, and bars of how far it is."""

import sys
import time
from collections.abc import Iterable, Iterator
from functools import cache
from typing import Any, Literal

STARTED = time.perf_counter()


@cache
def announce_ready() -> None:
    """Say on standard error how many seconds have passed since this module was first imported; once.

    The command line imports it before anything else, so that the number covers all imports.
    """
    print(f"ready after {time.perf_counter() - STARTED:.2f} s", file=sys.stderr)


def bar(items: Iterable[Any] | None = None, *, hidden: bool = False, **options: Any) -> Any:
    """A bar of tqdm's, which is needed in a terminal alone; elsewhere, or hidden, what draws nothing.

    Args:
        items: what the bar goes over when it is iterated.
        hidden: whether to draw nothing in a terminal either.
        options: of tqdm.
    """
    if hidden or not sys.stderr.isatty():
        return NoBar(() if items is None else items)
    from tqdm import tqdm

    return tqdm(items, file=sys.stderr, **options)


class NoBar:
    """Takes what a bar takes and draws nothing."""

    disable: Literal[True] = True

    def __init__(self, items: Iterable[Any]):
        self.items = items

    def __iter__(self) -> Iterator[Any]:
        return iter(self.items)

    def __enter__(self) -> "NoBar":
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def update(self, _: int) -> None:
        """Draw nothing of a part that is done."""

    def set_description_str(self, _: str) -> None:
        """Draw nothing of a description."""

    def close(self) -> None:
        """End."""
