import itertools

import numpy as np
import pytest
from scipy import stats
from statsmodels.stats.multitest import multipletests

from feature_diversity.statistics import permutation

RNG = np.random.default_rng(1)
EXACTLY = {"n_resamples": np.inf, "alternative": "greater"}


def by_scipy(samples: tuple, kind: str, statistic=np.mean) -> float:
    return stats.permutation_test(samples, statistic, permutation_type=kind, **EXACTLY).pvalue


@pytest.mark.parametrize("n", [2, 4, 7])
def test_sign_flips_are_those_of_scipy(n):
    values = RNG.normal(0.5, 1, n)
    assert permutation.sign_flip(values) == pytest.approx(by_scipy((values,), "samples", lambda x: x.mean()))


def test_five_equal_signs_reach_one_in_32_and_no_less():
    assert permutation.sign_flip([1, 2, 3, 4, 5]) == 1 / 32
    assert permutation.sign_flip([-1, -2, -3, -4, -5]) == 1


def test_runs_of_a_cluster_change_sign_together():
    assert permutation.sign_flip([1] * 20, [0] * 10 + [1] * 10) == 1 / 4


def test_differences_of_zero_decide_nothing():
    assert permutation.sign_flip([0.0] * 8) == 1


def test_many_random_sign_flips_agree_with_the_t_test():
    values = RNG.normal(0.2, 1, 60)
    expected = stats.ttest_1samp(values, 0, alternative="greater").pvalue
    assert permutation.sign_flip(values) == pytest.approx(expected, abs=0.02)


def test_the_largest_of_several_columns_is_tested_jointly():
    columns = RNG.normal(0, 1, (7, 3))
    columns[:, 1] += 1
    signs = np.array(list(itertools.product([1, -1], repeat=7)))
    statistic = (signs @ columns / np.sqrt((columns**2).sum(axis=0))).max(axis=1)
    assert permutation.max_t(columns) == pytest.approx(np.mean(statistic >= statistic[0] - 1e-9))


def test_equal_columns_cost_nothing():
    values = RNG.normal(1, 1, 6)
    assert permutation.max_t(np.tile(values[:, None], 5)) == permutation.sign_flip(values)


def test_two_samples_are_compared_as_by_scipy():
    high, low = RNG.normal(1, 1, 5), RNG.normal(0, 1, 4)
    expected = by_scipy((high, low), "independent", lambda a, b: a.mean() - b.mean())
    assert permutation.two_sample(high, low) == pytest.approx(expected)


def all_trends(values, groups, strata) -> tuple[float, float]:
    """Jonckheere-Terpstra by brute force over all orders of the groups within strata."""

    def statistic(labels):
        return sum(
            np.sign(values[j] - values[i])
            for i, j in itertools.product(range(len(values)), repeat=2)
            if strata[i] == strata[j] and labels[i] < labels[j]
        )

    orders = [
        labels
        for labels in itertools.permutations(groups)
        if all(
            sorted(g for g, s in zip(labels, strata, strict=True) if s == stratum)
            == sorted(g for g, s in zip(groups, strata, strict=True) if s == stratum)
            for stratum in set(strata)
        )
    ]
    # orders that exchange units of different strata are none of ours: keep those with each stratum's labels
    found = np.array([statistic(labels) for labels in orders])
    return np.mean(found >= statistic(groups)), np.mean(found <= statistic(groups))


@pytest.mark.parametrize("strata", [[0] * 7, [0, 0, 0, 0, 1, 1, 1]])
def test_jonckheere_and_terpstra_by_brute_force(strata):
    values, groups = np.round(RNG.normal(0, 1, 7), 1), [1, 1, 2, 4, 1, 2, 2]
    assert permutation.jonckheere_terpstra(values, groups, strata) == pytest.approx(
        all_trends(values, groups, strata)
    )


def test_a_perfect_trend_has_the_least_possible_p():
    rising, falling = permutation.jonckheere_terpstra(range(6), [1, 1, 2, 2, 4, 4])
    assert (rising, falling) == (pytest.approx(1 / 90), 1)


def test_two_groups_make_the_test_of_mann_and_whitney():
    high, low = RNG.normal(1, 1, 5), RNG.normal(0, 1, 5)
    expected = stats.mannwhitneyu(high, low, alternative="greater", method="exact").pvalue
    found = permutation.jonckheere_terpstra([*low, *high], [0] * 5 + [1] * 5)
    assert found[0] == pytest.approx(expected)


def test_a_unit_keeps_its_values_in_all_blocks():
    # three trainings with two snapshots each: six values, but only 3! orders
    rising = permutation.jonckheere_terpstra(np.array([[1, 5], [2, 6], [3, 7]]), [1, 2, 4])[0]
    assert rising == pytest.approx(1 / 6)


def test_many_units_agree_with_permutations(monkeypatch):
    values, groups, strata = RNG.normal(0, 1, (90, 2)), np.repeat([1, 2, 4], 30), np.tile([0, 1], 45)
    values += 0.15 * groups[:, None]
    values[::7, 1] = np.nan
    limit = permutation.jonckheere_terpstra(values, groups, strata)
    monkeypatch.setattr(permutation, "LARGE", 1000)
    assert permutation.jonckheere_terpstra(values, groups, strata) == pytest.approx(limit, abs=0.012)


def test_rank_correlation_is_spearmans_with_its_exact_p():
    x, y = RNG.normal(0, 1, 6), RNG.normal(0, 1, 6)
    rho, positive, negative = permutation.rank_correlation(x, y)

    def spearman(x):
        return stats.spearmanr(x, y).statistic

    assert rho == pytest.approx(spearman(x))
    assert positive == pytest.approx(by_scipy((x,), "pairings", spearman))
    less = stats.permutation_test(
        (x,), spearman, permutation_type="pairings", n_resamples=np.inf, alternative="less"
    )
    assert negative == pytest.approx(less.pvalue)


def test_what_differs_between_strata_makes_no_correlation():
    strata = np.repeat([0, 1, 2], 4)
    inside = np.tile([0, 1, 2, 3], 3), np.tile([1, 3, 0, 2], 3)  # rho = 0 within each
    rho, positive, _ = permutation.rank_correlation(inside[0] + 10 * strata, inside[1] + 10 * strata, strata)
    assert rho == pytest.approx(0)
    assert positive > 0.3
    assert permutation.rank_correlation(inside[0] + 10 * strata, inside[1] + 10 * strata)[1] < 0.001


def test_a_constant_is_correlated_with_nothing():
    rho, positive, negative = permutation.rank_correlation(np.ones(5), np.arange(5))
    assert np.isnan(rho)
    assert (positive, negative) == (1, 1)


def test_holm_is_that_of_statsmodels():
    p = RNG.uniform(0, 0.2, 9)
    assert permutation.holm(p) == pytest.approx(multipletests(p, method="holm")[1])


def test_holm_does_not_count_what_was_not_tested():
    assert permutation.holm([0.01, np.nan, 0.03]) == pytest.approx([0.02, np.nan, 0.03], nan_ok=True)
    assert np.isnan(permutation.holm([np.nan])).all()


def test_arrangements_hold_the_observed_one_first_and_each_once():
    rows = permutation.arrangements((2, 0, 1, 1, 0), (0, 0, 0, 1, 1))
    assert rows[0].tolist() == [2, 0, 1, 1, 0]
    assert len(rows) == len(np.unique(rows, axis=0)) == 6 * 2


def test_tests_are_the_same_each_time():
    values = RNG.normal(0, 1, 40)
    permutation._signs.cache_clear()
    first = permutation.sign_flip(values)
    permutation._signs.cache_clear()
    assert permutation.sign_flip(values) == first
