"""What the bits of a training depend on: its name in the store, and the metadata of its models."""

import hashlib
import json
from dataclasses import asdict, dataclass
from typing import Any

from feature_diversity import __version__
from feature_diversity.base.run import Network
from feature_diversity.data.store import Facts
from feature_diversity.records.origin import versions


@dataclass(frozen=True)
class Settings:
    """All that the bits of a training's networks depend on. Where it takes snapshots is not among it.

    Attributes:
        network: what is trained, and the seed of its draws.
        recipe: the algorithm's hyper-parameters.
        schedule_epochs: number of epochs at which the learning-rate schedule ends.
        engine: "native" or "vissl".
        precision: of the trunk's products, "float32" or "bfloat16".
        code: digest of the code that makes the numbers; "unknown" where nobody said it.
        version: of this package.
        packages: versions of Python and of the packages that take part.
        dataset: facts of the data set, with the digest of its training images.
        train_images: their number.
        classes: number of classes.
        penalty: what is added to the loss, see `penalties.options`.
        reference: digest of what the penalty needs of another training.
        log_every: epochs between measures in the history, 0: none; the networks do not depend on it.
    """

    network: Network
    recipe: dict[str, Any]
    schedule_epochs: int
    engine: str
    precision: str
    code: str
    version: str
    packages: dict[str, str]
    dataset: Facts
    train_images: int
    classes: int
    penalty: dict[str, Any] | None = None
    reference: str = ""
    log_every: int = 0

    @classmethod
    def of(
        cls,
        network: Network,
        recipe: dict[str, Any],
        dataset: Facts,
        *,
        epochs: int,
        images: int,
        engine: str,
        precision: str,
        code: str,
        packages: tuple[str, ...],
        penalty: dict[str, Any] | None = None,
        reference: str = "",
        log_every: int = 0,
    ) -> "Settings":
        """The settings of a training in this environment. packages: names of those that take part."""
        return cls(
            network=network,
            recipe=recipe,
            schedule_epochs=epochs,
            engine=engine,
            precision=precision,
            code=code,
            version=__version__,
            packages=versions(*packages),
            dataset=dataset,
            train_images=images,
            classes=len(dataset.class_names),
            penalty=penalty,
            reference=reference,
            log_every=log_every,
        )

    def metadata(self) -> dict[str, Any]:
        """The settings as JSON takes them: what all models of the training say of themselves.

        Of a training without a penalty they say nothing of one, nor of a log where there is none.
        """
        optional = ("penalty", "reference", "log_every")
        said = asdict(self) | {"network": self.network.facts}
        return {name: value for name, value in said.items() if value or name not in optional}

    @property
    def key(self) -> str:
        """Digest of the settings, 32 hexadecimal digits."""
        text = json.dumps(self.metadata(), sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:32]
