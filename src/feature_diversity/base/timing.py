"""How long a stage takes to get ready: imports and set-up, before its first useful step."""

import sys
import time

STARTED = time.perf_counter()


def announce_ready() -> None:
    """Say on standard error how many seconds have passed since this module was first imported.

    The command line imports it before anything else, so that the number covers all imports.
    """
    print(f"ready after {time.perf_counter() - STARTED:.2f} s", file=sys.stderr)
