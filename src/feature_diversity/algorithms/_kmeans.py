"""Spherical k-means: clusters of directions."""

import torch
import torch.nn.functional as F
from torch import Tensor

from feature_diversity.compute.ranks import total

ROWS = 65536  # compared with all centroids at a time, to bound memory


def spherical_kmeans(x: Tensor, centroids: Tensor, iterations: int) -> tuple[Tensor, Tensor]:
    """Cluster directions by spherical k-means (Dhillon & Modha 2001).

    In each iteration a point joins the centroid with the largest dot product, and a centroid becomes its
    points' normalised mean; one without points stays.

    Args:
        x: N x D, normalised; of several ranks, each gives its part.
        centroids: K x D, where to start from.
        iterations: how many.

    Returns:
        Centroids, K x D, and assignments to them, int64, N.
    """
    for _ in range(iterations):
        assignments = nearest(x, centroids)
        members = total(torch.bincount(assignments, minlength=len(centroids)))[:, None]
        means = total(torch.zeros_like(centroids).index_add_(0, assignments, x)) / members.clamp(min=1)
        centroids = F.normalize(torch.where(members > 0, means, centroids), dim=1)
    return centroids, nearest(x, centroids)


def nearest(x: Tensor, centroids: Tensor) -> Tensor:
    """Number the centroid with the largest dot product with each row of x: int64, N."""
    return torch.cat([(rows @ centroids.mT).argmax(dim=1) for rows in x.split(ROWS)])
