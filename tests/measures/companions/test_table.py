import math

import numpy as np
import pytest

from feature_diversity.measures.companions.table import COMPANIONS, FEATURES, HEAD, TWO_VIEWS
from feature_diversity.measures.spectra import Features
from feature_diversity.prediction.measures import BASELINES, OF_THE_HEADLINE

ON_RAW_SCALE = ("sigreg", "lidar")  # by their definitions
ORDER_OF_IMAGES, AXES, SCALE = "order of images", "axes", "scale"
each = pytest.mark.parametrize("name", COMPANIONS)


def inputs(companion, x, noise=0.3):
    """What the measure takes, made from a matrix."""
    other = x + noise * np.roll(x, 1, axis=1)
    if companion.of == TWO_VIEWS:
        return x, other
    return (Features(x), Features(other[:, :3])) if companion.of == HEAD else (Features(x),)


def moved(x, how):
    rng = np.random.default_rng(1)
    if how == AXES:
        return x @ np.linalg.qr(rng.standard_normal((x.shape[1],) * 2))[0]
    return x[rng.permutation(len(x))] if how == ORDER_OF_IMAGES else 37.5 * x


@each
@pytest.mark.parametrize("how", [ORDER_OF_IMAGES, AXES, SCALE])
@pytest.mark.parametrize("shape", [(90, 12), (60, 200)])
def test_measures_do_not_depend_on_order_axes_and_scale(name, how, shape):
    companion = COMPANIONS[name]
    x = np.random.default_rng(0).standard_normal(shape) * np.arange(1, shape[1] + 1) ** -0.3 + 0.2
    first = inputs(companion, x)
    if companion.of == FEATURES:
        second = (Features(moved(x, how)),)
    elif companion.of == TWO_VIEWS:
        second = tuple(moved(view, how) for view in first)
    else:
        second = tuple(Features(moved(features.x, how)) for features in first)
    if how == SCALE and name in ON_RAW_SCALE:
        assert companion(*second) != pytest.approx(companion(*first), rel=1e-3)
    else:
        assert companion(*second) == pytest.approx(companion(*first), rel=1e-7)


@each
def test_fewer_images_than_a_measure_needs_are_nan_and_as_many_are_not(name):
    companion = COMPANIONS[name]
    x = np.random.default_rng(0).standard_normal((companion.images, 40))
    assert math.isfinite(companion(*inputs(companion, x)))
    assert math.isnan(companion(*inputs(companion, x[:-1])))


@each
def test_what_is_missing_is_nan(name):
    companion = COMPANIONS[name]
    given = inputs(companion, np.random.default_rng(0).standard_normal((20, 8)))
    for place in range(len(given)):
        assert math.isnan(companion(*(None if i == place else part for i, part in enumerate(given))))


@each
def test_equal_images_have_a_value_at_an_end_or_none(name):
    """Those that ask how spread or how many find one place, all others have nothing to ask."""
    ends = {"mean_cosine": 1, "resultant_length": 1, "uniformity": 0, "rankme": 1, "effective_rank": 1}
    ends |= {"stable_rank": 1, "vendi_q1": 1, "vendi_q2": 1, "vendi_qinf": 1, "normalised_std": 0}
    ends |= {"koleo": math.inf, "alignment": 0, "sigreg": None, "wasserstein_uniformity": None}
    companion = COMPANIONS[name]
    with np.errstate(divide="ignore", invalid="ignore"):
        found = companion(*inputs(companion, np.full((20, 5), 0.5), noise=0))
    expected = ends.get(name, math.nan)
    if expected is None:
        assert found > 0.5  # far from what they compare with
    else:
        assert found == pytest.approx(expected, abs=1e-4, nan_ok=True)


def test_every_entry_says_a_direction_and_a_name_of_its_own():
    assert {companion.better for companion in COMPANIONS.values()} == {-1, 1}
    assert len({companion.label for companion in COMPANIONS.values()}) == len(COMPANIONS)
    assert not set(COMPANIONS) & (set(BASELINES) | set(OF_THE_HEADLINE))


def test_the_final_loss_is_asked_as_measures_are():
    assert BASELINES["final_loss"] == -1
