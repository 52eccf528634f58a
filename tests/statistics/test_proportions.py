import numpy as np
import pytest
from statsmodels.stats.proportion import proportion_effectsize

from feature_diversity.statistics.proportions import angle, apart, standard_error


def test_differences_of_angles_are_half_of_cohens_effect_size():
    shares = np.array([0.3, 0.1])
    difference = angle(shares)[0] - angle(shares)[1]
    assert 2 * difference == pytest.approx(proportion_effectsize(0.3, 0.1))


def test_two_shares_are_apart_by_two_standard_errors_of_a_difference():
    wrong = np.random.default_rng(0).binomial(400, 0.2, (2, 100_000)) / 400
    differences = angle(wrong[0]) - angle(wrong[1])
    assert apart(400) == pytest.approx(2 * differences.std(), rel=0.02)


def test_the_standard_error_is_the_binomials():
    wrong = np.random.default_rng(0).binomial(400, 0.2, 100_000) / 400
    assert standard_error(0.2, 400) == pytest.approx(wrong.std(), rel=0.02)
    assert np.isnan(standard_error(np.nan, 400))
