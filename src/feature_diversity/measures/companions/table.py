"""The companion measures, each with what table, figures, report and prediction need to know of it.

A measure is a function in a file of this folder or in `spectra`, and an entry here. Directions are as the
measures' authors state them, fixed before any result is seen.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from feature_diversity.measures import spectra
from feature_diversity.measures.companions.clusters import cluster_learnability
from feature_diversity.measures.companions.collapse import koleo, normalised_std
from feature_diversity.measures.companions.gaussianity import sigreg
from feature_diversity.measures.companions.intrinsic_dimension import mst_dimension, two_nn
from feature_diversity.measures.companions.views import alignment, lidar
from feature_diversity.measures.spectra import Features

FEATURES, TWO_VIEWS, HEAD = "features", "views", "features and the head's"  # what a measure is of


@dataclass(frozen=True)
class Companion:
    """A companion measure.

    measure: the function; its docstring has formula, range and source. better: +1 where more of it is
    expected to go with less error, -1 where less of it is. label: its name in figures. images: with fewer it
    is nan. of: what the function takes: `Features` of one layer, two views of each image (arrays, N x D), or
    the `Features` of a layer and of the head.
    """

    measure: Callable[..., float]
    better: int
    label: str
    images: int = 2
    of: str = FEATURES

    def __call__(self, *given: Any) -> float:
        """The measure of what it is of; nan where some of that is missing or of too few images."""
        if any(part is None for part in given):
            return np.nan
        images = len(given[0].x if isinstance(given[0], Features) else given[0])
        return self.measure(*given) if images >= self.images else np.nan


def _vendi(q: float) -> Callable[[Features], float]:
    return lambda features: spectra.vendi_score(features, q)


COMPANIONS = {
    "mean_cosine": Companion(spectra.mean_cosine, -1, "mean cosine"),  # less similar is more diverse
    "resultant_length": Companion(spectra.resultant_length, -1, "resultant length"),  # 0 is balanced
    "uniformity": Companion(spectra.uniformity, -1, "uniformity"),  # a loss
    "rankme": Companion(spectra.rankme, +1, "RankMe"),
    "effective_rank": Companion(spectra.effective_rank, +1, "effective rank"),
    "alpha_req": Companion(spectra.alpha_req, -1, "α-ReQ", images=3),  # slower decay is richer
    "nesum": Companion(spectra.nesum, +1, "NESum"),
    "stable_rank": Companion(spectra.stable_rank, +1, "stable rank"),
    "participation_ratio": Companion(spectra.participation_ratio, +1, "participation ratio"),
    "vendi_q1": Companion(_vendi(1), +1, "Vendi score (q = 1)"),
    "vendi_q2": Companion(_vendi(2), +1, "Vendi score (q = 2)"),
    "vendi_qinf": Companion(_vendi(np.inf), +1, "Vendi score (q = ∞)"),
    "wasserstein_uniformity": Companion(spectra.wasserstein_uniformity, -1, "Wasserstein uniformity"),
    "two_nn": Companion(two_nn, +1, "TwoNN dimension", images=3),  # expressive, say Lu et al. 2023
    "mst_dimension": Companion(mst_dimension, -1, "MST dimension", images=4),  # Mordacq et al. 2026
    "cluster_learnability": Companion(cluster_learnability, +1, "cluster learnability", images=4),
    "normalised_std": Companion(normalised_std, +1, "normalised std"),  # 0 is collapse
    "koleo": Companion(koleo, -1, "KoLeo"),  # a loss
    "sigreg": Companion(sigreg, -1, "SIGReg"),  # a loss
    "alignment": Companion(alignment, -1, "alignment", of=TWO_VIEWS),  # a loss
    "lidar": Companion(lidar, +1, "LiDAR", of=TWO_VIEWS),
    "linear_cka_with_head": Companion(spectra.linear_cka, -1, "CKA with the head", of=HEAD),
}
