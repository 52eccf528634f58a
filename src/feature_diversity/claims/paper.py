"""The paper's claims as data: what it says, where, and which test decides it."""

from functools import cache
from pathlib import Path
from typing import Any

import yaml

from feature_diversity.base.layers import PAPERS_LAYERS

FILE = Path(__file__).parent / "claims.yaml"
LAYERS = PAPERS_LAYERS
MARGIN = 0.3  # rank correlations within +-0.3 count as none

# Which runs of a study a family of claims is about. The paper's settings belong to its own data sets; a
# study in small says with its figures which of its runs play which part.
FIGURES = {
    "epochs": ["figure1"],
    "parameters": ["figure2"],
    "algorithms": ["figure3"],
    "small_scale": ["figure4"],
    "overall": ["figure1", "figure2", "figure3", "figure4"],
}


@cache
def paper() -> dict[str, Any]:
    """The whole file: `paper`, `defaults`, `families`, `claims` and more."""
    return yaml.safe_load(FILE.read_text(encoding="utf-8"))


def claims() -> dict[str, dict[str, Any]]:
    """Claim -> its family, where, kind, text, variables, direction, test, ambiguity, conflicts_with."""
    return {claim["id"]: claim for claim in paper()["claims"]}


def needs_diversity(claim: str) -> bool:
    """Whether a claim depends on the reading of the energy; else it is about errors alone."""
    return bool({"diversity", "energy"} & set(claims()[claim]["variables"]))
