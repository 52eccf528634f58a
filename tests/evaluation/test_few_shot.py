import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import NearestCentroid

from feature_diversity.base.errors import InputError
from feature_diversity.evaluation.few_shot import (
    QUERIES,
    WAYS,
    centroid_scores,
    draw_episodes,
    few_shot_errors,
    logistic_scores,
)

CLASSES = [f"class {number}" for number in range(8)]
TRAIN, TEST = torch.arange(160) % 8, torch.arange(240) % 8


def clouds(labels, *, apart, seed, values=20):
    """Normal clouds around a centre for each class, `apart` deviations from 0."""
    centres = torch.randn(8, values, generator=torch.Generator().manual_seed(0))
    draws = torch.Generator().manual_seed(seed)
    return apart * centres[labels] + torch.randn(len(labels), values, generator=draws)


def of_unit_length(*shape):
    x = torch.randn(*shape, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    return x / x.norm(dim=-1, keepdim=True)


def products(support, queries):
    """What scores are made of: inner products, and the number of shots."""
    x = support.flatten(1, 2).transpose(1, 2)
    return x.transpose(1, 2) @ x, queries @ x, support.shape[2]


@pytest.mark.parametrize("shots", [1, 3, 20])
def test_an_episode_has_other_images_of_its_classes(shots):
    episodes = draw_episodes(TRAIN, TEST, CLASSES, shots=shots, episodes=50)
    assert episodes.support.shape == (50, WAYS, shots)
    assert episodes.queries.shape == (50, WAYS, QUERIES)
    for support, queries in zip(episodes.support, episodes.queries, strict=True):
        assert len(set(support.flatten().tolist())) == WAYS * shots
        classes = TRAIN[support][:, 0]
        assert len(set(classes.tolist())) == WAYS
        assert (TRAIN[support] == classes[:, None]).all()
        assert (TEST[queries] == classes[:, None]).all()


def test_episodes_are_the_same_each_time_and_differ_from_each_other():
    first, second = (draw_episodes(TRAIN, TEST, CLASSES, shots=2, episodes=9) for _ in range(2))
    assert torch.equal(first.support, second.support)
    assert torch.equal(first.queries, second.queries)
    assert len(first.support.flatten(1).unique(dim=0)) == 9


def test_of_fewer_classes_than_an_episode_has_all_take_part():
    episodes = draw_episodes(torch.arange(30) % 3, torch.arange(30) % 3, CLASSES[:3], shots=2, episodes=4)
    assert episodes.support.shape == (4, 3, 2)


def test_a_class_with_fewer_images_than_shots_is_named():
    with pytest.raises(InputError, match=r"class 7 has 20 training and 30 test images, expected at least 21"):
        draw_episodes(torch.cat([TRAIN, torch.arange(7)]), TEST, CLASSES, shots=21, episodes=2)


def test_a_class_without_test_images_is_named():
    with pytest.raises(InputError, match=r"class 3 has 20 training and 0 test images"):
        draw_episodes(TRAIN, TEST[TEST != 3], CLASSES, shots=1, episodes=2)


def test_one_class_is_refused():
    with pytest.raises(InputError, match="1 class, expected at least 2"):
        draw_episodes(torch.zeros(9), torch.zeros(9), ["all"], shots=1, episodes=2)


@pytest.mark.parametrize("shots", [1, 5, 10])
def test_logistic_scores_are_scikit_learns(shots):
    support, queries = of_unit_length(4, 5, shots, 12), of_unit_length(4, 30, 12)
    labels = np.repeat(np.arange(5), shots)
    ours = logistic_scores(*products(support, queries)).softmax(dim=2)
    for mine, x, y in zip(ours, support.flatten(1, 2), queries, strict=True):
        classifier = LogisticRegression(C=1, tol=1e-10, max_iter=10_000).fit(x.numpy(), labels)
        assert np.allclose(mine, classifier.predict_proba(y.numpy()), atol=2e-3)


@pytest.mark.parametrize("shots", [1, 5])
def test_the_nearest_centroid_is_scikit_learns(shots):
    support, queries = of_unit_length(4, 5, shots, 12), of_unit_length(4, 30, 12)
    labels = np.repeat(np.arange(5), shots)
    ours = centroid_scores(*products(support, queries)).argmax(dim=2)
    for mine, x, y in zip(ours, support.flatten(1, 2), queries, strict=True):
        expected = NearestCentroid().fit(x.numpy(), labels).predict(y.numpy())
        assert np.array_equal(mine, expected)


def test_features_without_classes_are_told_apart_by_chance():
    episodes = draw_episodes(TRAIN, TEST, CLASSES, shots=5, episodes=300)
    found = few_shot_errors(clouds(TRAIN, apart=0, seed=1), clouds(TEST, apart=0, seed=2), episodes)
    for error, se in found.values():
        assert error == pytest.approx(1 - 1 / WAYS, abs=0.05)
        assert 0 < se < 0.01


def test_classes_far_apart_are_told_apart_by_one_image():
    episodes = draw_episodes(TRAIN, TEST, CLASSES, shots=1, episodes=50)
    found = few_shot_errors(clouds(TRAIN, apart=10, seed=1), clouds(TEST, apart=10, seed=2), episodes)
    assert found == {"centroid": (0, 0), "logistic": (0, 0)}


def test_more_images_a_class_make_fewer_errors():
    x, y = clouds(TRAIN, apart=0.4, seed=1), clouds(TEST, apart=0.4, seed=2)
    errors = [
        few_shot_errors(x, y, draw_episodes(TRAIN, TEST, CLASSES, shots=shots, episodes=200))
        for shots in (1, 5, 10)
    ]
    for name in ("centroid", "logistic"):
        one, five, ten = (found[name][0] for found in errors)
        assert one > five > ten


def test_scale_shift_and_rotation_change_nothing():
    x, y = clouds(TRAIN, apart=0.4, seed=1).double(), clouds(TEST, apart=0.4, seed=2).double()
    episodes = draw_episodes(TRAIN, TEST, CLASSES, shots=5, episodes=50)
    rotation = torch.linalg.qr(of_unit_length(20, 20)).Q
    moved = few_shot_errors(3 * x @ rotation + 7, 3 * y @ rotation + 7, episodes)
    for name, found in few_shot_errors(x, y, episodes).items():
        assert moved[name] == pytest.approx(found)


def test_the_standard_error_is_the_spread_over_draws_of_episodes():
    x, y = clouds(TRAIN, apart=0.3, seed=1), clouds(TEST, apart=0.3, seed=2)
    whole = draw_episodes(TRAIN, TEST, CLASSES, shots=1, episodes=2000)
    parts = [
        few_shot_errors(x, y, type(whole)(support, queries))["centroid"]
        for support, queries in zip(whole.support.split(50), whole.queries.split(50), strict=True)
    ]
    errors, ses = np.array(parts).T
    assert np.sqrt(np.mean(ses**2)) == pytest.approx(errors.std(ddof=1), rel=0.3)
