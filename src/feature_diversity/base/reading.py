"""A reading of the energy: of which vectors, whether centred, and with which power s."""

from typing import Any

READING = ["vector", "centred", "s"]  # as columns of tables

# What figures and verdicts are about unless they say otherwise: the paper's energy. Its vectors are of whole
# feature maps, and its figures' axes name s = 1.
HEADLINE: dict[str, Any] = {"vector": "flatten", "centred": False, "s": 1}


def in_words(vector: str, centred: bool, s: float) -> str:
    """A reading for people, such as "flatten, not centred, s = 1"."""
    return f"{vector}, {'centred' if centred else 'not centred'}, s = {s:g}"
