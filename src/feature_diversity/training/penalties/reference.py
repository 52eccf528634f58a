"""What a treated training needs to know of another one: read from the other's history."""

import csv
import hashlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from feature_diversity.base.errors import InputError
from feature_diversity.base.history import GRADIENT_NORMS, excess_column
from feature_diversity.training.penalties.options import reference_of


@dataclass(frozen=True)
class Reference:
    """Numbers of another training of the same seed; what a penalty does not need is empty.

    excess: of the layer after each epoch. norms: of the gradient on the layer's features, by epoch and step.
    """

    excess: tuple[float, ...] = ()
    norms: tuple[tuple[float, ...], ...] = ()

    @property
    def digest(self) -> str:
        """SHA-256 of the numbers, in hexadecimal digits."""
        return hashlib.sha256(json.dumps(asdict(self)).encode()).hexdigest()


NOTHING = Reference()


def read(path: Path | None, penalty: dict[str, Any], epochs: int, steps: int) -> Reference:
    """Read what a penalty needs.

    Args:
        path: history.csv of the untreated run for a set point, of the treated run for a placebo.
        penalty: as `options.check` lets it pass.
        epochs: that are going to be trained.
        steps: of each epoch.

    Raises:
        InputError: the file is missing, superfluous, or does not hold what the penalty needs.
    """
    whose = reference_of(penalty)
    if (whose is None) != (path is None):
        needed = f"the history of the {whose} run of this seed" if whose else "none"
        raise InputError(f"--reference is {path or 'missing'}; this penalty needs {needed}")
    if path is None:
        return NOTHING
    column = excess_column(penalty["layer"]) if whose == "untreated" else GRADIENT_NORMS
    try:
        with open(path, encoding="utf-8", newline="") as file:
            lines = file.readlines()
        if lines and not lines[-1].endswith("\n"):
            raise ValueError("it is cut off: its last line does not end")
        rows = list(csv.DictReader(lines))
        cells = [row[column] for row in rows]
        told = [row["epoch"] for row in rows]
        values = [[float(number) for number in cell.split()] for cell in cells]
    except FileNotFoundError:
        raise InputError(
            f"{path} does not exist: the {whose} run of this seed must be trained first"
        ) from None
    except (OSError, KeyError, ValueError, AttributeError, csv.Error) as error:
        raise InputError(
            f"{path} has no usable column {column} ({error}); expected the history of the {whose} run, a "
            "training with a penalty"
        ) from None
    if told != [str(epoch) for epoch in range(1, epochs + 1)]:
        found = f"{len(told)} epochs" if len(told) != epochs else "epochs in another order"
        raise InputError(f"{path} has {found}, expected {epochs}: those of the {whose} run")
    if whose == "treated":
        return Reference(norms=tuple(map(tuple, _checked_norms(path, values, steps))))
    excess = [numbers[0] if len(numbers) == 1 else 0.0 for numbers in values]
    for epoch, number in enumerate(excess, start=1):
        if not 0 < number < float("inf"):
            raise InputError(
                f"{path}: {column} is {cells[epoch - 1]!r} in epoch {epoch}, expected a number above 0: "
                "where untreated features are spread out like uniform ones, a dose is no share of theirs"
            )
    return Reference(excess=tuple(excess))


def _checked_norms(path: Path, norms: list[list[float]], steps: int) -> list[list[float]]:
    for epoch, numbers in enumerate(norms, start=1):
        if len(numbers) != steps:
            raise InputError(
                f"{path}: {GRADIENT_NORMS} has {len(numbers)} numbers in epoch {epoch}, expected {steps}, "
                "one a step"
            )
        if wrong := [number for number in numbers if not 0 <= number < float("inf")]:
            raise InputError(
                f"{path}: {GRADIENT_NORMS} has {wrong[0]} in epoch {epoch}, expected numbers of at least 0"
            )
    return norms
