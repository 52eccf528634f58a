"""What a job's log tells while it runs and when it has failed: how far its trainings are, why it ended."""

import re
from dataclasses import dataclass
from pathlib import Path

TAIL = 16_384  # bytes of a log that are read: its last lines
TRAINING = re.compile(r"^training (\d+) of (\d+)", re.MULTILINE)
EPOCH = re.compile(r"^epoch (\d+)/(\d+): ", re.MULTILINE)
SAVED = re.compile(r"^asked to stop: epoch (\d+),", re.MULTILINE)
ERROR = re.compile(r"^error: (.+)", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Position:
    """How far the trainings of a job are: those done, of how many, and the epochs of the one that runs."""

    done: int
    trainings: int
    epoch: int
    epochs: int

    @property
    def share(self) -> float:
        """Of the job's work, 0 to 1, if all its trainings are alike."""
        return (self.done + self.epoch / self.epochs) / self.trainings

    def __str__(self) -> str:
        which = f"training {self.done + 1} of {self.trainings}, " if self.trainings > 1 else ""
        return f"{which}epoch {self.epoch} of {self.epochs}"


def head(log: Path) -> str:
    """The first lines of a log; nothing where there is none yet."""
    try:
        with open(log, "rb") as file:
            return file.read(TAIL).decode(errors="replace")
    except OSError:
        return ""


def begun(text: str) -> float:
    """The share of its work that a job had done when it began, by the head of its log.

    That is what it went on from: trainings that were finished before, and epochs of the first that ran.
    """
    first = EPOCH.search(text)
    if first is None:
        return 0.0
    epoch, epochs = map(int, first.groups())
    before = list(TRAINING.finditer(text[: first.start()]))
    number, trainings = map(int, before[-1].groups()) if before else (1, 1)
    return (number - 1 + (epoch - 1) / epochs) / trainings


def tail(log: Path) -> str:
    """The last lines of a log; nothing where there is none yet."""
    try:
        with open(log, "rb") as file:
            file.seek(max(0, file.seek(0, 2) - TAIL))
            return file.read().decode(errors="replace")
    except OSError:
        return ""


def position(text: str) -> Position | None:
    """How far the job is by the end of its log; None where no epoch of a training has ended yet."""
    epochs = list(EPOCH.finditer(text))
    if not epochs:
        return None
    epoch, last = map(int, epochs[-1].groups())
    begun = list(TRAINING.finditer(text))
    number, trainings = map(int, begun[-1].groups()) if begun else (1, 1)
    if begun and begun[-1].start() > epochs[-1].start():
        epoch = 0  # the next training has begun since
    return Position(number - 1, trainings, epoch, last)


def saved(text: str) -> int | None:
    """The epoch in which a training was asked to stop and saved; None if it was not."""
    found = SAVED.findall(text)
    return int(found[-1]) if found else None


def reason(text: str) -> str | None:
    """The one message with which a stage ended; None if it ended in another way."""
    found = list(ERROR.finditer(text))
    return found[-1].group(1).strip() if found else None
