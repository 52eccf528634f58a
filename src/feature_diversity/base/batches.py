"""How many images a step of training may have, and how many pass through the network at a time."""

from feature_diversity.base.errors import InputError

# Of 64 x 128 pixels or fewer, 250; 41 of 224 x 224, whose features then take 400 MB. Features do not depend
# on it, but the draws of their views do.
EXTRACTED = 250
EXTRACTED_PIXELS = 2**21


def check_batch_size(
    algorithm: str,
    batch_size: int,
    images: int,
    *,
    trained: bool = True,
    processes: int = 1,
    of: str = "processes",
) -> None:
    """Refuse a batch that the images, the norm or the number of processes do not allow.

    Args:
        algorithm: whose recipe has the batch size.
        batch_size: images in a step, those of all processes together.
        images: number of training images.
        trained: False for a network that is left untrained, where a batch need not be filled.
        processes: number of those that share a batch.
        of: what the processes are called in the message.

    Raises:
        InputError: for fewer than two images, more than there are, and a number that the processes
            cannot share out evenly.
    """
    found = f"recipes: {algorithm}: batch_size is {batch_size}, expected"
    if batch_size < 2 or (trained and batch_size > images):
        raise InputError(f"{found} 2 (BatchNorm needs them) to {images}, the number of training images")
    if batch_size % processes:
        raise InputError(f"{found} a multiple of the number of {of}, {processes}")


def extraction_batch(pixels: int) -> int:
    """Images of so many pixels that pass through the network at a time when features are taken."""
    return max(1, min(EXTRACTED, EXTRACTED_PIXELS // pixels))
