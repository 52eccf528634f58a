"""Every count of pairs beside a double loop over runs that follows the definition."""

import itertools
import math

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from support.prediction_tables import grid, results, study

from feature_diversity.base.run import RUN
from feature_diversity.prediction.agreement import agreement, environments, worst_environment
from feature_diversity.prediction.pairs import pairs_along
from feature_diversity.prediction.pooled import pooled_tau
from feature_diversity.prediction.predict import prediction_of
from feature_diversity.prediction.runs import Outcome, runs_of
from feature_diversity.prediction.study import Study

IMAGES = 20_000


def table(images: int = IMAGES, draw: int = 3) -> pd.DataFrame:
    """A study with holes, ties, missing and infinite values, and errors too close for the test set."""
    rng = np.random.default_rng(draw)
    found = study(draw, seed=1.0).assign(n_test=images)
    found.loc[rng.choice(len(found), 20, replace=False), "diversity"] = -np.inf
    found.loc[rng.choice(len(found), 10, replace=False), "diversity"] = np.nan
    found["diversity"] = found["diversity"].round(1)
    found["test_error"] = found["test_error"].round(3)
    return found[rng.random(len(found)) > 0.2].reset_index(drop=True)


def by_hand(rows: pd.DataFrame, images: int, weight: dict, differ: set[str] | None) -> tuple[float, float]:
    """Agreements minus disagreements and number of pairs; differ: the axes that differ, None for any."""
    total = count = 0.0
    for one, other in itertools.combinations(rows.to_dict("records"), 2):
        axes = {axis for axis in RUN if one[axis] != other[axis]}
        apart = math.asin(math.sqrt(one["test_error"])) - math.asin(math.sqrt(other["test_error"]))
        if (differ is not None and axes != differ) or abs(apart) < 2 / math.sqrt(2 * images) or apart == 0:
            continue
        if np.isnan(one["diversity"]) or np.isnan(other["diversity"]):
            continue
        same = one["training"] == other["training"]
        w = weight[one["training"]] * (1 if same and differ is not None else weight[other["training"]])
        more = int(one["diversity"] > other["diversity"]) - int(one["diversity"] < other["diversity"])
        total += w * np.sign(apart) * more
        count += w
    return total, count


@pytest.fixture(scope="module")
def rows() -> pd.DataFrame:
    return table()


@pytest.fixture(scope="module")
def loaded(rows) -> Study:
    return Study(runs_of(rows))


def place(loaded: Study) -> int:
    return int(np.flatnonzero(loaded.runs.measures["measure"] == "diversity")[0])


def weight_of(loaded: Study, rows: pd.DataFrame, drawn: np.ndarray) -> dict:
    return dict(zip(rows["training"], drawn[loaded.runs.training], strict=True))


@pytest.mark.parametrize("axis", ["algorithm", "width", "epochs", "seed"])
def test_psi_and_its_draws_are_those_of_a_double_loop(rows, loaded, axis):
    column, outcome = place(loaded), loaded.runs.outcomes[0]
    found = agreement(loaded.pairs[axis], outcome, loaded.ranks[:, [column]], loaded.drawn[:2])
    total, count = by_hand(rows, IMAGES, dict.fromkeys(rows["training"], 1), {axis})
    assert (found.total[0], found.count[0]) == (total, count)
    assert found.blocks.sum() == total
    for draw in range(2):
        total, count = by_hand(rows, IMAGES, weight_of(loaded, rows, loaded.drawn[draw]), {axis})
        assert found.draws[draw, 0] == pytest.approx(total / count, abs=1e-6)


def test_the_pooled_tau_is_that_of_a_double_loop(rows, loaded):
    column = place(loaded)
    tau, low, high, pairs, contributions = pooled_tau(
        loaded.runs.outcomes[0], loaded.ranks[:, [column]], loaded.runs.training, loaded.drawn
    )
    total, count = by_hand(rows, IMAGES, dict.fromkeys(rows["training"], 1), None)
    assert pairs[0] == count
    assert tau[0] == pytest.approx(total / count, abs=1e-12)
    assert contributions.sum() == pytest.approx(2 * total)
    assert low[0] < tau[0] < high[0]


def test_the_first_order_interval_of_tau_is_near_that_of_the_weighted_pairs(rows, loaded):
    tau, low, high, *_ = pooled_tau(
        loaded.runs.outcomes[0], loaded.ranks[:, [place(loaded)]], loaded.runs.training, loaded.drawn
    )
    exact = []
    for draw in loaded.drawn[:12]:
        total, count = by_hand(rows, IMAGES, weight_of(loaded, rows, draw), None)
        exact.append(total / count)
    assert np.std(exact) == pytest.approx((high[0] - low[0]) / 3.92, rel=0.6)
    assert np.mean(exact) == pytest.approx(tau[0], abs=(high[0] - low[0]) / 2)


def test_without_ties_the_pooled_tau_is_that_of_scipy():
    rng = np.random.default_rng(0)
    x, y = rng.random(200), rng.random(200)
    ranks = stats.rankdata(x).astype(np.int32)[:, None] - 1
    outcome = Outcome("test_error", y, y, 0.0)
    tau = pooled_tau(outcome, ranks, np.arange(200), np.ones((3, 200), dtype=np.float32))[0]
    assert tau[0] == pytest.approx(stats.kendalltau(x, y).statistic, abs=1e-12)


def test_the_worst_environment_is_that_of_a_loop(rows, loaded):
    column, outcome = place(loaded), loaded.runs.outcomes[0]
    for axis in ("algorithm", "width", "seed"):
        found = agreement(loaded.pairs[axis], outcome, loaded.ranks[:, [column]], loaded.drawn[:2])
        environment = environments(found.pairs, loaded.runs.axes, loaded.runs.network)
        share, low, high, count, _ = worst_environment(
            found.pairs, environment, outcome, loaded.ranks[:, [column]], np.array([1]), loaded.drawn
        )
        of = {}
        angle, diversity = outcome.angle, loaded.runs.matrix[:, column]
        keys = ["algorithm", "depth", "width", "norm"]
        facts = loaded.runs.table
        for i, j in zip(found.pairs.first, found.pairs.second, strict=True):
            if np.isnan(diversity[i]) or np.isnan(diversity[j]):
                continue
            key = tuple(facts.loc[i, keys]) if axis == "seed" else frozenset(facts.loc[[i, j], axis])
            higher = np.sign(diversity[i] - diversity[j]) if diversity[i] != diversity[j] else 0
            of.setdefault(key, []).append((1 + np.sign(angle[i] - angle[j]) * higher) / 2)
        worst = max((list(wrong) for wrong in of.values() if len(wrong) >= 12), key=np.mean)
        assert (share[0], count[0]) == (pytest.approx(np.mean(worst)), len(worst))
        assert low[0] <= share[0] <= high[0]


def test_pairs_of_different_blocks_share_no_training():
    axes = runs_of(results(grid(), np.linspace(0.1, 0.4, 135), np.zeros(135)))
    for axis in axes.varied:
        pairs = pairs_along(axis, axes.axes, axes.training)
        trainings = {}
        for first, second, block in zip(pairs.first, pairs.second, pairs.block, strict=True):
            for run in (first, second):
                assert trainings.setdefault(axes.training[run], block) == block


def test_a_pair_within_two_standard_errors_of_the_test_set_weighs_nothing():
    runs = grid(seeds=2, algorithm=["simclr"], width=[1.0], epochs=[5])
    for images, known in ((100, 0), (2_000, 1)):
        found = prediction_of(
            results(runs, np.array([0.30, 0.35]), np.array([1.0, 2.0])).assign(n_test=images)
        )
        psi = found[
            (found["measure"] == "diversity") & (found["statistic"] == "psi") & (found["axis"] == "seed")
        ]
        assert psi["pairs"].item() == known
        share = found[(found["statistic"] == "unresolved") & (found["axis"] == "seed")]
        assert share["estimate"].item() == 1 - known
