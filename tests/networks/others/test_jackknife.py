import numpy as np
import pytest

from feature_diversity.measures.spectra import Features, mean_cosine
from feature_diversity.networks.others.jackknife import standard_errors


def test_the_error_of_a_mean_is_the_textbooks():
    """Of ten images the jackknife of a mean is the standard deviation over the root of N, exactly."""
    x = np.random.default_rng(0).standard_normal((10, 3))
    found = standard_errors(Features(x), np.arange(10), lambda part: {"mean": float(part.x[:, 0].mean())})
    assert found["mean"] == pytest.approx(x[:, 0].std(ddof=1) / np.sqrt(10), rel=1e-12)


def test_the_error_is_the_spread_over_samples():
    random = np.random.default_rng(1)
    samples = [Features(random.standard_normal((60, 4)) + 0.5) for _ in range(80)]
    measures = [mean_cosine(features) for features in samples]
    errors = [
        standard_errors(features, np.arange(60), lambda part: {"m": mean_cosine(part)})["m"]
        for features in samples
    ]
    assert np.median(errors) == pytest.approx(np.std(measures), rel=0.3)


def test_vectors_of_one_image_leave_together():
    """Copies of a vector tell nothing new: the error is that of the images alone."""
    x = np.random.default_rng(2).standard_normal((12, 3))

    def mean(part):
        return {"mean": float(part.x[:, 0].mean())}

    once = standard_errors(Features(x), np.arange(12), mean)
    thrice = standard_errors(Features(np.repeat(x, 3, axis=0)), np.repeat(np.arange(12), 3), mean)
    assert thrice["mean"] == pytest.approx(once["mean"], rel=1e-12)


def test_two_images_give_no_error():
    found = standard_errors(Features(np.eye(2)), np.arange(2), lambda part: {"m": 1.0})
    assert np.isnan(found["m"])


def test_a_subset_has_the_gram_matrix_of_its_rows():
    x = np.random.default_rng(3).standard_normal((9, 4))
    rows = np.array([1, 4, 8])
    np.testing.assert_allclose(Features(x).subset(rows).gram, x[rows] @ x[rows].T, rtol=1e-12)
