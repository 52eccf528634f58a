"""Crosses on what fails a gate, and lines of errors that are easy."""

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
    assert texts(figure) == {"pixels"}
    assert not any("untrained 25" in remark for remark in notes.remarks)


def test_a_table_without_references_has_no_lines(table):
    figure, notes = draw("figure3", table[table["epochs"] > 0].drop(columns=["pixel_error", "chance_error"]))
    assert lines_across(figure) == []
    assert not any("Beyond" in remark for remark in notes.remarks)


def crosses(figure):
    """Points of the first panel with a cross on them."""
    return sum(len(line.get_xdata()) for line in figure.axes[0].lines if line.get_marker() == "x")


@pytest.mark.parametrize("name", ["figure1", "figure2", "figure3", "figure4", "untrained"])
def test_what_fails_a_gate_has_a_cross_and_an_entry_in_the_legend(table, name):
    fails = np.where((table["seed"] == 2) & (table["epochs"] > 0), "fails", "passes")
    figure, notes = draw(name, table.assign(gate_loss=fails))
    assert crosses(figure) == 4
    legends = [text.get_text() for ax in figure.axes if ax.get_legend() for text in ax.get_legend().texts]
    assert "its training fails a gate" in legends
    assert "4 of 8 trained runs are of trainings that fail a gate" in notes.remarks


@pytest.mark.parametrize("name", ["figure1", "figure3", "untrained"])
def test_where_nothing_fails_there_is_no_cross(table, name):
    figure, notes = draw(name, table.assign(gate_loss="unknown"))
    assert crosses(figure) == 0
    assert not any("gate" in remark for remark in notes.remarks)


@pytest.mark.parametrize("name", ["layers", "measures", "cosine"])
def test_figures_of_means_count_what_fails(table, name):
    rows = pd.concat([table, table.assign(algorithm="rotnet")]).assign(mean_cosine=0.5, gate_head="fails")
    _, notes = draw(name, rows)
    assert any("trained runs are of trainings that fail a gate" in remark for remark in notes.remarks)
