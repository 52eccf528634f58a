"""Open points of what fails a gate, lines of errors that are easy, and untrained networks at the rim."""

import itertools

import numpy as np
import pandas as pd
import pytest

from feature_diversity.figures import draw as figures
from feature_diversity.figures.references import ROOM
from feature_diversity.results.gates import GATES

RUN = {"dataset": "digits", "algorithm": "simclr", "depth": 14, "norm": "batchnorm", "variant": "default"}
READING = {"vector": "flatten", "centred": False, "s": 1}


@pytest.fixture
def table():
    """Four widths of two seeds after 20 epochs with errors of 10 to 17 %, 25 % untrained."""
    rows = []
    for width, epochs, seed in itertools.product((0.25, 0.5, 1.0, 2.0), (0, 20), (1, 2)):
        error = 0.25 if epochs == 0 else 0.10 + 0.01 * (4 * np.log2(width) + 8) / 2 + 0.01 * (seed - 1)
        run = RUN | {"width": width, "epochs": epochs, "seed": seed, "test_error": error, "val_error": error}
        run |= {"n_params": 1e6 * width, "figures": "figure1 figure2 figure3 figure4" if epochs else ""}
        for layer in ("conv1", "head"):
            rows.append(run | READING | {"layer": layer, "diversity": -1 - width - seed / 10})
    return pd.DataFrame(rows).assign(pixel_error=0.12, chance_error=0.9, **dict.fromkeys(GATES, "passes"))


def draw(name, table):
    """A figure and its notes."""
    return figures.draw(name, figures.headline(table))


def lines_across(figure):
    """Heights of the lines that cross the first panel from side to side."""
    return sorted(line.get_ydata()[0] for line in figure.axes[0].lines if list(line.get_xdata()) == [0, 1])


def texts(figure):
    """What is written in the first panel."""
    return {text.get_text() for text in figure.axes[0].texts}


@pytest.mark.parametrize("name", ["figure1", "figure2", "figure3", "figure4"])
def test_lines_that_fit_are_drawn_and_named_and_the_others_told(table, name):
    figure, notes = draw(name, table)
    assert lines_across(figure) == pytest.approx([12])
    assert texts(figure) == {"pixels"}
    assert "Beyond the axis of errors: untrained 25 %, chance 90 %" in notes.remarks


def test_an_axis_grows_for_a_line_by_a_third_at_most(table):
    near = table.assign(test_error=table["test_error"].where(table["epochs"] > 0, 0.185))
    alone, _ = draw("figure3", near.drop(columns=["pixel_error", "chance_error"]).query("epochs > 0"))
    figure, _ = draw("figure3", near)
    assert lines_across(figure) == pytest.approx([12, 18.5])
    sizes = [np.ptp(each.axes[0].get_ylim()) for each in (alone, figure)]
    assert sizes[0] < sizes[1] <= ROOM * sizes[0]


def test_untrained_networks_that_are_points_need_no_line(table):
    figure, notes = draw("figure1", table.assign(figures="figure1"))
    assert lines_across(figure) == pytest.approx([12])
    assert not any("untrained 25" in remark for remark in notes.remarks)


def at_the_rim(figure):
    """Places of the first panel's markers that are not at their values: shares of its width and height."""
    ax = figure.axes[0]
    return [line.get_xydata()[0] for line in ax.lines if line.get_transform() == ax.transAxes]


def test_untrained_networks_do_not_set_the_axes_and_are_at_the_rim_with_their_values(table):
    table = table.assign(figures="figure1")
    alone, _ = draw("figure1", table.query("epochs > 0"))
    figure, notes = draw("figure1", table)
    for axis in ("xlim", "ylim"):
        assert getattr(figure.axes[0], f"get_{axis}")() == getattr(alone.axes[0], f"get_{axis}")()
    # the same diversities as when trained: straight above, at 25 % and so above the panel
    places = at_the_rim(figure)
    means = table.query("epochs > 0 and layer == 'conv1'").groupby("width")["diversity"].mean()
    left, right = figure.axes[0].get_xlim()
    assert sorted(place[0] for place in places) == pytest.approx(sorted((means - left) / (right - left)))
    assert [place[1] for place in places] == pytest.approx([1] * 4)
    assert texts(figure) == {"pixels", "25 %"}
    assert any("Untrained networks outside the axes are at the rim" in remark for remark in notes.remarks)


def test_an_untrained_network_beyond_both_axes_is_where_the_line_to_it_leaves_the_panel(table):
    far = table.assign(figures="figure1").query("width == 1.0")
    far = far.assign(diversity=far["diversity"].where(far["epochs"] > 0, -100.0))
    figure, _ = draw("figure1", far)
    ax = figure.axes[0]
    trained = far.query("epochs > 0 and layer == 'conv1'")[["diversity", "test_error"]].mean() * [1, 100]
    [place] = at_the_rim(figure)
    x, y = (ax.transAxes + ax.transData.inverted()).transform(place)
    assert place.min() == 0 or place.max() == 1
    slope = (25 - trained["test_error"]) / (-100 - trained["diversity"])
    assert y - trained["test_error"] == pytest.approx(slope * (x - trained["diversity"]))
    assert "25 %, -100" in texts(figure)


def test_many_untrained_networks_at_the_rim_have_no_labels(table):
    variants = [table.assign(figures="variants", variant=f"v{number}") for number in range(3)]
    figure, notes = draw("variants", pd.concat(variants))
    assert len(at_the_rim(figure)) == 12
    assert texts(figure) == {"pixels"}
    assert "Untrained networks outside the axes are at the rim where the line leaves it" in notes.remarks


def test_untrained_networks_nearby_stay_where_they_are(table):
    near = table.assign(figures="figure1", test_error=table["test_error"].where(table["epochs"] > 0, 0.18))
    figure, notes = draw("figure1", near)
    assert at_the_rim(figure) == []
    assert figure.axes[0].get_ylim()[1] > 18
    assert not any("at the rim" in remark for remark in notes.remarks)


def test_a_table_without_references_has_no_lines(table):
    figure, notes = draw("figure3", table[table["epochs"] > 0].drop(columns=["pixel_error", "chance_error"]))
    assert lines_across(figure) == []
    assert not any("Beyond" in remark for remark in notes.remarks)


def open_points(figure):
    """How many points of the first panel are open."""
    return sum(len(line.get_xdata()) for line in figure.axes[0].lines if line.get_markerfacecolor() == "none")


@pytest.mark.parametrize("name", ["figure1", "figure2", "figure3", "figure4", "untrained"])
def test_what_fails_a_gate_is_open_and_has_an_entry_in_the_legend(table, name):
    fails = np.where((table["seed"] == 2) & (table["epochs"] > 0), "fails", "passes")
    figure, notes = draw(name, table.assign(gate_loss=fails))
    assert open_points(figure) == 4
    legends = [text.get_text() for ax in figure.axes if ax.get_legend() for text in ax.get_legend().texts]
    assert "one whose training fails a gate" in legends
    assert "4 of 8 trained runs are of trainings that fail a gate" in notes.remarks


@pytest.mark.parametrize("name", ["figure1", "figure3", "untrained"])
def test_where_nothing_fails_no_point_is_open(table, name):
    figure, notes = draw(name, table.assign(gate_loss="unknown"))
    assert open_points(figure) == 0
    assert not any("gate" in remark for remark in notes.remarks)


@pytest.mark.parametrize("name", ["layers", "measures", "cosine"])
def test_figures_of_means_count_what_fails(table, name):
    rows = pd.concat([table, table.assign(algorithm="rotnet")]).assign(mean_cosine=0.5, gate_head="fails")
    _, notes = draw(name, rows)
    assert any("trained runs are of trainings that fail a gate" in remark for remark in notes.remarks)
