"""The figure of the stage `predict`: what it shows is what the table says."""

import pandas as pd
import pytest
from support.prediction_tables import PLANTED, study

from feature_diversity.figures.prediction import measures_and_axes
from feature_diversity.prediction.predict import prediction_of


@pytest.fixture(scope="module")
def prediction() -> pd.DataFrame:
    return prediction_of(PLANTED["seed"](0).assign(rankme=lambda table: table["diversity"]))


def texts(ax) -> list[str]:
    return [text.get_text() for text in ax.texts]


def test_every_measure_has_its_row_and_baselines_stand_below(prediction):
    figure, notes = measures_and_axes(prediction)
    names = [label.get_text() for label in figure.axes[0].get_yticklabels()]
    assert names == [
        "diversity, head",
        "RankMe, head",
        "validation error",
        "number of epochs",
        "number of parameters",
    ]
    assert notes.points == 5 * 4


def test_the_numbers_are_shares_of_pairs_ordered_right(prediction):
    figure, _ = measures_and_axes(prediction)
    left, right = figure.axes
    psi = prediction[prediction["statistic"].eq("psi") & prediction["measure"].eq("diversity")].set_index(
        "axis"
    )
    point = next(line for line in left.lines if line.get_marker() == "o")
    assert point.get_xdata()[0] == pytest.approx(50 * (1 - psi.loc["seed", "estimate"]))
    assert texts(right)[:3] == [
        f"{50 * (1 - psi.loc[axis, 'estimate']):.0f}" for axis in ("algorithm", "width", "epochs")
    ]
    # the validation error is the test error here, and less of it is better
    assert texts(right)[6:9] == ["100", "100", "100"]


def test_with_one_seed_the_other_axes_are_shown_and_the_notes_say_so():
    some = study(0, width=3.0)
    figure, notes = measures_and_axes(prediction_of(some[some["seed"] == 0]))
    assert len(figure.axes) == 2
    assert "No two runs differ in their seed alone" in notes.text()


def test_without_any_pair_the_picture_says_why():
    some = study(0)
    _, notes = measures_and_axes(prediction_of(some[:1]))
    assert "Nothing to draw" in notes.text()
    assert notes.points == 0
