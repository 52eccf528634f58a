"""Claims that one cell lies above or below others, such as one number of epochs or one algorithm."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from feature_diversity.claims.evidence import every, some
from feature_diversity.statistics.permutation import max_t, sign_flip, two_sample


@dataclass(frozen=True)
class Contrast:
    """Two samples, indexed by seed, of which the first is claimed to be higher."""

    high: pd.Series
    low: pd.Series

    @property
    def effect(self) -> float:
        """Difference of the means."""
        return float(self.high.mean() - self.low.mean())

    @property
    def shared(self) -> bool:
        """Whether both have the same seeds, so that they are compared in pairs."""
        return set(self.high.index) == set(self.low.index)


def all_hold(contrasts: list[Contrast], *, paired: bool = True) -> float:
    """p that every first sample has the higher mean (intersection-union)."""
    return every(_one(contrast, paired) for contrast in contrasts)


def some_reversed(contrasts: list[Contrast], *, paired: bool = True) -> float:
    """p that some second sample has the higher mean (max-T over seeds; Bonferroni where they differ)."""
    turned = [Contrast(contrast.low, contrast.high) for contrast in contrasts]
    if paired and all(contrast.shared for contrast in turned):
        return max_t(np.stack([_differences(contrast) for contrast in turned], axis=1))
    return some(_one(contrast, paired) for contrast in turned)


def _one(contrast: Contrast, paired: bool) -> float:
    if paired and contrast.shared:
        return sign_flip(_differences(contrast))
    return two_sample(contrast.high.to_numpy(), contrast.low.to_numpy())


def _differences(contrast: Contrast) -> np.ndarray:
    return (contrast.high - contrast.low.loc[contrast.high.index]).to_numpy()
