"""Beyond the paper: layers over training, what training changes, variants, measures by number of images."""

import numpy as np
import pandas as pd
from matplotlib.colors import FuncNorm
from matplotlib.figure import Figure

from feature_diversity.base.layers import PAPERS_LAYERS, in_order
from feature_diversity.base.run import DEFAULT, NETWORK, RUN
from feature_diversity.figures.captions import TITLES
from feature_diversity.figures.drawing import (
    DIVERSITY,
    ENTRIES,
    LOGARITHM,
    Look,
    Notes,
    by_layer,
    cloud,
    cycled,
    diversity_ticks,
    finish,
    heat_map,
    key,
    legend_in,
    logarithmic,
    nothing,
    panels,
    prepare,
    seed_keys,
    subject,
)
from feature_diversity.figures.paper import NO_POINTS, POINT
from feature_diversity.figures.relations import MEASURES
from feature_diversity.figures.style import COLOURS, MARKERS, NAMES, SEQUENTIAL, look_of
from feature_diversity.results.table import shown_in

WIDTHS = 4  # panels at most
MOST = 16  # variants in the legend
COUNTED = ["diversity", "uniformity", "rankme", "participation_ratio", "vendi_q2", "two_nn"]  # by images


def layers_over_epochs(table: pd.DataFrame) -> tuple[Figure, Notes]:
    """Mean diversity by layer and number of epochs, a panel for each width, of the runs of figure 1."""
    of_figure = shown_in(table, "figure1")
    table = table if of_figure.empty else of_figure
    rows, layers, notes = prepare(table, ["diversity"], in_order(set(table["layer"].dropna())))
    if rows.empty:
        return nothing(TITLES["layers"], notes, "no run has a diversity")
    widths = sorted(rows["width"].unique())
    if len(widths) > WIDTHS:
        notes.remarks.append(
            f"Widths without a panel: {', '.join(f'x{width:g}' for width in widths[WIDTHS:])}"
        )
    figure, axes, legend = panels([f"width x{width:g}" for width in widths[:WIDTHS]])
    low, high = rows["diversity"].min(), rows["diversity"].max()
    # logarithmic, lest a few collapsed networks leave one shade to all others
    shades = FuncNorm(LOGARITHM, vmin=low, vmax=high)
    for ax, width in zip(axes, widths, strict=False):
        means = rows[rows["width"] == width].pivot_table("diversity", "layer", "epochs").reindex(layers)
        image = heat_map(ax, means, SEQUENTIAL, shades)
    figure.supxlabel("Epochs", fontsize=8)
    bar = figure.colorbar(image, cax=legend.inset_axes((0.1, 0.1, 0.08, 0.8)), label=DIVERSITY)
    bar.set_ticks(diversity_ticks(low, high))
    finish(figure, f"{TITLES['layers']}: {subject(table)}", notes)
    return figure, notes


def untrained_control(table: pd.DataFrame) -> tuple[Figure, Notes]:
    """Each training's longest run beside its untrained network: test error, and energy as a ratio."""
    rows, layers, notes = prepare(table, ["diversity", "error"], [*PAPERS_LAYERS, "trunk"])
    key_columns = [*NETWORK, "layer"]
    before = rows[rows["epochs"] == 0].set_index(key_columns)[["diversity", "error"]]
    after = rows[rows["epochs"] > 0].sort_values("epochs").drop_duplicates(key_columns, keep="last")
    both = after.merge(before, on=key_columns, suffixes=("", "_before"))
    if both.empty:
        return nothing(
            TITLES["untrained"], notes, "no network was measured before and after training (epochs: 0)"
        )
    alone = len(after.drop_duplicates(NETWORK)) - len(both.drop_duplicates(NETWORK))
    if alone:
        notes.remarks.append(f"{alone:,} trainings left out: their untrained network is not in the table")
    changes = both.assign(
        fall=both["diversity_before"] / both["diversity"], error=both["error"] - both["error_before"]
    )
    notes.points = len(changes)
    colours, markers = look_of(list(changes["algorithm"].unique()))
    layers = [layer for layer in layers if layer in set(changes["layer"])]
    figure, axes, legend = panels(["test error", *layers], share_y=False)
    places = {name: place for place, name in enumerate(colours)}
    for ax, layer in zip(axes, ["", *layers], strict=True):
        mine = changes[changes["layer"] == layer] if layer else changes.drop_duplicates(RUN)
        # cells of one algorithm stand side by side
        cells = mine.groupby(["algorithm", "depth", "width", "norm"]).ngroup()
        within = cells - cells.groupby(mine["algorithm"]).transform("min")
        count = within.groupby(mine["algorithm"]).transform("max") + 1
        mine = mine.assign(place=mine["algorithm"].map(places) + 0.7 * ((within + 0.5) / count - 0.5))
        ax.axhline(1 if layer else 0, color="0.3", linewidth=0.9)
        value = "fall" if layer else "error"
        cloud(ax, mine, Look("algorithm", colours), Look("algorithm", markers), x="place", y=value)
        ax.set_xticks([])
        if layer:
            ax.set_yscale("log")
            logarithmic(ax.yaxis, mine[value])
        if layer == layers[0]:
            ax.set_ylabel("energy, untrained / trained")
    axes[0].set_ylabel("change of test error (points)")
    names = [key(NAMES.get(name, name), colours[name], markers[name]) for name in colours]
    legend_in(legend, [names, seed_keys(changes, notes)])
    finish(figure, f"{TITLES['untrained']}: {subject(table.assign(epochs=np.nan))}", notes)
    return figure, notes


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


def measures_by_images(counts: pd.DataFrame) -> tuple[Figure, Notes]:
    """Measures of pooled features over the number of images, as shares of their value with all images.

    counts: image_counts.csv. Lines are means over trained networks, one a layer, bars their standard
    deviation.
    """
    notes, title = Notes(), TITLES["image_counts"]
    trained = counts[counts["epochs"] > 0].drop_duplicates([*RUN, "layer", "measure_images"])
    if trained.empty:
        return nothing(title, notes, "no trained network was measured on several numbers of images")
    of_run = [*RUN, "layer"]
    most = trained.groupby(of_run)["measure_images"].transform("max")
    whole = trained[trained["measure_images"] == most].set_index(of_run)[COUNTED]
    shares = trained.set_index([*of_run, "measure_images"])[COUNTED] / whole
    shares = shares.replace([np.inf, -np.inf], np.nan)
    notes.points = int(shares.notna().any(axis=1).sum())
    layers = in_order(set(trained["layer"]))
    colours, markers = cycled(layers, COLOURS), cycled(layers, MARKERS)
    figure, axes, legend = panels([MEASURES[name] for name in COUNTED], share_y=False)
    for ax, name in zip(axes, COUNTED, strict=True):
        ax.axhline(1, color="0.3", linewidth=0.9)
        groups = shares[name].groupby(level=["layer", "measure_images"])
        mean, deviation = groups.mean(), groups.std()
        for layer in layers:
            here, bars = mean[layer], deviation[layer]
            look = {"color": colours[layer], "marker": markers[layer], "markersize": 4, "linewidth": 1}
            ax.errorbar(here.index, here, bars, elinewidth=0.8, capsize=2, **look)
        ax.set_xscale("log", base=2)
        sizes = sorted(trained["measure_images"].unique())
        ax.set_xticks(sizes, [f"{size:,}" for size in sizes], rotation=30)
        ax.minorticks_off()
    figure.supxlabel("Images", fontsize=8)
    figure.supylabel("Value / value with all images", fontsize=8)
    legend_in(legend, [[key(layer, colours[layer], markers[layer], "-") for layer in layers]])
    finish(figure, f"{title}: {subject(trained)}", notes)
    return figure, notes
