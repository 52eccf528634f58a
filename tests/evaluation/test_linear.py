import json
from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import top_k_accuracy_score
from sklearn.preprocessing import StandardScaler

from feature_diversity.data import store
from feature_diversity.data.sources import fashion_mnist
from feature_diversity.evaluation import linear as linear_eval
from feature_diversity.evaluation import probes
from feature_diversity.networks import model
from feature_diversity.records.origin import model_digest
from feature_diversity.stages import linear_eval as stage

PENALTIES = [0.01, 1.0, 0.1]


@pytest.fixture(scope="module")
def result(digits, trained):
    """The linear evaluation of a network trained for one epoch."""
    facts, splits = store.read(digits, "train", "validation", "test")
    return linear_eval.evaluate(model.read(trained), facts, splits, penalties=PENALTIES)


@pytest.fixture(scope="module")
def reference(digits, trained):
    """Scores of scikit-learn's classifiers, penalty: [validation, test], and the labels of both."""
    facts, splits = store.read(digits, "train", "validation", "test")
    trunk = model.read(trained).trunk
    features = []
    for split in splits:
        images = (split.images.double() / 255 - facts.mean[0]) / facts.std[0]
        with torch.no_grad():
            features.append(trunk(images.float().expand(-1, 3, -1, -1)).numpy().astype(np.float64))
    deviation = features[0].std(axis=0, ddof=1)
    features = [(x - features[0].mean(axis=0)) / np.where(deviation > 0, deviation, 1) for x in features]
    labels = [split.labels.numpy() for split in splits]
    scores = {}
    for penalty in PENALTIES:
        classifier = LogisticRegression(C=1 / (penalty * len(labels[0])), tol=1e-8, max_iter=10_000)
        classifier.fit(features[0], labels[0])
        scores[penalty] = [classifier.decision_function(x) for x in features[1:]]
    return scores, labels[1:]


def test_the_penalty_with_the_least_validation_error_is_chosen(result, reference):
    scores, (validation, _) = reference
    errors = {penalty: 1 - top_k_accuracy_score(validation, scores[penalty][0], k=1) for penalty in PENALTIES}
    assert result["val_error"] == pytest.approx(min(errors.values()))
    assert result["penalty"] == max(
        penalty for penalty in PENALTIES if errors[penalty] == min(errors.values())
    )


@pytest.mark.parametrize("k", [1, 5])
@pytest.mark.parametrize(("split", "index"), [("val", 0), ("test", 1)])
def test_accuracies_are_scikit_learns(result, reference, split, index, k):
    scores, labels = reference
    expected = top_k_accuracy_score(labels[index], scores[result["penalty"]][index], k=k)
    assert result[f"{split}_top{k}"] == pytest.approx(expected)


@pytest.mark.parametrize("split", ["val", "test"])
def test_the_error_is_what_is_missing_to_the_accuracy(result, split):
    assert result[f"{split}_error"] == pytest.approx(1 - result[f"{split}_top1"])


def test_the_numbers_of_images_are_told(result):
    assert (result["n_train"], result["n_val"], result["n_test"]) == (64, 60, 80)


def test_the_order_of_the_penalties_does_not_matter(digits, trained, result):
    facts, splits = store.read(digits, "train", "validation", "test")
    assert linear_eval.evaluate(model.read(trained), facts, splits, penalties=sorted(PENALTIES)) == result


def test_a_tie_goes_to_the_larger_penalty(digits, trained):
    facts, splits = store.read(digits, "train", "validation", "test")
    result = linear_eval.evaluate(
        model.read(trained), facts, splits, penalties=[1e4, 1e6, 1e5]
    )  # all weights nearly 0
    assert result["penalty"] == 1e6


@pytest.mark.parametrize("k", [1, 3, 5])
def test_top_accuracy_is_scikit_learns(k):
    random = np.random.default_rng(0)
    scores, labels = random.normal(size=(200, 7)), random.integers(0, 7, 200)
    ours = probes.top_accuracy(torch.from_numpy(scores), torch.from_numpy(labels), k)
    assert ours == pytest.approx(top_k_accuracy_score(labels, scores, k=k, labels=range(7)))


def test_top_five_of_three_classes_is_always_right():
    scores, labels = torch.rand(20, 3), torch.randint(0, 3, (20,))
    assert probes.top_accuracy(scores, labels, 5) == 1


def test_batches_do_not_change_the_features(digits, trained, monkeypatch):
    facts, (split,) = store.read(digits, "test")
    network = model.read(trained)
    whole = probes.features(network, split, facts)
    monkeypatch.setattr(probes, "BATCH", 7)
    assert torch.allclose(probes.features(network, split, facts), whole, rtol=1e-4, atol=1e-6)


def test_the_stage_writes_a_file_for_each_model(digits, trained, tmp_path, result):
    outputs = [tmp_path / "a.json", tmp_path / "b.json"]
    stage.main(
        [
            *("--data", str(digits), "--models", str(trained), str(trained)),
            *("--options", json.dumps({"penalties": PENALTIES}), "--outputs", *map(str, outputs)),
        ]
    )
    said = {"options": {"penalties": PENALTIES}, "model": model_digest(model.read(trained).facts)}
    assert [json.loads(path.read_text()) for path in outputs] == [result | said] * 2


# --- Fashion-MNIST ---


@pytest.fixture(scope="module")
def clothes():
    """Raw pixels, standardised, and labels of 3,000 training, 500 validation and 2,000 test images."""
    if not all((fashion_mnist.DEBIAN / name).exists() for name in fashion_mnist.FILES):
        pytest.skip("needs Debian's package dataset-fashion-mnist")
    source = fashion_mnist.load(Path("nowhere"))
    x = torch.from_numpy(source.images).flatten(1).float()
    parts = [slice(0, 3000), slice(3000, 3500), slice(60_000, 62_000)]
    return [x[part] for part in parts], [torch.from_numpy(source.labels[part]) for part in parts]


@pytest.mark.parametrize("penalty", [1.0, 0.01])
def test_the_error_on_raw_pixels_of_fashion_mnist_is_scikit_learns(clothes, penalty):
    pixels, labels = clothes
    result = linear_eval.cached(pixels, labels, 10, [penalty])
    scaler = StandardScaler().fit(pixels[0])
    classifier = LogisticRegression(C=1 / (penalty * 3000), max_iter=1000)
    classifier.fit(scaler.transform(pixels[0]), labels[0])
    for x, truth, name in zip(pixels[1:], labels[1:], ("val", "test"), strict=True):
        error = 1 - classifier.score(scaler.transform(x), truth)
        assert result[f"{name}_error"] == pytest.approx(error, abs=0.005)  # half a percentage point
