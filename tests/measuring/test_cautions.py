"""What a table cannot say is said, once, and nothing is said of a table that can."""

import warnings

import pytest
import torch
from torch import nn

from feature_diversity import measure


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
    assert sentence.endswith("near the largest possible, the number of vectors: take more images")
    assert " and 3 more: " in sentence  # three ranks of two readings


def test_isotropic_vectors_more_than_their_length_measure_their_length():
    (sentence,) = said(vectors(500, 5))
    assert sentence.endswith("near the largest possible, the length of a vector: all directions are in use")


def test_few_images_have_no_standard_errors_to_rely_on():
    assert said(vectors(19, 40, decay=2)) == ["19 images: standard errors need 20, two in each of 10 groups"]
    assert said(vectors(20, 40, decay=2)) == []


@pytest.mark.parametrize(("dtype", "name"), [(torch.float16, "float16"), (torch.bfloat16, "bfloat16")])
def test_half_precision_is_said(dtype, name):
    (sentence,) = said(vectors(200, 40, decay=1.5), dtype)
    assert sentence.startswith(f"layer: {name} rounds to 0.00")
