import numpy as np
import pytest
import torch
from sklearn.neighbors import KNeighborsClassifier

from feature_diversity.evaluation.knn import knn_scores


@pytest.fixture(scope="module")
def rows():
    """Training rows of three classes with labels, and queries."""
    random = np.random.default_rng(0)
    labels = random.integers(0, 3, 120)
    train = random.normal(size=(3, 8))[labels] + random.normal(size=(120, 8))
    return train, labels, random.normal(size=(50, 8))


@pytest.mark.parametrize("k", [1, 5, 30])
def test_the_choice_is_scikit_learns_with_the_same_weights(rows, k):
    train, labels, queries = rows
    reference = KNeighborsClassifier(k, metric="cosine", weights=lambda distance: np.exp(-distance / 0.07))
    expected = reference.fit(train, labels).predict_proba(queries)
    scores = knn_scores(
        torch.from_numpy(train), torch.from_numpy(labels), torch.from_numpy(queries), 3, k=k
    ).numpy()
    np.testing.assert_allclose(scores / scores.sum(axis=1, keepdims=True), expected, rtol=1e-6, atol=1e-12)


def test_with_fewer_rows_than_neighbours_all_of_them_vote(rows):
    train, labels, queries = (torch.from_numpy(part) for part in rows)
    assert torch.equal(
        knn_scores(train, labels, queries, 3, k=200), knn_scores(train, labels, queries, 3, k=120)
    )


def test_lengths_of_the_rows_do_not_matter(rows):
    train, labels, queries = (torch.from_numpy(part) for part in rows)
    scaled = knn_scores(train * 7, labels, queries / 3, 3)
    torch.testing.assert_close(scaled, knn_scores(train, labels, queries, 3))
