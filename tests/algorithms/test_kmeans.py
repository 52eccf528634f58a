import numpy as np
import pytest
import torch
import torch.nn.functional as F
from support.golden_weights import golden_arrays, golden_json

from feature_diversity.algorithms._kmeans import spherical_kmeans

CASES = golden_json("loss_deepclusterv2.json")


@pytest.mark.parametrize("case", ["kmeans_m40", "kmeans_m60_emptyable"])
def test_centroids_and_assignments_are_vissls(case):
    facts = CASES[case]
    golden = golden_arrays("loss_deepclusterv2", case)
    for head in range(len(facts["num_clusters"])):
        x = golden["memory_embeddings"][facts["memory_bank_used_by_head"][head]]
        start = x[golden[f"init_rows{head}"]]
        centroids, assignments = spherical_kmeans(x, start, facts["kmeans_iters"])
        torch.testing.assert_close(centroids, golden[f"centroids{head}"], rtol=2e-5, atol=2e-5)
        assert torch.equal(assignments, golden["assignments_by_sample"][head][golden["memory_index"]])


def test_separate_directions_are_found():
    torch.manual_seed(0)
    directions = F.normalize(torch.randn(3, 16), dim=1)
    truth = torch.arange(90) % 3
    x = F.normalize(directions[truth] + 0.05 * torch.randn(90, 16), dim=1)
    centroids, assignments = spherical_kmeans(x, x[:3], 5)
    assert torch.equal(assignments, truth)
    assert float((centroids * directions).sum(dim=1).min()) > 0.99


def test_a_cluster_without_points_keeps_its_centroid():
    x = F.normalize(torch.tensor([[1.0, 0.1], [1.0, -0.1]]), dim=1)
    away = torch.tensor([[1.0, 0.0], [-1.0, 0.0]])
    centroids, assignments = spherical_kmeans(x, away, 3)
    assert assignments.tolist() == [0, 0]
    torch.testing.assert_close(centroids, away)


def by_vissls_definition(x: np.ndarray, centroids: np.ndarray, iterations: int):
    """VISSL's loop (cluster_memory of its deepclusterv2_loss), cluster by cluster.

    A cluster that has points becomes their mean, one that has none stays; then all are normalised.

    Returns:
        Centroids, assignments, and the numbers of points that each iteration began with.
    """
    centroids, counts = centroids.copy(), []
    for _ in range(iterations):
        assignments = (x @ centroids.T).argmax(axis=1)
        counts.append([int((assignments == k).sum()) for k in range(len(centroids))])
        for k in range(len(centroids)):
            if counts[-1][k]:
                centroids[k] = x[assignments == k].mean(axis=0)
        centroids /= np.linalg.norm(centroids, axis=1, keepdims=True)
    return centroids, (x @ centroids.T).argmax(axis=1), np.array(counts)


def test_a_cluster_that_becomes_empty_is_vissls():
    x = F.normalize(torch.randn(24, 2, generator=torch.Generator().manual_seed(317)), dim=1)
    expected, joined, counts = by_vissls_definition(x.double().numpy(), x[:8].double().numpy(), 6)
    assert counts[0].all()
    assert not counts.all()
    centroids, assignments = spherical_kmeans(x, x[:8], 6)
    np.testing.assert_allclose(centroids.numpy(), expected, atol=1e-5)
    assert assignments.tolist() == joined.tolist()
