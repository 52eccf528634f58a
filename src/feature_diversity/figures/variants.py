"""Variants of the recipe: what changes when something other than the architecture does."""

import pandas as pd
from matplotlib.figure import Figure

from feature_diversity.base.layers import PAPERS_LAYERS
from feature_diversity.base.run import DEFAULT
from feature_diversity.figures.captions import TITLES
from feature_diversity.figures.drawing import (
    ENTRIES,
    Look,
    Notes,
    by_layer,
    cycled,
    finish,
    key,
    legend_in,
    nothing,
    prepare,
    seed_keys,
    subject,
)
from feature_diversity.figures.paper import NO_POINTS, POINT
from feature_diversity.figures.style import COLOURS, MARKERS

MOST = 16  # variants in the legend


def variants(table: pd.DataFrame) -> tuple[Figure, Notes]:
    """Diversity and test error of the variants, the default one first."""
    rows, layers, notes = prepare(table, POINT, [*PAPERS_LAYERS, "trunk"])
    if rows.empty:
        return nothing(TITLES["variants"], notes, NO_POINTS)
    names = sorted(rows["variant"].unique(), key=lambda name: (name != DEFAULT, name))
    colours, markers = cycled(names, COLOURS), cycled(names, MARKERS)
    if names[MOST:]:
        notes.remarks.append(f"Without a place in the legend: {', '.join(names[MOST:])}")

    look = Look("variant", colours), Look("variant", markers)
    figure, legend = by_layer(rows, layers, *look, lambda ax, mine: None, notes)
    entries = [key(name, colours[name], markers[name]) for name in names[:MOST]]
    legend_in(legend, [entries, seed_keys(rows, notes)], columns=1 + (len(entries) > ENTRIES))
    finish(figure, f"{TITLES['variants']}: {subject(table)}", notes)
    return figure, notes
