"""A run: one cell of a study's grid with its seed, and the folder of its results."""

import itertools
from dataclasses import asdict, dataclass
from typing import Any

RUN_FOLDER = "{algorithm}/resnet{depth}_w{width}_{norm}_ep{epochs}_seed{seed}"


@dataclass(frozen=True, order=True)
class Run:
    """One network of the grid: what it is, how long it was trained, and the seed of its draws.

    width multiplies the channel counts of every layer. epochs = 0 is the untrained network.
    """

    algorithm: str
    depth: int
    width: float
    norm: str
    epochs: int
    seed: int

    @property
    def folder(self) -> str:
        """Folder of the run's results, relative to the study's results."""
        return RUN_FOLDER.format(**asdict(self) | {"width": f"{self.width:.15g}"})


def expand(grid: dict[str, Any]) -> list[Run]:
    """All combinations of the values listed for a grid's six axes."""
    combinations = itertools.product(*(grid[axis] for axis in Run.__dataclass_fields__))
    return [Run(algorithm, depth, float(width), *rest) for algorithm, depth, width, *rest in combinations]
