"""What a table cannot say is said, once, and nothing is said of a table that can."""

import warnings

import pytest
import torch
from torch import nn

from feature_diversity import measure
from feature_diversity.measures.companions.table import COMPANIONS
from feature_diversity.measures.spectra import Features
from feature_diversity.networks.others.cautions import HALF_FOUND


def vectors(n, dim, decay=0.0):
    x = torch.randn(n, dim, generator=torch.Generator().manual_seed(0))
    return x * torch.arange(1.0, dim + 1) ** -decay


class Whole(nn.Module):
    """A layer that returns what it gets; the rest fits any length."""

    def __init__(self, dtype=torch.float32):
        super().__init__()
        self.layer = nn.Identity()
        self.weight = nn.Parameter(torch.ones(1, dtype=dtype))

    def forward(self, x):
        return self.layer(x) * self.weight


def said(x, dtype=torch.float32):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        measure(Whole(dtype), x, "layer", readings=["flatten", "gap"])
    assert {each.filename for each in caught} <= {__file__}  # the caller's line is shown
    return [str(each.message) for each in caught]


def test_vectors_with_a_spectrum_that_decays_need_no_caution():
    assert said(vectors(200, 40, decay=1.5)) == []


def test_isotropic_vectors_fewer_than_their_length_measure_their_number():
    (sentence,) = said(vectors(30, 3000))
    assert sentence.startswith("layer, flatten: rankme is 29.")
    assert sentence.endswith("twice as many directions that so few vectors do not show: take more images")
    assert " and 7 more: " in sentence  # five ranks of two readings


@pytest.mark.parametrize("rank", HALF_FOUND)
@pytest.mark.parametrize("more", [False, True])
def test_a_rank_is_doubted_where_it_finds_less_than_half_of_the_planted_directions(rank, more):
    bound = HALF_FOUND[rank] * 400
    directions = round(2 * bound * (1.05 if more else 0.95))
    found = COMPANIONS[rank](Features(vectors(400, directions).double().numpy()))
    assert (found > bound) == (found < directions / 2) == more


@pytest.mark.parametrize("directions", [20, 100, 800])
def test_the_participation_ratio_of_draws_is_that_of_the_formula(directions):
    draws = torch.randn(20, 100, directions, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    found = [COMPANIONS["participation_ratio"](Features(x.numpy())) for x in draws]
    assert sum(found) / 20 == pytest.approx(100 * directions / (100 + directions), rel=0.02)


def test_isotropic_vectors_more_than_their_length_measure_their_length():
    (sentence,) = said(vectors(500, 5))
    assert sentence.endswith("near the length of a vector: all directions are in use")


def test_few_images_have_no_standard_errors_to_rely_on():
    assert said(vectors(19, 40, decay=2)) == ["19 images: standard errors need 20, two in each of 10 groups"]
    assert said(vectors(20, 40, decay=2)) == []


@pytest.mark.parametrize(("dtype", "name"), [(torch.float16, "float16"), (torch.bfloat16, "bfloat16")])
def test_half_precision_is_said(dtype, name):
    (sentence,) = said(vectors(200, 40, decay=1.5), dtype)
    assert sentence.startswith(f"layer: {name} rounds to 0.00")
