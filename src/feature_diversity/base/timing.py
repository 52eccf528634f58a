"""How long a stage takes to get ready: imports and set-up, before its first useful step."""

import sys
import time
from functools import cache

STARTED = time.perf_counter()


@cache
def announce_ready() -> None:
    """Say on standard error how many seconds have passed since this module was first imported; once.

    The command line imports it before anything else, so that the number covers all imports.
    """
    print(f"ready after {time.perf_counter() - STARTED:.2f} s", file=sys.stderr)
