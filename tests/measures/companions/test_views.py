import numpy as np
import pytest
import torch

from feature_diversity.measures.companions.views import alignment, lidar


def test_alignment_is_the_mean_squared_distance_of_normalised_views():
    rng = np.random.default_rng(0)
    first, second = rng.standard_normal((2, 10, 6), dtype=np.float32)
    a, b = (torch.nn.functional.normalize(torch.from_numpy(v).double()) for v in (first, second))
    expected = (a - b).norm(dim=1).pow(2).mean().item()
    assert alignment(first, second) == pytest.approx(expected, rel=1e-12)
    assert alignment(first, 3 * first) == pytest.approx(0, abs=1e-14)
