"""The numbers of vendi-score 0.0.3, scikit-dimension 0.5.0 and torch's own SVD for the same vectors.

The first two were computed once by those packages, from the vectors below; docs/agreement.md has the calls.
"""

import numpy as np
import pytest
import torch

from feature_diversity.measures import spectra
from feature_diversity.measures.spectra import Features


def vectors() -> dict[str, np.ndarray]:
    draws = np.random.default_rng(0)
    return {
        "60 x 8": draws.standard_normal((60, 8)) * (1 / np.arange(1, 9)) + 0.3,
        "20 x 50": draws.standard_normal((20, 50)) + 0.5,
    }


VENDI = {  # score_dual(x, q, normalize=True)
    "60 x 8": {1: 4.336273782757528, 2: 3.2028220931364655, np.inf: 2.0848154228830618},
    "20 x 50": {1: 13.46557944772617, 2: 9.466624240737717, np.inf: 4.00595264525481},
}
PARTICIPATION = {"60 x 8": 2.626404930201254, "20 x 50": 13.150010140669876}


@pytest.mark.parametrize("name", VENDI)
@pytest.mark.parametrize("q", [1, 2, np.inf])
def test_vendi_scores_are_those_of_vendi_score(name, q):
    assert spectra.vendi_score(Features(vectors()[name]), q) == pytest.approx(VENDI[name][q], rel=1e-12)


@pytest.mark.parametrize("name", PARTICIPATION)
def test_participation_ratios_are_those_of_scikit_dimension(name):
    found = spectra.participation_ratio(Features(vectors()[name]))
    assert found == pytest.approx(PARTICIPATION[name], rel=1e-12)


@pytest.mark.parametrize("name", VENDI)
def test_rankme_is_the_entropy_of_torchs_singular_values(name):
    x = vectors()[name]
    values = torch.linalg.svdvals(torch.from_numpy(x))
    p = values / values.sum() + 1e-7
    entropy = torch.distributions.Categorical(probs=p).entropy()  # of p normalised again
    assert spectra.rankme(Features(x)) == pytest.approx(entropy.exp().item(), rel=1e-5)
