import numpy as np
import pytest
import torch
import torch.nn.functional as F
from sklearn.linear_model import LogisticRegression

from feature_diversity.base.errors import InputError
from feature_diversity.evaluation.logistic import fit_grid

PENALTIES = [1.0, 0.1, 1e-2, 1e-3]


@pytest.fixture(scope="module")
def problem():
    """Four classes that overlap, 300 rows of 20 correlated features."""
    random = np.random.default_rng(0)
    labels = random.integers(0, 4, 300)
    x = (
        random.normal(size=(4, 20))[labels] * 0.5
        + random.normal(size=(300, 20)) @ random.normal(size=(20, 20)) / 4
    )
    return torch.from_numpy((x - x.mean(0)) / x.std(0)), torch.from_numpy(labels)


@pytest.fixture(scope="module")
def fitted(problem):
    """Our classifiers, and scikit-learn's coefficients (D x classes) and intercepts, for each penalty."""
    x, labels = problem
    ours = fit_grid(x, labels, 4, PENALTIES)
    theirs = []
    for penalty in PENALTIES:
        # scikit-learn minimises C x the sum of the losses + half the sum of squares
        classifier = LogisticRegression(C=1 / (penalty * len(x)), tol=1e-9, max_iter=10_000).fit(x, labels)
        theirs.append((torch.from_numpy(classifier.coef_.T), torch.from_numpy(classifier.intercept_)))
    return ours, theirs


def objective(problem, classifier, penalty):
    """What is minimised."""
    (x, labels), (weight, bias) = problem, classifier
    return (F.cross_entropy(x @ weight + bias, labels) + penalty / 2 * weight.square().sum()).item()


@pytest.mark.parametrize("index", range(len(PENALTIES)), ids=map(str, PENALTIES))
def test_the_objective_is_scikit_learns_minimum(problem, fitted, index):
    ours, theirs = (objective(problem, part[index], PENALTIES[index]) for part in fitted)
    # a gradient of at most 1e-5 in each of 84 entries leaves at most 84 x 1e-10 / (2 x penalty)
    assert theirs - 1e-9 <= ours <= theirs + 84e-10 / (2 * PENALTIES[index])


@pytest.mark.parametrize("index", range(len(PENALTIES)), ids=map(str, PENALTIES))
def test_the_weights_are_scikit_learns(fitted, index):
    (weight, _), (expected, _) = (part[index] for part in fitted)
    assert torch.allclose(weight, expected, atol=0.01 * expected.abs().max().item())


def test_the_gradient_is_zero_at_the_end(problem, fitted):
    x, labels = problem
    for (weight, bias), penalty in zip(fitted[0], PENALTIES, strict=True):
        weight, bias = weight.clone().requires_grad_(), bias.clone().requires_grad_()
        loss = F.cross_entropy(x @ weight + bias, labels) + penalty / 2 * weight.square().sum()
        gradients = torch.autograd.grad(loss, [weight, bias])
        assert max(gradient.abs().max() for gradient in gradients) <= 1e-5


def test_single_precision_finds_the_same_minimum(problem, fitted):
    x, labels = problem
    for classifier, theirs, penalty in zip(
        fit_grid(x.float(), labels, 4, PENALTIES), fitted[1], PENALTIES, strict=True
    ):
        double = [part.double() for part in classifier]
        assert objective(problem, double, penalty) == pytest.approx(
            objective(problem, theirs, penalty), rel=1e-5
        )


def test_a_penalty_alone_gives_what_it_gives_after_others(problem, fitted):
    [(weight, _)] = fit_grid(*problem, 4, PENALTIES[-1:])
    assert torch.allclose(weight, fitted[0][-1][0], atol=1e-2)


def test_fitting_leaves_no_gradient_on_the_result(problem):
    [(weight, bias)] = fit_grid(*problem, 4, [1.0])
    assert not weight.requires_grad
    assert not bias.requires_grad


def test_a_feature_that_never_varies_gets_no_weight(problem):
    x, labels = problem
    constant = torch.cat([x, torch.zeros(len(x), 1, dtype=x.dtype)], dim=1)
    [(weight, _)] = fit_grid(constant, labels, 4, [0.01])
    assert weight[-1].abs().max() == 0


def test_a_class_without_rows_is_never_chosen(problem):
    x, labels = problem
    [(weight, bias)] = fit_grid(x, labels, 5, [0.01])
    assert ((x @ weight + bias).argmax(dim=1) != 4).all()


@pytest.mark.parametrize("penalty", [0, -1, float("nan"), float("inf")])
def test_penalties_that_are_none_are_named(problem, penalty):
    with pytest.raises(InputError, match=f"penalties: found {penalty}, expected at least 1e-06, finite"):
        fit_grid(*problem, 4, [0.1, penalty])
