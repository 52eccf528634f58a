import numpy as np

from feature_diversity.statistics.multiplicity import ALPHA, by_chance


def test_the_expected_number_of_false_verdicts_is_that_of_tests_without_an_effect():
    """Whatever the tests have in common: here half of every statistic is shared."""
    rng = np.random.default_rng(0)
    z = (rng.standard_normal((4000, 1)) + rng.standard_normal((4000, 30))) / np.sqrt(2)
    found = (z > 1.6449).sum(axis=1).mean()  # one-sided 5 % of a normal variable
    assert abs(found - 30 * ALPHA) < 0.15
    assert "chance alone supports up to 1.5 and" in by_chance(30)
