"""How many images pass through a network at a time when their features are taken."""

# Of 64 x 128 pixels or fewer, 250; 41 of 224 x 224, whose features then take 400 MB. Features do not depend
# on it, but the draws of their views do.
EXTRACTED = 250
EXTRACTED_PIXELS = 2**21


def extraction_batch(pixels: int) -> int:
    """Images of so many pixels that pass through the network at a time when features are taken."""
    return max(1, min(EXTRACTED, EXTRACTED_PIXELS // pixels))
