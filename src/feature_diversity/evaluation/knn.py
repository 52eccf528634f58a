"""Weighted k-nearest-neighbour classification on the sphere."""

import torch
import torch.nn.functional as F
from torch import Tensor

CHUNK = 1024  # queries compared at a time


def knn_scores(
    train: Tensor, labels: Tensor, queries: Tensor, classes: int, *, k: int = 200, temperature: float = 0.07
) -> Tensor:
    """Score each class for each query: the sum of exp(cosine / temperature) over its k nearest neighbours.

    Args:
        train: N x D, of any norm.
        labels: int64, N.
        queries: M x D, of any norm.
        classes: how many.
        k: neighbours, of Wu et al. 2018 (arXiv 1805.01978), as is the temperature; with fewer training rows,
            all are neighbours.
        temperature: of the weights.

    Returns:
        M x classes.
    """
    train, queries = F.normalize(train, dim=1), F.normalize(queries, dim=1)
    scores = []
    for chunk in queries.split(CHUNK):
        cosine, nearest = (chunk @ train.T).topk(min(k, len(train)), dim=1)
        votes = torch.exp((cosine - 1) / temperature)
        empty = torch.zeros(len(chunk), classes, dtype=votes.dtype, device=votes.device)
        scores.append(empty.scatter_add_(1, labels[nearest], votes))
    return torch.cat(scores)
