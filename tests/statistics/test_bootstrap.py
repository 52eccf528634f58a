import numpy as np
import pandas as pd
import pytest
from scipy import stats
from support.claims_tables import runs

from feature_diversity.statistics import bootstrap


def test_cells_are_means_over_seeds():
    table = runs("figure1", lambda run: run["width"], width=[1.0, 2.0], epochs=[10, 20])
    cells, _ = bootstrap.cell_means(table, ["error"], ["width", "epochs"])
    expected = table.groupby(["width", "epochs"])["error"].mean().reset_index()
    pd.testing.assert_frame_equal(cells[["width", "epochs", "error"]], expected)
    assert cells["n"].tolist() == [5] * 4


@pytest.mark.parametrize("seeds", [3, 5, 10])
def test_the_interval_of_a_mean_covers_as_often_as_it_says(seeds):
    table = runs("figure1", width=list(range(1, 401)), seed=list(range(seeds)))
    _, draws = bootstrap.cell_means(table, ["error"], ["width"])
    intervals = [bootstrap.interval(draws[0][:, cell], seeds) for cell in range(400)]
    covered = np.mean([low <= 30 <= high for low, high in intervals])
    assert 0.92 <= covered <= 0.99


def test_snapshots_of_a_training_are_drawn_together():
    # one noise for both numbers of epochs: their difference is known exactly
    table = runs("figure1", noise=0, epochs=[10, 20])
    table["error"] += table["seed"] ** 2
    _, draws = bootstrap.cell_means(table, ["error"], ["epochs"])
    assert draws[0].std() > 1
    assert np.abs(draws[0][:, 1] - draws[0][:, 0]).max() == pytest.approx(0, abs=1e-5)


def test_one_run_has_no_interval():
    _, draws = bootstrap.cell_means(runs("figure1", seed=[1]), ["error"], ["width"])
    assert np.isnan(bootstrap.interval(draws[0][:, 0], 1)).all()


def test_draws_are_the_same_each_time():
    table = runs("figure1", width=[1.0, 2.0])
    first = bootstrap.cell_means(table, ["error"], ["width"])[1]
    bootstrap._weights.cache_clear()
    assert (bootstrap.cell_means(table, ["error"], ["width"])[1] == first).all()


def test_equivalence_needs_nearly_all_draws_within_the_margin():
    centred = stats.norm.ppf(np.linspace(0.001, 0.999, 999), 0, 0.1)
    assert bootstrap.equivalence(centred, 0.3)[0] < 0.05
    assert bootstrap.equivalence(centred + 0.2, 0.3)[0] > 0.05
    assert bootstrap.equivalence(3 * centred, 0.3)[0] > 0.05


def test_a_correlation_at_the_margin_is_neither_within_nor_beyond():
    inside, outside = bootstrap.equivalence(np.full(100, 0.3), 0.3)
    assert (inside, outside) == (1, 1)
    assert bootstrap.equivalence(np.full(100, -0.5), 0.3)[1] < 0.05


def test_one_contrast_agrees_with_the_t_test():
    rng = np.random.default_rng(3)
    for shift in (0.0, 0.8, 1.5):
        samples = [rng.normal(shift, 1, 15), rng.normal(0, 1, 15)]
        p, estimates, limits = bootstrap.contrasts(samples, np.array([[1.0, -1.0]]))
        test = stats.ttest_ind(*samples, alternative="greater")
        assert p == pytest.approx(test.pvalue, abs=0.05)
        assert estimates[0] == pytest.approx(samples[0].mean() - samples[1].mean())
        assert limits[0] == pytest.approx(test.confidence_interval().low, abs=0.1)


def test_the_limits_of_many_contrasts_hold_at_once():
    rng = np.random.default_rng(4)
    weights = np.array([np.eye(5)[i] - np.eye(5)[j] for i in range(5) for j in range(i)])
    wrong = sum(
        (bootstrap.contrasts(list(rng.normal(0, 1, (5, 5))), weights)[2] > 0).any() for _ in range(200)
    )
    assert wrong <= 0.07 * 200 + 4


def test_one_run_a_cell_tests_no_contrast():
    assert np.isnan(bootstrap.contrasts([np.ones(1), np.zeros(1)], np.array([[1.0, -1.0]]))[0])


def test_draws_of_a_correlation_over_runs_scatter_around_it():
    rng = np.random.default_rng(5)
    x = rng.normal(0, 1, 200)
    y = x + rng.normal(0, 1, 200)
    cells = np.repeat(np.arange(4), 50)
    draws = bootstrap.rank_correlation_draws(x, y, np.zeros(200, dtype=int), cells)
    rho = stats.spearmanr(x, y).statistic
    assert draws.mean() == pytest.approx(rho, abs=0.02)
    assert draws.std() == pytest.approx((1 - rho**2) * np.sqrt(1 + rho**2 / 2) / np.sqrt(200), rel=0.25)
