import numpy as np
import pandas as pd

from feature_diversity.results.initial import since_initialisation

PLACE = {"algorithm": "simclr", "depth": 14, "width": 0.5, "norm": "batchnorm", "vector": "flatten"}
PLACE |= {"variant": "default"}


def test_each_measure_loses_its_value_of_the_same_untrained_network_layer_and_reading():
    rows = [(0, 1, "conv1", False, 1.0), (5, 1, "conv1", False, 4.0), (5, 1, "conv1", True, 7.0),
            (0, 1, "head", False, -np.inf), (5, 1, "head", False, 2.0), (9, 1, "head", False, -np.inf),
            (5, 2, "conv1", False, 3.0)]  # fmt: skip
    table = pd.DataFrame(rows, columns=["epochs", "seed", "layer", "centred", "rankme"]).assign(**PLACE, s=1)
    found = since_initialisation(table, ["rankme"])
    # a reading, or a seed, without an untrained network has none; nor has a difference of two infinities
    expected = [0.0, 3.0, np.nan, np.nan, np.inf, np.nan, np.nan]
    np.testing.assert_array_equal(found["delta_rankme"], expected)


def test_a_study_without_untrained_networks_has_no_changes():
    table = pd.DataFrame([PLACE | {"epochs": 5, "seed": 1, "layer": "head", "centred": False, "s": 1}])
    assert since_initialisation(table.assign(rankme=1.0), ["rankme"])["delta_rankme"].isna().all()
