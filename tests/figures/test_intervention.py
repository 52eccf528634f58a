"""The figure of the stage `intervention`: what it shows is what the table says."""

import pytest
from support.intervention_tables import penalties, table

from feature_diversity.figures.intervention import doses_and_errors
from feature_diversity.interventions.analysis import analysed


@pytest.fixture(scope="module")
def analysis():
    return analysed(table("cause", 0), penalties())


def test_every_arm_is_a_point_at_its_dose(analysis):
    figure, notes = doses_and_errors(analysis)
    left, right = figure.axes
    levers = [line for line in right.lines if line.get_marker() in "os"]
    assert [len(line.get_xdata()) for line in levers] == [5, 5]
    errors = analysis.query("statistic == 'error' and lever == 'energy'").sort_values("delta")
    assert list(levers[0].get_ydata()) == pytest.approx(list(100 * errors["estimate"]))
    placebos = next(line for line in left.lines if line.get_marker() == "x")
    assert sorted(placebos.get_xdata()) == [-1, 1]
    assert list(placebos.get_ydata()) == pytest.approx([1, 1], abs=0.05)
    assert notes.points == 2 * (10 + 2 + 1)


def test_titles_say_the_layer_and_the_verdict(analysis):
    figure, _ = doses_and_errors(analysis)
    left, right = (ax.get_title() for ax in figure.axes)
    assert left == "trunk: SimCLR, BatchNorm,\nResNet-14 × 0.25, 20 epochs"
    assert right.startswith("causes\n+4.")


def test_an_empty_table_gives_a_picture_that_says_so(analysis):
    _, notes = doses_and_errors(analysis.iloc[:0])
    assert notes.text() == "Nothing to draw: no layer was treated."
