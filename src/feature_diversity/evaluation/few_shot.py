"""How well a few labelled images a class tell the classes apart, in a network's features."""

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from feature_diversity.base.errors import InputError
from feature_diversity.compute.draws import generator

# The field's episode (Vinyals et al. 2016; Snell et al. 2017; Chen et al. 2019, arXiv 1904.04232)
WAYS = 5  # classes of an episode, drawn of all; of a data set with fewer, all
QUERIES = 15  # images a class to be classified
SEED = 0  # of the episodes, the same for all networks
TOLERANCE = 1e-4  # largest entry of the gradient of the mean loss at the end
MOST_STEPS = 1000
AT_ONCE = 100  # episodes, whose features are copied: 80 MB of 2,048 features, 10 shots


@dataclass(frozen=True)
class Episodes:
    """E episodes of W classes.

    support: int64, E x W x K, rows of training images. queries: int64, E x W x QUERIES, rows of test images.
    """

    support: Tensor
    queries: Tensor


def draw_episodes(train: Tensor, test: Tensor, classes: list[str], *, shots: int, episodes: int) -> Episodes:
    """Draw classes, and of each so many training images to learn from and QUERIES test images to classify.

    Training images of an episode differ from each other; test images may be drawn twice.

    Args:
        train: int64, labels of the training images.
        test: int64, labels of the test images.
        classes: names.
        shots: training images a class.
        episodes: how many.

    Raises:
        InputError: fewer than two classes, or a class with too few images, which is named.
    """
    if len(classes) < 2:
        raise InputError(f"few_shot: the data set has {len(classes)} class, expected at least 2")
    of_train, of_test = (
        [(y == label).nonzero()[:, 0] for label in range(len(classes))] for y in (train, test)
    )
    for name, learned, asked in zip(classes, of_train, of_test, strict=True):
        if len(learned) < shots or not len(asked):
            raise InputError(
                f"few_shot: class {name} has {len(learned)} training and {len(asked)} test images, expected "
                f"at least {shots} and 1"
            )
    draws = generator(SEED, "episodes", shots)
    support, queries = [], []
    for _ in range(episodes):
        chosen = torch.randperm(len(classes), generator=draws)[:WAYS].tolist()
        support.append(
            torch.stack(
                [of_train[i][torch.randperm(len(of_train[i]), generator=draws)[:shots]] for i in chosen]
            )
        )
        queries.append(
            torch.stack(
                [of_test[i][torch.randint(len(of_test[i]), (QUERIES,), generator=draws)] for i in chosen]
            )
        )
    return Episodes(torch.stack(support), torch.stack(queries))


def few_shot_errors(train: Tensor, test: Tensor, episodes: Episodes) -> dict[str, tuple[float, float]]:
    """Classify the queries of all episodes.

    Features are centred by the mean of all training images and scaled to unit length (CL2N of Wang et al.
    2019, arXiv 1911.04623).

    Args:
        train: N x D, features of the training images.
        test: M x D, features of the test images.
        episodes: of both.

    Returns:
        Error and its standard error over episodes, of `centroid`, the nearest mean of a class, and of
        `logistic`, as `logistic_scores`.
    """
    mean = train.mean(dim=0)
    train, test = F.normalize(train - mean, dim=1), F.normalize(test - mean, dim=1)
    errors: dict[str, list[Tensor]] = {"centroid": [], "logistic": []}
    _, ways, shots = episodes.support.shape
    truth = torch.arange(ways, device=train.device).repeat_interleave(QUERIES)
    for rows, asked in zip(episodes.support.split(AT_ONCE), episodes.queries.split(AT_ONCE), strict=True):
        support = train[rows].flatten(1, 2).transpose(1, 2)
        gram, products = support.transpose(1, 2) @ support, test[asked].flatten(1, 2) @ support
        for name, scores in (("centroid", centroid_scores), ("logistic", logistic_scores)):
            wrong = scores(gram, products, shots).argmax(dim=2) != truth
            errors[name].append(wrong.double().mean(dim=1))
    found = {}
    for name, parts in errors.items():
        each = torch.cat(parts)
        found[name] = each.mean().item(), each.std().item() / math.sqrt(len(each))
    return found


def centroid_scores(gram: Tensor, products: Tensor, shots: int) -> Tensor:
    """Score classes by how near the mean of their support is: minus the squared distance, plus a constant.

    Args:
        gram: E x N x N, inner products of the N = W x K supports, class by class.
        products: E x Q x N, of queries and supports.
        shots: K.

    Returns:
        E x Q x W.
    """
    of_classes = gram.unflatten(1, (-1, shots)).mean(dim=2).unflatten(2, (-1, shots)).mean(dim=3)
    squared = of_classes.diagonal(dim1=1, dim2=2)[:, None]
    return 2 * products.unflatten(2, (-1, shots)).mean(dim=3) - squared


def logistic_scores(gram: Tensor, products: Tensor, shots: int) -> Tensor:
    """Fit a multinomial logistic regression to each episode, all at once, and score the queries.

    Minimises the sum of cross-entropies + 1/2 x sum of squared weights (biases free), scikit-learn's default
    C = 1, as Tian et al. 2020 (arXiv 2003.11539) do on features of unit length. Weights are combinations of
    the few supports, and found by Nesterov's accelerated gradient.

    Args:
        gram: as of `centroid_scores`, of features of unit length.
        products: likewise.
        shots: K.

    Returns:
        E x Q x W.
    """
    episodes, n, _ = gram.shape
    ways = n // shots
    onehot = torch.eye(ways, dtype=gram.dtype, device=gram.device).repeat_interleave(shots, dim=0)
    penalty = 1 / n
    rate = 1 / (1 + penalty)  # the loss' Hessian is at most half the mean square of (feature, 1), which is 2
    momentum = (1 - math.sqrt(penalty * rate)) / (1 + math.sqrt(penalty * rate))
    weights, bias = gram.new_zeros(episodes, n, ways), gram.new_zeros(episodes, 1, ways)
    ahead, bias_ahead = weights, bias
    for _ in range(MOST_STEPS):
        residual = ((gram @ ahead + bias_ahead).softmax(dim=2) - onehot) / n
        of_weights, of_bias = residual + penalty * ahead, residual.sum(dim=1, keepdim=True)
        before, bias_before = weights, bias
        weights, bias = ahead - rate * of_weights, bias_ahead - rate * of_bias
        ahead = weights + momentum * (weights - before)
        bias_ahead = bias + momentum * (bias - bias_before)
        if max(of_weights.abs().max(), of_bias.abs().max()) < TOLERANCE:
            break
    return products @ weights + bias
