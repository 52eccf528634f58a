"""Relations that were planted along one axis are found there and nowhere else."""

import numpy as np
import pandas as pd
import pytest
from support.prediction_tables import AXES, PLANTED, found_along, study

from feature_diversity.prediction.predict import prediction_of

TABLES = 20
# Of 20 tables without a relation at most so many may show one: more has a probability below 1 in 100 at 5 %
FALSE = 4
EXPECTED = {
    "nothing": {},
    "seed": {"seed": +1},
    "width": {"width": +1},
    "epochs": {"epochs": +1},
    "algorithm against seed": {"algorithm": +1, "seed": -1},
}


@pytest.mark.parametrize("relation", PLANTED)
def test_a_relation_shows_along_its_axis_and_no_other(relation):
    found = np.array([found_along(PLANTED[relation](draw)) for draw in range(TABLES)])
    for axis, signs in zip(AXES, found.T, strict=True):
        # diversity that knows the error falls with it
        expected = -EXPECTED[relation].get(axis, 0)
        if expected:
            assert (signs == expected).mean() >= 0.8, axis
        else:
            assert (signs != 0).sum() <= FALSE, axis


def of(found: pd.DataFrame, statistic: str, axis: str = "all") -> pd.Series:
    chosen = (found["measure"] == "diversity") & (found["statistic"] == statistic) & (found["axis"] == axis)
    return found[chosen].iloc[0]


def test_a_reversal_between_seeds_is_hidden_in_the_pooled_tau():
    found = prediction_of(PLANTED["algorithm against seed"](0))
    assert of(found, "tau")["high"] < 0 < of(found, "psi", "seed")["low"]


def test_what_an_algorithm_explains_leaves_no_partial_correlation():
    found = prediction_of(study(0, algorithm=3.0))
    assert of(found, "tau")["high"] < -0.2
    assert of(found, "partial correlation")["p_max_t"] > 0.05
    assert of(found, "partial correlation")["low"] < 0 < of(found, "partial correlation")["high"]
    assert of(found, "conditional information")["estimate"] < 0.05


def test_the_interval_holds_the_true_psi_of_the_seed():
    """True psi of two normal variables with correlation rho is 2 arcsin(rho) / pi (Kruskal 1958)."""
    true = -2 / np.pi * np.arcsin(1 / np.hypot(1, 0.2) ** 2)
    inside = []
    for draw in range(TABLES):
        row = of(prediction_of(study(draw, seed=1.0)), "psi", "seed")
        inside.append(row["low"] <= true <= row["high"])
    assert np.mean(inside) >= 0.8


def test_a_measure_that_knows_the_seed_chooses_the_better_checkpoint_of_all():
    found = prediction_of(study(0, epochs=1.0))
    regret = found[(found["statistic"] == "regret") & (found["axis"] == "checkpoint of a training")]
    regret = regret.set_index("measure")["estimate"]
    assert regret["val_error"] == 0
    assert regret["diversity"] < 0.5 * regret["random"]
    assert regret["epochs"] < 0.1 * regret["random"]


@pytest.mark.parametrize("size", [3.0, 0.0])
def test_a_relation_along_variants_shows_in_pairs_that_differ_in_the_variant_alone(size):
    """The three widths are called variants of one network: what was planted along width is along variants."""
    signs = []
    for draw in range(TABLES):
        table = study(draw, width=size)
        table["variant"] = table["width"].map({0.25: "default", 0.5: "cool", 1.0: "weak"})
        signs.append(found_along(table.assign(width=0.5, n_params=1e6), ["variant", "seed"]))
    of_variant, of_seed = np.array(signs).T
    assert (of_seed != 0).sum() <= FALSE
    if size:
        assert (of_variant == -1).mean() >= 0.8
    else:
        assert (of_variant != 0).sum() <= FALSE
