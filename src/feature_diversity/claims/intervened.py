"""Claims about causes, by studies that set the diversity of a layer (stage `intervention`)."""

import numpy as np
import pandas as pd
from scipy import stats

from feature_diversity.claims.evidence import (
    CONTRADICTED,
    SUPPORTED,
    UNDECIDED,
    Evidence,
    NotTestable,
    Part,
    every,
)
from feature_diversity.interventions.result import CAUSES, NO_EFFECT
from feature_diversity.interventions.table import SETTING
from feature_diversity.statistics.multiplicity import ALPHA

LEVEL = 0.95  # of the slopes' intervals in the table
UNIT = "error per untreated excess of the {}, set"


def trade_off_by_head(table: pd.DataFrame) -> Evidence:
    """C12, where the head's diversity was set: the error rises when the head is spread out.

    Supported where that is caused in every network; contradicted where in every network nothing follows, or
    less error.

    Args:
        table: as `interventions.analysis.analysed` makes it.
    """
    found = slopes_of(table, "head")
    caused = (found["verdict"] == CAUSES).to_numpy()
    stated = found["slope"].to_numpy() < 0  # of the excess: crowding, the opposite of diversity
    none = (found["verdict"] == NO_EFFECT).to_numpy()
    verdict = UNDECIDED
    if (caused & stated).all():
        verdict = SUPPORTED
    elif (none | (caused & ~stated)).all():
        verdict = CONTRADICTED
    return _evidence(found, "head", verdict, every(one_sided(found, -1)), every(one_sided(found, 1)))


def narrow_networks_need_a_diverse_start(table: pd.DataFrame) -> Evidence:
    """C36: setting conv1's diversity lowers the error of the narrowest network, and of wider ones less.

    Supported where in every algorithm, depth and norm both are so; contradicted where in each the narrowest
    network's error does not follow, or rises with diversity.

    Args:
        table: as `interventions.analysis.analysed` makes it.
    """
    found = slopes_of(table, "conv1")
    supported, contradicted, p, p_opposed, parts = [], [], [], [], []
    for _, widths in found.groupby([axis for axis in SETTING if axis != "width"], dropna=False):
        widths = widths.sort_values("width")
        if len(widths) < 2:
            continue
        change = falling_with_width(widths)
        narrowest = widths.iloc[:1]
        start = narrowest["verdict"].item()
        p.append(every([change.p, *one_sided(narrowest, 1)]))
        p_opposed.append(one_sided(narrowest, -1)[0])
        judged = widths["verdict"].isin([CAUSES, NO_EFFECT, UNDECIDED]).all()
        supported.append(judged and start == CAUSES and p[-1] <= ALPHA)
        contradicted.append(start == NO_EFFECT or (start == CAUSES and narrowest["slope"].item() < 0))
        parts.append(change)
    if not parts:
        raise NotTestable("conv1's diversity was set at one width only; expected two or more")
    verdict = SUPPORTED if all(supported) else CONTRADICTED if all(contradicted) else UNDECIDED
    return _evidence(found, "conv1", verdict, every(p), every(p_opposed), tuple(parts))


def slopes_of(table: pd.DataFrame, layer: str) -> pd.DataFrame:
    """A row for each network whose layer was set and delivered: slope, error, freedom, verdict, note, seeds.

    Raises:
        NotTestable: the layer was not set, or in some network not delivered.
    """
    verdicts = table[(table["layer"] == layer) & (table["statistic"] == "verdict")]
    if verdicts.empty:
        raise NotTestable(f"the diversity of {layer} was not set by intervention")
    if verdicts["low"].isna().any():
        raise NotTestable(f"the doses on {layer} were not delivered in every network")
    freedom = verdicts["seeds"] - 1
    half = (verdicts["high"] - verdicts["low"]) / 2
    error = half / stats.t.ppf((1 + LEVEL) / 2, freedom)
    return verdicts.rename(columns={"estimate": "slope"}).assign(error=error, freedom=freedom)


def one_sided(found: pd.DataFrame, sign: int) -> list[float]:
    """p of every network that its slope has this sign."""
    return [float(stats.t.sf(sign * row.slope / row.error, row.freedom)) for row in found.itertuples()]


def falling_with_width(widths: pd.DataFrame) -> Part:
    """How much the slope falls with each doubling of the width; p that it does.

    Networks of different widths share no training. The freedom is that of the network with the fewest seeds.
    """
    doublings = np.log2(widths["width"].to_numpy(float))
    weights = -(doublings - doublings.mean())
    weights /= (weights**2).sum()
    effect = float(weights @ widths["slope"])
    error = float(np.sqrt(weights**2 @ widths["error"] ** 2))
    freedom = int(widths["freedom"].min())
    half = stats.t.ppf((1 + LEVEL) / 2, freedom) * error
    p = float(stats.t.sf(effect / error, freedom))
    name = f"{widths['algorithm'].iloc[0]}, fall of the slope with each doubling of the width"
    return Part(name, effect, effect - half, effect + half, p)


def _evidence(
    found: pd.DataFrame,
    layer: str,
    verdict: str,
    p: float,
    p_opposed: float,
    parts: tuple[Part, ...] = (),
) -> Evidence:
    """Mean slope of networks, weighed alike, and what was found in each."""
    effect = float(found["slope"].mean())
    error = float(np.sqrt((found["error"] ** 2).sum())) / len(found)
    half = float(stats.t.ppf((1 + LEVEL) / 2, found["freedom"].min()) * error)
    networks = [
        Part(f"{row.algorithm} x {row.width:g}, {row.verdict}", row.slope, row.low, row.high)
        for row in found.itertuples()
    ]
    return Evidence(
        effect=effect,
        effect_name=UNIT.format(layer),
        low=effect - half,
        high=effect + half,
        p=p,
        p_opposed=p_opposed,
        n_seeds=int(found["seeds"].min()),
        parts=(*networks, *parts),
        basis="intervention",
        decided=verdict,
        note=f"by setting the diversity of {layer} (stage intervention)",
    )


CLAIMS = {"C12": trade_off_by_head, "C36": narrow_networks_need_a_diverse_start}
