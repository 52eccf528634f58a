"""Shares of test images: when two of them differ by more than the number of images can tell."""

import numpy as np

STANDARD_ERRORS = 2  # by which two errors must differ for their order to count


def angle(share: np.ndarray) -> np.ndarray:
    """Arcsine of the root of each share (Anscombe 1948).

    Its standard error over n images, 1 / (2 sqrt n), depends on n alone. Shares that rounding has put beyond
    0 or 1 count as these; NaN stays.
    """
    return np.arcsin(np.sqrt(np.clip(share, 0, 1)))


def apart(images: np.ndarray | float) -> np.ndarray:
    """The least difference of two angles, each of so many images, of STANDARD_ERRORS standard errors.

    The images of the two are taken as independent. Two errors on the same images mostly have some in common,
    so that this asks for more than it needs to.
    """
    return STANDARD_ERRORS / np.sqrt(2 * np.asarray(images, dtype=float))


def standard_error(share: np.ndarray | float, images: np.ndarray | float) -> np.ndarray:
    """Binomial standard error of a share of so many images."""
    share = np.asarray(share, dtype=float)
    return np.sqrt(share * (1 - share) / images)
