"""Tests over doses against tables and mathematics."""

import numpy as np
import pytest

from feature_diversity.interventions.gates import delivered, not_inert
from feature_diversity.interventions.trend import contrast, mean_of, page, sign_flips


def test_page_finds_the_published_critical_value():
    # L = 28 of 2 blocks and 3 doses, the most there is: exact one-sided p = 1 / 36 (Page 1963, table 2)
    rising = np.array([[1.0, 2, 3], [4, 5, 6]])
    assert page(rising) == pytest.approx(2 / 36)
    assert page(-rising) == pytest.approx(2 / 36)


def test_page_takes_seeds_as_blocks():
    rising = np.arange(5.0) + 100 * np.arange(6)[:, None]
    assert page(rising) < 1e-6
    assert np.isnan(page(rising[:1]))
    assert np.isnan(page(rising[:, :2]))


def test_contrasts_are_the_coefficients_of_polynomials():
    doses = np.array([-1, -0.5, 0, 0.25, 1])
    assert contrast(doses, 1) @ (3 + 2 * doses) == pytest.approx(2)
    values = 3 + 2 * doses - 4 * doses**2
    assert contrast(doses, 2) @ values == pytest.approx(-4)
    assert contrast(doses, 1) @ values == pytest.approx(np.polyfit(doses, values, 1)[0])


def test_flips_of_signs_count_all_of_them():
    assert sign_flips(np.array([1.0, 2, 3])) == 2 / 8
    assert sign_flips(np.array([1.0, 2, -3])) == 1
    assert sign_flips(np.arange(1.0, 21)) <= 3 / 10_000


def test_means_have_students_intervals():
    # t = 4.302653 with two degrees of freedom
    mean, low, high, p = mean_of(np.array([1.0, 2, 3]))
    assert (mean, low, high) == pytest.approx((2, 2 - 4.302653 / 3**0.5, 2 + 4.302653 / 3**0.5), rel=1e-6)
    assert p == pytest.approx(0.0741799, rel=1e-5)
    assert np.isnan(mean_of(np.array([1.0]))[1])


def test_a_dose_is_delivered_where_it_orders_the_excess_in_every_seed():
    assert delivered(np.array([[3.0, 2, 1], [5, 4, 1]]))
    assert not delivered(np.array([[3.0, 2, 1], [5, 1, 4]]))
    assert not delivered(np.array([[3.0, 2, 2]]))
    assert not delivered(np.array([[3.0, 2, np.nan]]))


def test_a_placebo_that_does_what_it_should_not_is_named():
    untreated, treated = np.array([1.0, 1.1, 0.9]), np.array([0.5, 0.6, 0.4])
    loss = np.array([1.0, 1.1, 0.9])
    assert not_inert((untreated, treated, untreated), (loss, loss), None) == ""
    assert "moves the excess by" in not_inert((untreated, treated, treated), None, None)
    assert "3800 %" in not_inert((untreated, untreated / 2, 20 * untreated), None, None)
    assert not_inert((untreated, treated, untreated), (loss, loss + 1), None) == "its loss differs by +1"
    dead = np.array([0.1, 0.1, 0.1]), np.array([0.5, 0.5, 0.5])
    assert "40 % more of its units are dead" in not_inert((untreated, treated, untreated), None, dead)
    assert not_inert((untreated, treated, np.array([np.nan] * 3)), None, None)
