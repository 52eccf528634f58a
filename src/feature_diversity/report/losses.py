"""How the trainings of a study went: losses and measures over epochs, an algorithm a panel."""

import io
from base64 import b64encode
from pathlib import Path

import matplotlib as mpl
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from feature_diversity.base.paths import HISTORY
from feature_diversity.base.run import CONFIGURATION, NETWORK, RUN, Run
from feature_diversity.figures.style import ALGORITHMS, MATPLOTLIB, NAMES, PAGE

MOST = 2_000  # histories that are read: of more trainings, the first
ACROSS = 4  # panels


def histories_of(runs: pd.DataFrame, folder: Path, column: str = "loss") -> pd.DataFrame:
    """A column of the histories of trainings that have it: the columns of NETWORK, `epoch` and that one.

    Args:
        runs: One row for each run, with the columns of RUN.
        folder: The study's results.
        column: A loss, or one of LOG_COLUMNS, of which only epochs that were logged are taken.
    """
    last = runs.dropna(subset=RUN).sort_values("epochs").drop_duplicates(NETWORK, keep="last")
    parts = []
    for row in last[last["epochs"] > 0][RUN].head(MOST).itertuples(index=False):
        run = Run(**row._asdict())
        path = folder / run.folder / HISTORY
        try:
            history = pd.read_csv(path, usecols=["epoch", column]).dropna()
        except (OSError, ValueError):
            continue
        parts.append(history.assign(**{axis: getattr(run, axis) for axis in NETWORK}))
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=[*NETWORK, "epoch", column])


def drawn(histories: pd.DataFrame, column: str = "loss", label: str = "pretext loss") -> str:
    """A column of histories as a picture in a data address, empty without any.

    A line is the mean over the seeds of a network, the band reaches from the least to the largest. Losses of
    algorithms have nothing in common but that they should fall, so each panel has its own scale.
    """
    trained = set(histories["algorithm"])
    present = [name for name in [*ALGORITHMS, *sorted(trained - set(ALGORITHMS))] if name in trained]
    if not present:
        return ""
    down = -(-len(present) // ACROSS)
    with mpl.rc_context(MATPLOTLIB):
        figure = Figure(figsize=(PAGE, 0.3 + 1.35 * down), layout="constrained")
        panels = figure.subplots(down, ACROSS, squeeze=False).ravel()
        for panel, name in zip(panels, present, strict=False):
            colour = ALGORITHMS[name][0] if name in ALGORITHMS else "#999999"
            of_one = histories[histories["algorithm"] == name]
            for _, mine in of_one.groupby(CONFIGURATION):
                over = mine.groupby("epoch")[column].agg(["mean", "min", "max"])
                panel.plot(over.index, over["mean"], color=colour)
                panel.fill_between(over.index, over["min"], over["max"], color=colour, alpha=0.2, linewidth=0)
            panel.set_title(NAMES.get(name, name))
            panel.xaxis.set_major_locator(MaxNLocator(5, integer=True))
        for panel in panels[len(present) :]:
            panel.axis("off")
        figure.supxlabel("epoch", fontsize=8)
        figure.supylabel(label, fontsize=8)
        content = io.BytesIO()
        figure.savefig(content, format="svg", metadata={"Date": None})
    return f"data:image/svg+xml;base64,{b64encode(content.getvalue()).decode()}"
