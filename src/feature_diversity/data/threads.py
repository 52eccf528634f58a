"""Work done ahead by threads, its results in order."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


def in_order(
    work: Callable[[Item], Result], items: Iterable[Item], *, threads: int, ahead: int
) -> Iterator[Result]:
    """Do work ahead in threads, and yield its results in the order of the items.

    Threads suffice for images: Pillow decodes and resizes without holding Python's lock. An exception in
    `work` is raised when its result is taken. Closing the iterator drops what is waiting.

    Args:
        work: what is done with an item.
        items: taken as they are needed.
        threads: how many.
        ahead: results at most that wait to be taken.

    Yields:
        work(item) of each item.
    """
    pool = ThreadPoolExecutor(threads)
    waiting = deque()
    try:
        for item in items:
            waiting.append(pool.submit(work, item))
            if len(waiting) > ahead:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)
