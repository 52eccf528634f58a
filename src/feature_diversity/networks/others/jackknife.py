"""Standard errors of any measure: the jackknife that leaves out a group of images at a time."""

from collections.abc import Callable

import numpy as np

from feature_diversity.measures.spectra import Features

GROUPS = 10  # the error is then itself known to 24 %, 1 / sqrt(2 (GROUPS - 1))


def standard_errors(
    features: Features, images: np.ndarray, measures: Callable[[Features], dict[str, float]]
) -> dict[str, float]:
    """Compute the delete-a-group jackknife's standard errors: sqrt((G - 1) / G sum (theta_g - mean theta)²).

    Image i belongs to group i mod G, G = min(10, number of images), so that vectors of one image leave
    together (Shao & Tu 1995, The Jackknife and Bootstrap, section 2.3).

    Args:
        features: N vectors.
        images: int64, N, the number of the image that each is of.
        measures: values by name of such features, or of fewer.

    Returns:
        Standard errors by name; nan for fewer than three images, and where a value is not finite.
    """
    numbers = np.unique(images, return_inverse=True)[1]
    groups = min(GROUPS, int(numbers.max()) + 1)
    if groups < 3:
        return dict.fromkeys(measures(features), np.nan)
    left_out = [
        measures(features.subset(np.flatnonzero(numbers % groups != group))) for group in range(groups)
    ]
    errors = {}
    for name in left_out[0]:
        values = np.array([part[name] for part in left_out])
        finite = np.isfinite(values).all()
        errors[name] = float(np.sqrt((groups - 1) * np.var(values))) if finite else np.nan
    return errors
