"""What befalls a training by its own hand: it is killed, or stopped, once it has saved a state.

A test that watches a training from outside may come too late on a busy machine. Here the training's own
process acts, so that the moment depends on what it has done and not on how long that took.
"""

import os
import random
import re
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from support.checkout import Checkout

STATE = re.compile(r"state_\d+\.pt$")
TESTS = Path(__file__).parents[1]


def after_saves(number: int, act: Callable[[], object]) -> None:
    """Call `act` when this process has saved so many states, and has written the next but not named it."""
    saves = 0

    def watch(event: str, arguments: tuple) -> None:
        nonlocal saves
        if event == "os.rename" and STATE.search(os.fspath(arguments[1])):
            if saves == number:
                act()
            saves += 1

    sys.addaudithook(watch)


def send(number: int, seconds: float = 0) -> None:
    """Send this process a signal, at once or in so many seconds."""
    if seconds:
        threading.Timer(seconds, os.kill, (os.getpid(), number)).start()
    else:
        os.kill(os.getpid(), number)


@dataclass(frozen=True)
class Accidents:
    """Signals that trainings of a checkout send themselves after a save.

    folder: has a file `{algorithm}.{place}` for each that is to come. When it has come, the file is called
    `{algorithm}.{place}.done` and holds the number of the process.
    """

    folder: Path

    @classmethod
    def prepare(
        cls, checkout: Checkout, times: dict[str, int], number: int, seconds: float = 0
    ) -> "Accidents":
        """Let each algorithm's training send itself the signal so many times, within so many seconds."""
        folder = checkout.folder / "accidents"
        folder.mkdir(exist_ok=True)
        for algorithm, count in times.items():
            for place in range(count):
                (folder / f"{algorithm}.{place}").touch()
        # Python runs a module of this name when it starts, and jobs look for modules in `src` first
        (checkout.folder / "src" / "sitecustomize.py").write_text(
            f"import sys\nsys.path.append({str(TESTS)!r})\nfrom pathlib import Path\n"
            f"from support.accident import Accidents\n"
            f"Accidents(Path({str(folder)!r})).expect({int(number)}, {seconds})\n"
        )
        return cls(folder)

    def expect(self, number: int, seconds: float) -> None:
        """In a job: take the signal, after a save, if there is still one for the algorithm it trains."""
        algorithm = re.search(r'"algorithm": ?"(\w+)"', " ".join(sys.orig_argv))

        def act() -> None:
            for file in sorted(self.folder.glob(f"{algorithm[1]}.[0-9]")):
                file.write_text(str(os.getpid()))
                file.rename(f"{file}.done")
                send(number, random.Random(file.name).uniform(0, seconds))
                return

        if algorithm:
            after_saves(1, act)

    def left(self) -> list[str]:
        """Those that have not come."""
        return sorted(path.name for path in self.folder.iterdir() if path.suffix != ".done")

    def stopped(self, name: str, over: Callable[[], object]) -> int:
        """Wait until the process that took SIGSTOP as `name` has stopped; its number.

        over: whether nothing will come any more.
        """
        done = self.folder / f"{name}.done"
        while not done.exists() or "State:\tT" not in Path(f"/proc/{done.read_text()}/status").read_text():
            assert not over(), f"{name} did not come"
            time.sleep(0.01)
        return int(done.read_text())


def alive(process: int) -> bool:
    """Whether a process is there and no zombie."""
    try:
        return "State:\tZ" not in Path(f"/proc/{process}/status").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False
