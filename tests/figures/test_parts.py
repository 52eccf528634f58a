"""The figure of what crowds the features: bars that add up, and untrained ones that do not set the axes."""

import pandas as pd
import pytest

from feature_diversity.figures.parts import PARTS, parts_over_epochs

RUN = {"dataset": "digits", "algorithm": "simclr", "depth": 14, "width": 0.5, "norm": "batchnorm"}
READING = {"variant": "default", "vector": "flatten", "centred": False, "s": 1, "layer": "head"}


def panel(untrained):
    """The panel of one layer: parts of the untrained network, and of trained ones that sum to 0.5 and 0.3."""
    rows = [
        RUN
        | READING
        | {"epochs": epochs, "seed": seed, "fails": False, "test_error": 0.1, "diversity": -1.0}
        | dict(zip(PARTS, parts, strict=True))
        for epochs, parts in ((0, untrained), (5, (0.2, 0.2, 0.1)), (10, (0.1, 0.1, 0.1)))
        for seed in (1, 2)
    ]
    figure, _ = parts_over_epochs(pd.DataFrame(rows))
    return figure.axes[0]


def test_bars_add_up_to_the_excess():
    ax = panel((0.1, 0.1, 0.1))
    tops = [
        max(bars[place].get_y() + bars[place].get_height() for bars in ax.containers) for place in range(3)
    ]
    assert tops == pytest.approx([0.3, 0.5, 0.3])
    assert not ax.texts
    assert ax.get_ylim()[1] >= 0.5


def test_an_untrained_network_that_would_set_the_axis_is_cut_and_says_its_height():
    ax = panel((100, 60, 10))
    assert ax.get_ylim()[1] < 1
    assert [text.get_text() for text in ax.texts] == ["170 ↑"]
