import json

import numpy as np
import pytest
from support.intrinsic_dimensions import PATH, halves, points

from feature_diversity.measures.companions.intrinsic_dimension import mean_edges, mst_dimension, two_nn
from feature_diversity.measures.spectra import Features

CASES = json.loads(PATH.read_text())["cases"]
names = pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case['kind']}_{case['n']}_{case['dim']}")


def points_of(case):
    return points(case["kind"], case["n"], case["dim"], case["zeros"])


@names
def test_two_nn_is_that_of_scikit_dimension(case):
    assert two_nn(Features(points_of(case))) == pytest.approx(float(case["two_nn"]), rel=1e-9)


@names
def test_spanning_trees_are_as_long_as_those_of_scikit_dimension(case):
    """Which takes the slope of the log of the sum of edges, of all points and of its own subsets."""
    x, n = points_of(case), case["n"]
    squares = Features(x).squared_distances
    whole = np.log((n - 1) * mean_edges(squares, np.arange(n)[None]))
    parts = np.log((n // 2 - 1) * mean_edges(squares, halves(n)))
    slope = (whole.mean() - parts.mean()) / np.log(n / (n // 2))
    assert 1 / (1 - slope) == pytest.approx(float(case["spanning_tree"]), rel=1e-9)


@names
def test_the_dimension_of_random_halves_is_near_that_of_others(case):
    """The mean edge is taken, not the sum, which shifts 1 / d by a known amount."""
    n = case["n"]
    shift = np.log((1 - 1 / n) / (1 - 1 / (n // 2))) / np.log(n / (n // 2))
    expected = 1 / float(case["spanning_tree"]) + shift
    assert 1 / mst_dimension(Features(points_of(case))) == pytest.approx(expected, rel=0.15)


@pytest.mark.parametrize("measure", [two_nn, mst_dimension])
@pytest.mark.parametrize("dim", [1, 2, 3, 4])
def test_a_cube_in_a_larger_space_has_its_dimension(measure, dim):
    rng = np.random.default_rng(dim)
    x = rng.random((2000, dim)) @ np.linalg.qr(rng.standard_normal((20, 20)))[0][:dim]
    assert measure(Features(x + 1)) == pytest.approx(dim, rel=0.08)


def test_a_bent_line_is_a_line():
    t = 3 * np.random.default_rng(0).random((1000, 1))
    curve = Features(np.concatenate([np.cos(t), np.sin(t), t**2], axis=1))
    assert two_nn(curve) == pytest.approx(1, rel=0.15)
    assert mst_dimension(curve) == pytest.approx(1, rel=0.05)


@pytest.mark.parametrize("measure", [two_nn, mst_dimension])
def test_equal_points_have_no_dimension(measure):
    assert np.isnan(measure(Features(np.full((20, 3), 0.1))))


def test_points_that_equal_another_are_left_out_of_the_ratios():
    x = np.random.default_rng(0).random((200, 3))
    both = Features(np.concatenate([x, x[:5]]))
    nearest = np.sort(np.linalg.norm(x[:, None] - x, axis=2), axis=1)[5:, 1:3]
    ratios = np.sort(nearest[:, 1] / nearest[:, 0])
    y = -np.log(1 - np.arange(1, 176) / 195)
    slope = np.linalg.lstsq(np.log(ratios[:175, None]), y, rcond=None)[0][0]
    assert two_nn(both) == pytest.approx(slope, rel=0.1)  # neighbours of the five differ


def test_the_spanning_tree_of_a_path_has_its_steps():
    steps = np.array([1.0, 2.0, 0.5, 4.0])
    x = np.concatenate([[0], np.cumsum(steps)])[:, None]
    squares = (x - x.T) ** 2
    lengths = mean_edges(squares, np.array([[3, 0, 4, 1, 2], [4, 3, 2, 1, 0]]))
    np.testing.assert_allclose(lengths, steps.mean())
    assert mean_edges(squares, np.array([[0, 4]]))[0] == steps.sum()
