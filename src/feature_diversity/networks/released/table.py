"""The table of released checkpoints, `zoo.csv`: VISSL's model zoo, and torchvision's and SwAV's in it.

One row for each plain ResNet. Columns: `name`; `algorithm`, `depth`, `width`, `epochs`, by which a study
asks for it (several recipes of one algorithm have several names, such as pirl and pirl_mlp; epochs are
empty where nobody states them); `pretrain_data`; `top1_percent`, the accuracy on ImageNet-1k of a linear
classifier as VISSL publishes it (MODEL_ZOO.md, which does not say for which layer); `head`, whether
the file holds the pretext head, too; `url`; `sha256`, as far as it is published; `model`, VISSL's title.
"""

import csv
import difflib
import math
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path, PurePosixPath
from urllib.parse import urlparse

from feature_diversity.base.errors import InputError
from feature_diversity.base.run import Run

TABLE = Path(__file__).with_name("zoo.csv")
NEAREST = 5  # rows named beside one that does not exist


@dataclass(frozen=True)
class Released:
    """A row of the table.

    Attributes:
        name: which is its own.
        algorithm: by which a study asks for it, as by depth, width and epochs.
        depth: of the trunk.
        width: of the trunk.
        epochs: None where nobody states them.
        pretrain_data: what it was trained on.
        top1_percent: published accuracy of a linear classifier.
        head: whether the file holds the pretext head.
        url: of the file.
        sha256: its first digits, or empty.
        model: VISSL's title.
    """

    name: str
    algorithm: str
    depth: int
    width: float
    epochs: int | None
    pretrain_data: str
    top1_percent: float
    head: bool
    url: str
    sha256: str
    model: str

    @property
    def file(self) -> str:
        """Name of its file in the cache and in a mirror."""
        return self.name + "".join(PurePosixPath(urlparse(self.url).path).suffixes[-2:])

    @property
    def test_error(self) -> float:
        """The published error, a share of ImageNet's validation images."""
        return round(1 - self.top1_percent / 100, 6)


@cache
def released() -> tuple[Released, ...]:
    """All rows of the table."""
    with open(TABLE, encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    return tuple(
        Released(
            **row
            | {"depth": int(row["depth"]), "width": float(row["width"])}
            | {"epochs": int(row["epochs"]) if row["epochs"] else None}
            | {"top1_percent": float(row["top1_percent"]), "head": row["head"] == "yes"}
        )
        for row in rows
    )


def by_name(name: str) -> Released:
    """Find the row of that name.

    Raises:
        InputError: there is none; the message has the nearest names.
    """
    rows = {row.name: row for row in released()}
    if name not in rows:
        near = difflib.get_close_matches(name, rows, NEAREST, cutoff=0)
        raise InputError(f"no released checkpoint {name!r}; the nearest names are {', '.join(near)}")
    return rows[name]


def of_run(run: Run) -> Released:
    """Find the row that is this run. Where the table does not know the epochs, the run's stand.

    Raises:
        InputError: there is none (the message names the nearest rows), the norm is not BatchNorm, or the seed
            is not 0, by which released checkpoints go.
    """
    for row in released():
        if (row.algorithm, row.depth, row.width, row.epochs or run.epochs) == (
            run.algorithm, run.depth, run.width, run.epochs,
        ) and (run.norm, run.seed) == ("batchnorm", 0):  # fmt: skip
            return row
    asked = ", ".join(
        f"{axis} {value:g}" if axis == "width" else f"{axis} {value}"
        for axis, value in asdict(run).items()
        if axis != "variant"
    )
    raise InputError(
        f"no released checkpoint has {asked}; the nearest are {'; '.join(map(_cell, nearest(run)))} "
        "(all with norm batchnorm, and seed 0 by convention)"
    )


def nearest(run: Run) -> list[Released]:
    """List the rows most like a run: of the algorithm with the likest name, then by size and epochs."""

    def distance(row: Released) -> tuple[float, float]:
        likeness = difflib.SequenceMatcher(None, row.algorithm, run.algorithm).ratio()
        epochs = math.log2((row.epochs or run.epochs or 1) / (run.epochs or 1))
        return -likeness, abs(math.log2(row.depth / run.depth)) + abs(math.log2(row.width / run.width)) + abs(
            epochs
        )

    return sorted(released(), key=distance)[:NEAREST]


def _cell(row: Released) -> str:
    return f"{row.algorithm}, depth {row.depth}, width {row.width:g}, epochs {row.epochs or 'any'}"
