import numpy as np
import pandas as pd
import pytest
from scipy import stats
from statsmodels.formula.api import ols

from feature_diversity.statistics.contrasts import CellMeans

RNG = np.random.default_rng(1)


def one(values: np.ndarray, network: list[int], weights: list) -> tuple[float, float, float, float]:
    """Estimate, standard error, degrees of freedom and p of one contrast."""
    tested = CellMeans(values, np.array(network)).test(np.array(weights, dtype=float)[None])
    return tested.estimate[0], tested.error[0], tested.freedom[0], tested.p[0]


def test_two_networks_are_compared_by_students_two_sample_test():
    high, low = RNG.normal(1, 1, 5), RNG.normal(0, 1, 4)
    found = one(np.concatenate([high, low])[:, None], [0] * 5 + [1] * 4, [[1], [-1]])
    expected = stats.ttest_ind(high, low, alternative="greater")
    assert found[3] == pytest.approx(expected.pvalue)
    assert found[2] == pytest.approx(expected.df)


def test_two_columns_of_a_training_are_compared_in_pairs():
    values = RNG.normal(0, 1, (6, 2)) + RNG.normal(0, 5, (6, 1))
    expected = stats.ttest_rel(values[:, 0], values[:, 1], alternative="greater")
    assert one(values, [0] * 6, [[1, -1]])[3] == pytest.approx(expected.pvalue)


def test_the_interval_is_students():
    values = RNG.normal(0, 1, 7)
    tested = CellMeans(values[:, None], np.zeros(7, dtype=int)).test(np.ones((1, 1, 1)))
    expected = stats.ttest_1samp(values, 0).confidence_interval()
    assert tested.interval()[0] == pytest.approx([expected.low, expected.high])


def test_all_networks_together_tell_the_variance_as_in_the_analysis_of_variance():
    network = np.repeat([0, 1, 2, 3], [5, 4, 3, 2])
    values = RNG.normal(0, 1, 14) + network
    fit = ols("y ~ C(g) - 1", pd.DataFrame({"y": values, "g": network})).fit()
    contrast = [1, -1, 0.5, -0.5]
    expected = fit.t_test(contrast)
    estimate, error, freedom, p = one(values[:, None], network.tolist(), [[w] for w in contrast])
    assert estimate == pytest.approx(float(np.squeeze(expected.effect)))
    assert error == pytest.approx(float(np.squeeze(expected.sd)))
    assert freedom == pytest.approx(fit.df_resid)
    assert 2 * min(p, 1 - p) == pytest.approx(float(expected.pvalue))


def test_columns_without_common_trainings_are_independent_samples():
    a, b = RNG.normal(0, 1, 5), RNG.normal(0, 3, 4)
    values = np.full((9, 2), np.nan)
    values[:5, 0], values[5:, 1] = a, b
    _, error, _, _ = one(values, [0] * 9, [[1, -1]])
    assert error == pytest.approx(np.sqrt(a.var(ddof=1) / 5 + b.var(ddof=1) / 4))


def test_a_network_with_fewer_columns_takes_the_variance_from_all_that_have_these():
    values = RNG.normal(0, 1, (10, 3))
    values[5:, 1] = np.nan  # the second network lacks the middle column
    network = [0] * 5 + [1] * 5
    _, error, freedom, _ = one(values, network, [[0, 0, 0], [1, 0, -1]])
    differences = values[:, 0] - values[:, 2]
    residuals = differences - np.repeat([differences[:5].mean(), differences[5:].mean()], 5)
    assert error == pytest.approx(np.sqrt((residuals**2).sum() / 8 / 5))
    assert freedom == pytest.approx(8)
    assert one(values, network, [[1, -2, 1], [0, 0, 0]])[2] == pytest.approx(
        4
    )  # only the first network tells


def test_snapshots_of_a_training_are_not_taken_for_many_trainings():
    """Twenty equal snapshots of a training say no more than one."""
    values = RNG.normal(0, 1, (5, 1))
    once = one(values, [0] * 5, [[1]])
    many = one(np.repeat(values, 20, axis=1), [0] * 5, [[1 / 20] * 20])
    assert many == pytest.approx(once)


def test_one_training_of_a_network_tells_no_error_but_those_of_others_do():
    assert np.isnan(one(np.ones((2, 1)), [0, 1], [[1], [-1]])[1:]).all()
    assert np.isfinite(one(np.array([[1.0], [0.0], [0.5]]), [0, 1, 1], [[1], [-1]])).all()


def test_values_that_do_not_vary_tell_no_error():
    assert np.isnan(one(np.array([[1.0], [1.0], [0.0], [0.0]]), [0, 0, 1, 1], [[1], [-1]])[1])


def test_false_positives_are_as_many_as_the_level_says():
    weights = np.zeros((1, 3, 4))
    weights[0, 0] = [1, 0, 0, -1]
    network = np.repeat([0, 1, 2], 5)
    p = [CellMeans(RNG.normal(0, 1, (15, 4)).cumsum(axis=1), network).test(weights).p[0] for _ in range(2000)]
    assert np.mean(np.array(p) <= 0.05) == pytest.approx(0.05, abs=0.02)


@pytest.mark.parametrize("contrast", [[[1, -1], [0, 0], [0, 0]], [[1, 0], [-1, 0], [0, 0]]])
def test_a_network_that_scatters_more_than_the_others_brings_its_own_noise(contrast):
    """As often a false positive as the level says, where the pooled variance makes 8 to 15 %."""
    rng, network = np.random.default_rng(0), np.repeat([0, 1, 2], 5)
    scale = np.where(np.any(np.array(contrast), axis=1), 2.0, 0.5)[network, None]
    tables = [CellMeans(scale * rng.standard_normal((15, 2)), network) for _ in range(1500)]
    weights = np.array(contrast, dtype=float)[None]
    assert np.mean([cells.test(weights).p[0] <= 0.05 for cells in tables]) < 0.07
    assert np.mean([cells.test(weights, pooled=True).p[0] <= 0.05 for cells in tables]) > 0.07


def test_own_noise_is_welchs():
    high, low, others = RNG.normal(0, 10, 5), RNG.normal(0, 10, 4), RNG.normal(0, 0.1, 8)
    values = np.concatenate([high, low, others])[:, None]
    found = one(values, [0] * 5 + [1] * 4 + [2] * 8, [[1], [-1], [0]])
    expected = stats.ttest_ind(high, low, equal_var=False, alternative="greater")
    assert found[2:] == pytest.approx((expected.df, expected.pvalue))
