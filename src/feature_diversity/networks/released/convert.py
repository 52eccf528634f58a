"""Released checkpoints, verified and written as this package's models."""

from pathlib import Path
from typing import Any

from feature_diversity import __version__
from feature_diversity.base.errors import InputError
from feature_diversity.base.run import Network
from feature_diversity.networks import model
from feature_diversity.networks.released.layouts import Checkpoint, networks, read_checkpoint
from feature_diversity.networks.released.table import Released


def read(path: Path, row: Released) -> Checkpoint:
    """The checkpoint in `path`; InputError if it is not the network that the table says."""
    checkpoint = read_checkpoint(path)
    if (checkpoint.depth, checkpoint.width, checkpoint.norm) != (row.depth, row.width, "batchnorm"):
        raise InputError(
            f"{path} is a ResNet-{checkpoint.depth} of width {checkpoint.width:g} with {checkpoint.norm}, "
            f"expected {row.name}, a ResNet-{row.depth} of width {row.width:g} with batchnorm"
        )
    return checkpoint


def convert(path: Path, row: Released, output: Path, epochs: int | None, sha256: str, code: str) -> None:
    """Write the checkpoint in `path` as a model, with where it comes from in its metadata."""
    checkpoint = read(path, row)
    if row.epochs is None and epochs is None:
        raise InputError(f"the epochs of {row.name} are not in the table; say them with --epochs")
    trunk, head = networks(checkpoint)
    facts: dict[str, Any] = {
        "network": Network(row.algorithm, row.depth, row.width, checkpoint.norm, seed=0).facts,
        "epochs": row.epochs or epochs,
        "engine": "zoo",
        "code": code,
        "version": __version__,
        "dataset": {"name": row.pretrain_data},
        "head": checkpoint.head_layers,
        "released": {
            "name": row.name,
            "title": row.model,
            "url": row.url,
            "sha256": sha256,
            "layout": checkpoint.layout,
            "test_error": row.test_error,
            "unused": checkpoint.unused,
        },
    }
    model.write(output, trunk, head, facts)
    print(f"{output}: {row.name}, layout {checkpoint.layout}")
