"""A run: one cell of a study's grid with its seed; a network: all runs of one training."""

import itertools
from dataclasses import asdict, dataclass, field, fields
from typing import Any

DEFAULT = "default"  # the variant with the recipe as it is
# {variant} is empty for the default one, else "_" and its name, which has no "_": either form is read one way
RUN_FOLDER = "{algorithm}/resnet{depth}_w{width}_{norm}{variant}_ep{epochs}_seed{seed}"
# Networks of others have these on the axes of this package's ResNets, and their name as the algorithm
OTHERS: dict[str, Any] = {"depth": 0, "width": 0.0, "norm": "own"}
OTHERS_FOLDER = "{algorithm}/model{variant}_ep{epochs}_seed{seed}"


@dataclass(frozen=True, order=True)
class Network:
    """A run without its number of epochs: what is trained, and the seed of its draws.

    width multiplies the channel counts of every layer. variant names the study's changes of the recipe.
    """

    algorithm: str
    depth: int
    width: float
    norm: str
    variant: str = field(default=DEFAULT, kw_only=True)
    seed: int

    @property
    def facts(self) -> dict[str, Any]:
        """Its axes as commands and models say them: the variant where it is not the default one.

        So a default network is said, and its training found again, as where no study has variants.
        """
        return {axis: value for axis, value in asdict(self).items() if (axis, value) != ("variant", DEFAULT)}

    def after(self, epochs: int) -> "Run":
        """The network after so many epochs."""
        return Run(**asdict(self), epochs=epochs)


@dataclass(frozen=True, order=True)
class Run:
    """One network of the grid: what it is, how long it was trained, and the seed of its draws.

    width multiplies the channel counts of every layer. variant names the study's changes of the recipe.
    epochs = 0 is the untrained network.
    """

    algorithm: str
    depth: int
    width: float
    norm: str
    variant: str = field(default=DEFAULT, kw_only=True)
    epochs: int
    seed: int

    @property
    def network(self) -> Network:
        """The run without its number of epochs."""
        return Network(
            self.algorithm, self.depth, self.width, self.norm, variant=self.variant, seed=self.seed
        )

    @property
    def folder(self) -> str:
        """Folder of the run's results, relative to the study's results."""
        variant = "" if self.variant == DEFAULT else f"_{self.variant}"
        folder = OTHERS_FOLDER if self.norm == OTHERS["norm"] else RUN_FOLDER
        return folder.format(**asdict(self) | {"width": f"{self.width:.15g}", "variant": variant})


# The axes of a grid, as columns of tables
RUN = [field.name for field in fields(Run)]
CELL = [axis for axis in RUN if axis != "seed"]  # runs that differ in nothing but their seeds
NETWORK = [axis for axis in RUN if axis != "epochs"]  # the runs that one training leaves
CONFIGURATION = [axis for axis in NETWORK if axis != "seed"]  # what is trained, whatever the seed


def expand(grid: dict[str, Any]) -> list[Run]:
    """All combinations of the values listed for a grid's axes; without `variant`, of the default one."""
    grid = {"variant": [DEFAULT]} | grid
    combinations = (
        dict(zip(RUN, values, strict=True)) for values in itertools.product(*(grid[axis] for axis in RUN))
    )
    return [Run(**values | {"width": float(values["width"])}) for values in combinations]
