"""Slopes and Hansen's J against the package linearmodels 7.1."""

import numpy as np
import pytest

from feature_diversity.interventions.instruments import overidentified, two_stage

# IV2SLS without a constant, each lever's seeds demeaned, instruments the doses of each lever, clusters seeds,
# debiased=False; its standard error times sqrt(6 / 5), which it leaves out. IVGMM, weight_type="clustered".
GOLDEN = {
    1: (0.031608514797102, 0.004459000103997829, None),
    2: (0.030901587538248627, 0.002148778661300572, 0.09664241202689403),
    3: (0.018623935452046634, 0.0025180782626026, 5.868832287343581),
}


def data(levers: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Excess, error and weights of some levers, 6 seeds and 4 doses, made of sines."""
    lever, seed, dose = np.ogrid[:levers, :6, :4]
    wave = np.sin(1.0 + 7 * lever + 3 * seed + 5 * dose)
    x = 2 - 0.5 * dose + 0.1 * lever * dose + 0.1 * wave
    y = 0.2 + 0.01 * seed + 0.03 * x + 0.01 * lever * dose * (lever > 1) + 0.02 * np.cos(4 * wave + seed)
    return x, y, np.tile([-1.5, -0.5, 0.5, 1.5], (levers, 1))


@pytest.mark.parametrize("levers", GOLDEN)
def test_slopes_and_j_are_those_of_linearmodels(levers):
    estimate, error, j = GOLDEN[levers]
    slope = two_stage(*data(levers))
    assert slope.estimate == pytest.approx(estimate, rel=1e-10)
    assert slope.error == pytest.approx(error, rel=1e-10)
    assert slope.freedom == 5
    if j is not None:
        assert overidentified(*data(levers))[0] == pytest.approx(j, rel=1e-9)


def test_levels_of_seeds_and_doses_that_a_lever_lacks_do_not_matter():
    x, y, weights = data(2)
    moved = two_stage(x + 3, y + np.arange(6)[:, None], weights)
    assert moved.estimate == pytest.approx(two_stage(x, y, weights).estimate, rel=1e-9)
    wider = [np.concatenate([part, np.full((2, 6, 1), np.nan)], axis=2) for part in (x, y)]
    padded = two_stage(*wider, np.column_stack([weights, [0, 0]]))
    assert padded == two_stage(x, y, weights)


def test_a_slope_that_is_the_same_everywhere_is_found_and_fits():
    x, _, weights = data(2)
    rng = np.random.default_rng(0)
    y = 0.3 - 0.05 * x + 1e-4 * rng.standard_normal(x.shape)
    slope = two_stage(x, y, weights)
    low, high = slope.interval()
    assert low < -0.05 < high
    assert high - low < 1e-3
    assert slope.p < 1e-6


def test_j_of_seeds_as_clusters_is_rejected_as_often_as_it_says():
    rng = np.random.default_rng(1)
    x, _, weights = data(3)
    p = [overidentified(x, 0.1 * rng.standard_normal(x.shape), weights)[1] for _ in range(1000)]
    share = np.mean(np.array(p) <= 0.05)
    assert share < 0.05 + 3 * np.sqrt(0.05 * 0.95 / 1000)


def test_too_few_seeds_for_the_levers_give_no_p():
    x, y, weights = data(3)
    assert np.isnan(overidentified(x[:, :2], y[:, :2], weights)[1])
