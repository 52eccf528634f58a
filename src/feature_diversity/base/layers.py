"""The layers whose features are recorded, by VISSL's names."""

# In the network's order. `trunk` is what the heads get, pooled; `head` the output of the pretext head.
LAYERS = ["conv1", "res2", "res3", "res4", "res5", "trunk", "head"]
PAPERS_LAYERS = ["conv1", "res2", "res4", "head"]  # those of its figures


def in_order(layers: set[str]) -> list[str]:
    """Layers in the network's order, those of other names after them."""
    return [*(layer for layer in LAYERS if layer in layers), *sorted(layers - set(LAYERS))]
