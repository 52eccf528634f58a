"""Whether directions fall together: the field's signs of collapse."""

import numpy as np

from feature_diversity.measures.spectra import Features, resultant_length


def normalised_std(features: Features) -> float:
    """Standard deviation of the values of the u_i, as a root of the mean variance over the D values.

    sqrt((1 - |m|²) / D), m the mean of the u_i. SimSiam (Chen & He 2021, section 4.1) averages the standard
    deviations themselves, which depends on the axes; where all values vary alike both are the same.

    Returns:
        0 (collapsed) to 1 / sqrt(D) (balanced, as directions spread evenly are).
    """
    return float(np.sqrt(max(0, 1 - resultant_length(features) ** 2) / features.x.shape[1]))


def koleo(features: Features) -> float:
    """Minus the mean log of the distance of each u_i to its nearest (Sablayrolles et al. 2019, eq. 5).

    Up to constants the Kozachenko-Leonenko estimate of entropy, with its sign turned. Distances that rounding
    cannot tell from 0 are 0.

    Returns:
        At least -log 2; low is spread, inf where two directions are one.
    """
    cosines = features.cosines.copy()
    np.fill_diagonal(cosines, -np.inf)
    squares = 2 - 2 * cosines.max(axis=1)
    smallest = max(features.x.shape) * np.finfo(float).eps
    return float(-np.log(np.where(squares > smallest, squares, 0)).mean() / 2)
