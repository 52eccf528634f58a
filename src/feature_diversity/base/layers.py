"""The layers whose features are recorded, by VISSL's names; of networks of others, by shares of depth."""

# In the network's order. `trunk` is what the heads get, pooled; `head` the output of the pretext head.
LAYERS = ["conv1", "res2", "res3", "res4", "res5", "trunk", "head"]
PAPERS_LAYERS = ["conv1", "res2", "res4", "head"]  # those of its figures

FIFTHS = [f"fifth{number}" for number in range(1, 6)]  # where each fifth of the depth of any network ends


def in_order(layers: set[str]) -> list[str]:
    """Layers in the network's order, those of other names after them."""
    known = [*LAYERS[:-2], *FIFTHS, *LAYERS[-2:]]
    return [*(layer for layer in known if layer in layers), *sorted(layers - set(known))]
