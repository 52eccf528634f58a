"""How many images: of each split, asked before a data set is loaded, and of a batch of the extraction."""

from feature_diversity.base.errors import InputError

# Of 64 x 128 pixels or fewer, 250; 41 of 224 x 224, whose features then take 400 MB. Features do not depend
# on it, but the draws of their views do.
EXTRACTED = 250
EXTRACTED_PIXELS = 2**21


def split_sizes(
    published_train: int,
    published_test: int,
    *,
    test: int,
    validation: int,
    held_out: int,
    held_out_2: int,
    train: int,
) -> dict[str, int]:
    """Count the images of the splits of a data set published with so many training and test images.

    Args:
        published_train: training images.
        published_test: test images, perhaps 0.
        test: drawn from the training images, for a data set without test images.
        validation: drawn from the training images.
        held_out: drawn from the test images.
        held_out_2: drawn from the test images, none of them in held_out.
        train: of the training images that then remain, 0 for all.

    Returns:
        Numbers of images of "train", "validation", "test", "held_out" and "held_out_2".

    Raises:
        InputError: a number that is impossible; the message names its key.
    """

    def at_most(key: str, wanted: int, available: int, what: str) -> None:
        if wanted > available:
            raise InputError(f"dataset.{key} is {wanted}, expected at most {available}, {what}")

    if published_test and test:
        raise InputError(
            f"dataset.test is {test}, expected 0: this data set comes with {published_test} test images"
        )
    if not (published_test or test):
        raise InputError("dataset.test is 0, expected a number: this data set comes without test images")
    at_most("test", test, published_train, "the images there are")
    rest = published_train - test
    if published_train and not validation:
        raise InputError("dataset.validation is 0, expected at least 1: it chooses hyper-parameters")
    at_most("validation", validation, rest, "the images that are not for testing")
    at_most("train", train, rest - validation, "what remains beside test and validation images")
    if published_train and rest == validation:
        raise InputError(f"dataset.validation is {validation}, which leaves no images to train on")
    test = test or published_test
    at_most("held_out", held_out, test, "the test images")
    at_most("held_out_2", held_out_2, test - held_out, "the test images beside the first held_out")
    return {
        "train": train or rest - validation,
        "validation": validation,
        "test": test,
        "held_out": held_out,
        "held_out_2": held_out_2,
    }


def extraction_batch(pixels: int) -> int:
    """Images of so many pixels that pass through the network at a time when features are taken."""
    return max(1, min(EXTRACTED, EXTRACTED_PIXELS // pixels))
