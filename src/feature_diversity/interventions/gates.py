"""Gates of arms: was the dose delivered, and was the placebo inert?"""

import numpy as np

# A placebo may move the treated layer's excess by so much of what its treated run moves it: then three
# quarters or more of what is seen are the diversity's.
SHARE = 0.25
DEVIATIONS = 2  # standard deviations between untreated seeds by which a mean loss may differ, as for errors
DEAD = 0.05  # more units than in the untreated run that may be 0 for all images of a batch


def delivered(excess: np.ndarray) -> bool:
    """Whether the held-out excess falls from dose to dose in every seed.

    Args:
        excess: (seeds, doses), doses ascending.
    """
    return bool(np.isfinite(excess).all() and (np.diff(excess, axis=1) < 0).all())


def not_inert(
    excess: tuple[np.ndarray, np.ndarray, np.ndarray],
    loss: tuple[np.ndarray, np.ndarray] | None,
    dead_units: tuple[np.ndarray, np.ndarray] | None,
) -> str:
    """Say why a placebo is not inert.

    Args:
        excess: (seeds,) of untreated run, treated run and placebo.
        loss: of untreated run and placebo, in the last epoch, without the penalty; None where unknown.
        dead_units: shares, likewise.

    Returns:
        A clause; empty if the placebo is as the untreated run.
    """
    untreated, treated, placebo = excess
    moved = abs((placebo / untreated - 1).mean()) / max(abs((treated / untreated - 1).mean()), 1e-12)
    if not moved <= SHARE:
        return f"it moves the excess by {100 * moved:.0f} % of what the treated run moves it"
    if loss is not None:
        apart = (loss[1] - loss[0]).mean()
        if not abs(apart) <= DEVIATIONS * loss[0].std(ddof=1):
            return f"its loss differs by {apart:+.3g}"
    if dead_units is not None:
        more = (dead_units[1] - dead_units[0]).mean()
        if not more <= DEAD:
            return f"{100 * more:.0f} % more of its units are dead"
    return ""
