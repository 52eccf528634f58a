"""Gates: did a training do what a training should? All definitions and thresholds are here.

A gate is "passes", "fails" or "unknown"; unknown, where the study does not have what it asks for, is no
failure. To pass, a training has to show it, by more than chance can do: one that is as good as untrained
fails. A training is judged where it ends, and all its runs have its gates; untrained runs have none.
"""

import numpy as np
import pandas as pd

from feature_diversity.base.reading import HEADLINE
from feature_diversity.base.run import NETWORK, RUN
from feature_diversity.statistics.proportions import angle, apart

PASSES, FAILS, UNKNOWN = "passes", "fails", "unknown"
GATES = {  # column -> what a training has that fails, for people
    "gate_loss": "a loss that did not fall",
    "gate_untrained": "no clearly lower error than the untrained network",
    "gate_pixels": "no clearly lower error than a linear classifier on the pixels",
    "gate_head": "a collapsed head",
}
# The fall of the loss, in standard errors of a difference of two epochs. 2, as for differences of errors
# (`statistics.proportions`): one training in 40 passes whose loss only varies from epoch to epoch.
FALL = 2
FEWEST_EPOCHS = 4  # two differences in the second half, from which an epoch's noise is told from the fall
# 1 - mean cosine of the head's outputs below which it is collapsed. Its root is about the deviation of unit
# outputs, as a share of what it is when they are spread evenly: 0 in a collapse, about 1 in a network that
# learned (Chen & He 2021, section 4.1 and figure 2). 3 % leaves room for RotNet, whose task gives the same
# answer for all upright images (30 to 60 % in the demo), and is above rounding in float32.
COLLAPSED = 1e-3


def gates_of(table: pd.DataFrame) -> pd.DataFrame:
    """The gates of every row's training.

    Args:
        table: rows of all runs of a study, untrained ones among them: RUN, `schedule`, `error_source`,
            `first_loss`, `final_loss`, `loss_noise`, `test_error`, `n_test`, `pixel_error`, and of the head's
            rows the reading of the energy and `mean_cosine`.

    Returns:
        A column for each of GATES, rows as in the table: PASSES, FAILS or UNKNOWN; None in rows of untrained
        networks.
    """
    runs = table.drop_duplicates(RUN).reset_index(drop=True)
    key = pd.MultiIndex.from_frame(runs[RUN])
    errors = runs["test_error"].where(runs["error_source"] == "measured")
    untrained = errors.set_axis(pd.MultiIndex.from_frame(runs[NETWORK]))[(runs["epochs"] == 0).to_numpy()]
    before = untrained.reindex(pd.MultiIndex.from_frame(runs[NETWORK])).to_numpy()
    found = pd.DataFrame(
        {
            "gate_loss": fell(runs["first_loss"], runs["final_loss"], runs["loss_noise"]),
            "gate_untrained": better(errors, before, runs["n_test"]),
            "gate_pixels": better(errors, runs["pixel_error"], runs["n_test"]),
            "gate_head": spread_out(_head(table).reindex(key)),
        },
        index=key,
    )
    ends = found.reindex(pd.MultiIndex.from_frame(_end(runs)[RUN])).set_axis(key)
    ends[(runs["epochs"] == 0).to_numpy()] = None
    return ends.reindex(pd.MultiIndex.from_frame(table[RUN])).set_axis(table.index)


def failing(table: pd.DataFrame) -> pd.Series:
    """Whether the training of each row fails a gate. In a table without gates none does."""
    present = [column for column in GATES if column in table]
    return (table[present] == FAILS).any(axis=1)


def failures(table: pd.DataFrame) -> str:
    """How many trained runs are of trainings that fail a gate, and which; empty if none is.

    Args:
        table: rows of runs, with the columns of GATES that there are.
    """
    runs = table[table["epochs"] > 0].drop_duplicates(RUN)
    if not (count := int(failing(runs).sum())):
        return ""
    of_gates = {text: int((runs[gate] == FAILS).sum()) for gate, text in GATES.items() if gate in runs}
    listed = "; ".join(f"{text}: {number:,}" for text, number in of_gates.items() if number)
    return f"{count:,} of {len(runs):,} trained runs are of trainings that fail a gate ({listed})"


def loss_noise(losses: np.ndarray) -> float:
    """Standard deviation of an epoch's mean loss around its course, over the second half of the training.

    From the differences of neighbouring epochs (von Neumann et al. 1941), which a slow fall hardly changes;
    the first half falls fast.

    Args:
        losses: (epochs,), in their order.

    Returns:
        A number >= 0; NaN below FEWEST_EPOCHS.
    """
    if len(losses) < FEWEST_EPOCHS:
        return np.nan
    steps = np.diff(losses[(len(losses) - 1) // 2 :])
    return float(np.sqrt(np.mean(steps**2) / 2))


def fell(first: pd.Series, final: pd.Series, noise: pd.Series) -> np.ndarray:
    """Whether the last epoch's loss is below the first's by more than FALL standard errors; all (runs,)."""
    return _gate(first - final, FALL * np.sqrt(2) * noise)


def better(error: pd.Series, other: np.ndarray | pd.Series, images: pd.Series) -> np.ndarray:
    """Whether an error is below another by more than so many test images can do by chance; all (runs,)."""
    return _gate(angle(np.asarray(other)) - angle(error.to_numpy()), apart(images.to_numpy(dtype=float)))


def spread_out(mean_cosine: pd.Series) -> np.ndarray:
    """Whether outputs with that mean cosine of pairs point in more than one direction."""
    return _gate(1 - mean_cosine, COLLAPSED)


def _gate(value: np.ndarray | pd.Series, least: np.ndarray | pd.Series | float) -> np.ndarray:
    """Passes where the value is above the least one, unknown where either is missing."""
    value, least = np.broadcast_arrays(np.asarray(value, float), np.asarray(least, float))
    known = np.isfinite(value) & np.isfinite(least)
    return np.where(known, np.where(value > least, PASSES, FAILS), UNKNOWN)


def _head(table: pd.DataFrame) -> pd.Series:
    """Mean cosine of the head's outputs, by run."""
    here = table["layer"].eq("head")
    for column, value in HEADLINE.items():
        here &= table[column].eq(value)
    rows = table[here].drop_duplicates(RUN)
    return rows["mean_cosine"].set_axis(pd.MultiIndex.from_frame(rows[RUN]))


def _end(runs: pd.DataFrame) -> pd.DataFrame:
    """Of each run the last one of its training: of snapshots the longest, else itself."""
    snapshot = runs["schedule"].eq("trajectory") & (runs["epochs"] > 0)
    last = runs.groupby(NETWORK)["epochs"].transform("max")
    return runs.assign(epochs=runs["epochs"].where(~snapshot, last))
