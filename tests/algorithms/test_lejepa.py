import math

import numpy as np
import pytest
import torch
from scipy.integrate import quad
from support.checks import tiny, tiny_batch

from feature_diversity.algorithms.lejepa import sigreg
from feature_diversity.base.errors import InputError

ONE = torch.ones(1, 1, dtype=torch.float64)


def test_in_one_dimension_it_is_epps_and_pulleys_integral():
    x = np.random.RandomState(0).standard_normal(20)

    def integrand(t: float) -> float:
        return abs(np.exp(1j * t * x).mean() - math.exp(-t * t / 2)) ** 2 * math.exp(-t * t / 2)

    expected = 20 * 2 * quad(integrand, 0, 3)[0]
    assert float(sigreg(torch.from_numpy(x)[None, :, None], ONE)) == pytest.approx(expected, rel=1e-2)


def test_a_gaussian_is_nearer_than_what_is_narrow_wide_or_one_point():
    x = torch.randn(1, 2000, 1, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    distances = [float(sigreg(z, ONE)) for z in (x, 0.5 * x, 2 * x, 0 * x)]
    assert distances[0] < min(distances[1:]) / 20


def test_directions_are_drawn_anew_for_every_step():
    algorithm = tiny("lejepa")
    features = [torch.randn(32, 64)]
    losses = [
        float(algorithm.loss(features, torch.arange(16), torch.Generator().manual_seed(seed)).detach())
        for seed in (0, 0, 1)
    ]
    assert losses[0] == losses[1] != losses[2]


def test_small_crops_have_a_part_in_it():
    changes = {"crop_sizes": [32, 16], "crops": [2, 3], "crop_scales": [[0.5, 1.0], [0.1, 0.5]]}
    algorithm = tiny("lejepa", **changes)
    inputs, targets = algorithm.views(tiny_batch(), torch.Generator().manual_seed(0))
    features = [torch.randn(len(x), 64).requires_grad_() for x in inputs]
    algorithm.loss(features, targets, torch.Generator()).backward()
    assert all(x.grad.any() for x in features)


def test_lists_of_crops_that_do_not_fit_are_refused():
    with pytest.raises(
        InputError, match=r"lejepa: crop_sizes, crops and crop_scales have \[1, 2, 1\] entries"
    ):
        tiny("lejepa", crops=[2, 3])
