import itertools

import numpy as np
import pytest
from scipy import stats

from feature_diversity.statistics.rank_correlation import EXACT, arrangements, within_cells

RNG = np.random.default_rng(1)
ONE = np.zeros(6, dtype=int)


def test_in_one_cell_it_is_spearmans_rho_with_its_exact_p():
    x, y = RNG.normal(0, 1, 6), RNG.normal(0, 1, 6)
    found = within_cells(x[:, None], y[:, None], ONE)

    def spearman(x):
        return stats.spearmanr(x, y).statistic

    def exact(alternative):
        return stats.permutation_test(
            (x,), spearman, permutation_type="pairings", n_resamples=np.inf, alternative=alternative
        ).pvalue

    assert found.rho == pytest.approx(spearman(x))
    assert found.p == pytest.approx(exact("greater"))
    assert found.p_below == pytest.approx(exact("less"))


def test_what_differs_between_cells_makes_no_correlation():
    inside = RNG.normal(0, 1, (2, 5, 20))
    drift = 100 * np.arange(20)
    plain = within_cells(*inside, np.zeros(5, dtype=int))
    drifting = within_cells(inside[0] + drift, inside[1] - drift, np.zeros(5, dtype=int))
    assert drifting.rho == pytest.approx(plain.rho)
    assert drifting.p == plain.p


def test_whole_trainings_change_places():
    """p by brute force: the trainings of two networks, three snapshots each."""
    x, y = RNG.normal(0, 1, (2, 7, 3)).cumsum(axis=2)
    network = np.array([0, 0, 0, 1, 1, 1, 1])
    found = within_cells(x, y, network)
    rho = [
        within_cells(x, y[[*first, *second]], network).rho
        for first in itertools.permutations(range(3))
        for second in itertools.permutations(range(3, 7))
    ]
    assert found.p == pytest.approx(np.mean(np.array(rho) >= found.rho - 1e-12))
    assert found.p_below == pytest.approx(np.mean(np.array(rho) <= found.rho + 1e-12))


@pytest.mark.parametrize("snapshots", [1, 5, 20])
def test_random_walks_are_called_related_as_rarely_as_the_level_says(snapshots):
    network = np.repeat([0, 1, 2], 5)
    found = [within_cells(*RNG.normal(0, 1, (2, 15, snapshots)).cumsum(axis=2), network) for _ in range(150)]
    assert np.mean([one.p <= 0.05 for one in found]) <= 0.1
    assert np.mean([one.p_below <= 0.05 for one in found]) <= 0.1


@pytest.mark.parametrize("r", [0.0, 0.7])
def test_the_interval_covers_the_true_rho_about_as_often_as_it_says(r):
    network, truth = np.repeat([0, 1, 2], 5), 6 / np.pi * np.arcsin(r / 2)
    covered = []
    for _ in range(150):
        x, noise = RNG.normal(0, 1, (2, 15, 5))
        low, high = within_cells(x, r * x + np.sqrt(1 - r**2) * noise, network).interval()
        covered.append(low <= truth <= high)
    assert np.mean(covered) > 0.88


def test_the_interval_holds_its_own_estimate_and_perfect_agreement():
    values = RNG.normal(0, 1, (5, 4))
    perfect = within_cells(values, 2 * values + 1, np.zeros(5, dtype=int))
    low, high = perfect.interval()
    assert perfect.rho == pytest.approx(1)
    assert low < 1
    assert high == pytest.approx(1)
    assert perfect.outside(0.3) < 0.05
    assert perfect.within(0.3) > 0.9


def test_no_correlation_needs_many_trainings():
    few, many = (
        within_cells(*RNG.normal(0, 1, (2, n, 1)), np.zeros(n, dtype=int)).within(0.3) for n in (5, 400)
    )
    assert few > 0.05
    assert many < 0.01


def test_a_constant_is_correlated_with_nothing():
    found = within_cells(np.ones((5, 1)), RNG.normal(0, 1, (5, 1)), np.zeros(5, dtype=int))
    assert np.isnan(found.rho)
    one_seed = within_cells(*RNG.normal(0, 1, (2, 3, 1)), np.arange(3))
    assert np.isnan(one_seed.rho)


def test_values_that_are_missing_take_no_part():
    x, y = RNG.normal(0, 1, (2, 6, 2))
    x[5], y[5, 0] = np.nan, 3.0
    left = within_cells(x, y, ONE)
    assert left.rho == pytest.approx(within_cells(x[:5], y[:5], ONE[:5]).rho)


def test_arrangements_are_all_if_few_and_the_observed_one_is_first():
    rows = arrangements((0, 1, 0, 1, 0))
    assert rows[0].tolist() == [0, 1, 2, 3, 4]
    assert len(rows) == len(np.unique(rows, axis=0)) == 6 * 2
    assert (np.sort(rows[:, [0, 2, 4]], axis=1) == [0, 2, 4]).all()
    many = arrangements((0,) * 12)
    assert 1_000 < len(many) < EXACT
    assert many[0].tolist() == list(range(12))


def test_p_is_the_same_each_time():
    x, y = RNG.normal(0, 1, (2, 15, 3))
    network = np.repeat([0, 1, 2], 5)
    first = within_cells(x, y, network).p
    arrangements.cache_clear()
    assert within_cells(x, y, network).p == first
