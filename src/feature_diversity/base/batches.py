"""How many images a step of training may have."""

from feature_diversity.base.errors import InputError


def check_batch_size(
    algorithm: str,
    batch_size: int,
    images: int,
    *,
    trained: bool = True,
    processes: int = 1,
    of: str = "processes",
    where: str = "recipes",
) -> None:
    """Refuse a batch that the images, the norm or the number of processes do not allow.

    Args:
        algorithm: whose recipe has the batch size.
        batch_size: images in a step, those of all processes together.
        images: number of training images.
        trained: False for a network that is left untrained, where a batch need not be filled.
        processes: number of those that share a batch.
        of: what the processes are called in the message.
        where: the batch size stands in a study, for the message.

    Raises:
        InputError: for fewer than two images, more than there are, and a number that the processes
            cannot share out evenly.
    """
    found = f"{where}: {algorithm}: batch_size is {batch_size}, expected"
    if batch_size < 2 or (trained and batch_size > images):
        raise InputError(f"{found} 2 (BatchNorm needs them) to {images}, the number of training images")
    if batch_size % processes:
        raise InputError(f"{found} a multiple of the number of {of}, {processes}")
