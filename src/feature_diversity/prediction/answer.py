"""The question of the title, answered in plain words from prediction.csv, with how sure the answer is."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from feature_diversity.base.errors import InputError
from feature_diversity.base.files import check_whole
from feature_diversity.base.reading import HEADLINE, in_words
from feature_diversity.prediction.result import COLUMNS

QUESTION = "Does the diversity of what a network learns tell how well it will generalise?"
YES, NO, OPEN = "yes", "no", "open"
ALPHA = 0.05
COIN = 0.2  # |psi| below which an order is as good as a coin's: right in 40 to 60 % of pairs
AXES = {  # as they stand after "across"
    "algorithm": "algorithms", "depth": "depths", "width": "widths", "norm": "norms",
    "variant": "variants", "epochs": "epochs",
}  # fmt: skip


@dataclass(frozen=True)
class Answer:
    """The answer in one sentence, in three numbers and at length.

    Attributes:
        word: yes, no or open.
        lead: The sentence or two that begin with it.
        rest: How sure that is, what else was found, and what could not be seen.
        numbers: Pairs of a number as text and of what it says; none where nothing could be estimated.
    """

    word: str
    lead: str
    rest: str
    numbers: tuple[tuple[str, str], ...] = ()

    @property
    def text(self) -> str:
        """All of it as one paragraph."""
        return f"{self.lead} {self.rest}".strip()


def read_prediction(path: Path) -> pd.DataFrame:
    """The table prediction.csv, with empty texts where it has nothing.

    Args:
        path: the file.

    Returns:
        The table.

    Raises:
        InputError: the file is none, or lacks columns, which are named.
    """
    try:
        check_whole(path)
        table = pd.read_csv(path, low_memory=False)
    except (OSError, ValueError) as error:
        raise InputError(f"{path} cannot be read as a table of predictions: {error}") from None
    if missing := [column for column in COLUMNS if column not in table]:
        raise InputError(f"{path}: no column {', '.join(missing)}; expected a table of the stage `predict`")
    words = ["measure", "layer", "reading", "outcome", "axis", "note"]
    return table.assign(**{column: table[column].fillna("").astype(str) for column in words})


def answer_of(prediction: pd.DataFrame) -> Answer:
    """What the study says about pairs of networks that differ in nothing but their seed, and what it cannot.

    Yes needs p <= 0.05 after correction over all measures, layers and readings, and no opposite finding in
    another layer or when features are centred. No needs intervals that lie within 40 and 60 % of pairs in
    every layer, or an opposite order. All else is open.

    Args:
        prediction: the table of predictions.

    Returns:
        The answer.
    """
    rows = prediction[(prediction["outcome"] == "test_error") & (prediction["statistic"] == "psi")]
    diversity = rows[(rows["measure"] == "diversity") & (rows["reading"] == in_words(**HEADLINE))]
    seeds = diversity[diversity["axis"] == "seed"]
    known = seeds[seeds["estimate"].notna()]
    if known.empty:
        why = (
            seeds["note"].iloc[0].removeprefix("not testable: ").split("; ")[0]
            if len(seeds)
            else "the table has no energies"
        )
        lead = (
            f"Open: this study cannot decide it ({why}), for only networks that differ in nothing but their "
        )
        return Answer(
            OPEN, f"{lead}seed show what diversity itself tells.", " ".join(_across(diversity, None))
        )
    order = known.assign(strength=-known["estimate"].abs()).sort_values(
        ["p_max_t", "strength"], kind="stable"
    )
    best = order.iloc[0]
    word, lead, more = _verdict(known, best)
    gated = _gated(prediction, best)
    doubts = [*_other_layers(known, best), *_flip(rows, best)] if best["p_max_t"] <= ALPHA else []
    doubts += _gated_opposite(gated, best)
    if doubts:
        found = lead.split(": ", 1)[1]
        word, lead = OPEN, f"Open: it hangs on how diversity is read: {found} {' '.join(doubts)}"
    rest = [
        *more,
        *_centred(rows, best),
        *_without_failing(gated),
        *_validation(rows),
        *_across(diversity, best["layer"]),
    ]
    rest += _limits(prediction, best)
    return Answer(word, lead, " ".join(rest), _numbers(rows, best))


def _verdict(known: pd.DataFrame, best: pd.Series) -> tuple[str, str, list[str]]:
    """The word, the first sentence, and those that say how sure it is."""
    pair = "of two networks that differ in nothing but their seed, the one with the more diverse features"
    layer = f"in the layer {best['layer']}"
    if best["p_max_t"] <= ALPHA:
        word = YES if best["estimate"] < 0 else NO
        found = int(((known["p_max_t"] <= ALPHA) & (known["estimate"] * best["estimate"] > 0)).sum())
        start = "Yes, here" if word == YES else "No, rather the opposite"
        text = f"{start}: {pair} {layer} has the lower test error in {share(best)} of pairs{interval(best)}."
        return word, text, [_chance(best), f"{found} of {len(known)} layers show it."]
    inside = (known["low"] >= -COIN) & (known["high"] <= COIN)
    if inside.all():
        ends = f"{_percent(-known['high'].max())} to {_percent(-known['low'].min())} %"
        text = f"No: {pair} has the lower test error in {ends} of pairs, whatever the layer"
        return NO, f"{text}: a coin does as well.", []
    text = f"Open: this study cannot decide it. {pair[0].upper()}{pair[1:]} has the lower test error in"
    text += f" {share(best)} of pairs {layer}, where the sign is clearest{interval(best)}."
    return OPEN, text, [_chance(best)]


def _numbers(rows: pd.DataFrame, best: pd.Series) -> tuple[tuple[str, str], ...]:
    """How often more diversity goes with less error, how often by chance, and what labels would tell."""
    found = [
        (
            share(best),
            f"of such pairs: the more diverse in {best['layer']} errs less{interval(best)}",
        ),
        (f"p = {best['p_max_t']:.2g}", "for all layers, readings and measures at once"),
    ]
    if len(labelled := _of_validation(rows)):
        right = f"{_percent(labelled['estimate'].iloc[0])} %"
        found.append((right, "of the same pairs: the one with less validation error errs less"))
    else:
        found.append((f"{best['pairs']:,.0f}", f"pairs of {best['trainings']:,.0f} trainings"))
    return tuple(found)


def _chance(best: pd.Series) -> str:
    """What the p value says, which holds for all that was asked at once."""
    p = best["p_max_t"]
    share_of_studies = f"{100 * p:.0f}" if p >= 0.01 else f"{100 * p:.1g}"
    text = (
        "If nothing were related, a sign as clear in any layer, reading or measure asked about would turn up"
    )
    return (
        f"{text} in {share_of_studies} % of such studies (p = {p:.2g}; {100 * ALPHA:.0f} % or less counts)."
    )


def _other_layers(known: pd.DataFrame, best: pd.Series) -> list[str]:
    """The layers that clearly say the opposite."""
    opposite = known[(known["p_max_t"] <= ALPHA) & (known["estimate"] * best["estimate"] < 0)]
    if opposite.empty:
        return []
    layers = [f"{row['layer']} {share(row)}" for _, row in opposite.iterrows()]
    return [f"Others say the opposite: {', '.join(layers)}."]


def _of_centred(rows: pd.DataFrame, best: pd.Series) -> pd.DataFrame:
    """The row of centred features beside the best row; none where they were not asked for."""
    centred = in_words(**HEADLINE | {"centred": True})
    same = (rows["measure"] == "diversity") & (rows["layer"] == best["layer"]) & (rows["axis"] == "seed")
    return rows[same & (rows["reading"] == centred) & rows["estimate"].notna()]


def _centred(rows: pd.DataFrame, best: pd.Series) -> list[str]:
    """The same number when the mean direction, which a cone of features shares, is taken away."""
    other = _of_centred(rows, best)
    if other.empty:
        return []
    row = other.iloc[0]
    return [f"Centred, so that their mean direction plays no part, it is {share(row)}{interval(row)}."]


def _flip(rows: pd.DataFrame, best: pd.Series) -> list[str]:
    """What centred features say, if they clearly say the opposite."""
    other = _of_centred(rows, best)
    opposite = other[(other["p_max_t"] <= ALPHA) & (other["estimate"] * best["estimate"] < 0)]
    if opposite.empty:
        return []
    return [f"Centred features say the opposite: {share(opposite.iloc[0])}."]


def _gated(prediction: pd.DataFrame, best: pd.Series) -> pd.DataFrame:
    """The row of trainings that fail no gate beside the best row; none where no training fails."""
    rows = prediction[prediction["statistic"] == "psi gated"]
    for column in ("measure", "layer", "reading", "outcome", "axis"):
        rows = rows[rows[column] == best[column]]
    return rows


def _gated_opposite(gated: pd.DataFrame, best: pd.Series) -> list[str]:
    """What the trainings that fail no gate say, if they clearly say the opposite of a clear answer."""
    opposite = gated[(gated["p_max_t"] <= ALPHA) & (gated["estimate"] * best["estimate"] < 0)]
    if opposite.empty or best["p_max_t"] > ALPHA:
        return []
    return ["Trainings that fail no gate say the opposite."]


def _without_failing(gated: pd.DataFrame) -> list[str]:
    """What is left of it when the trainings that fail a gate are left out."""
    if gated.empty:
        return []
    row = gated.iloc[0]
    if not np.isfinite(row["estimate"]):
        why = row["note"].removeprefix("not testable: ").split("; ")[0]
        return [f"Without the trainings that fail a gate nothing can be said ({why})."]
    return [f"Without the trainings that fail a gate it is {share(row)}{interval(row)}."]


def _of_validation(rows: pd.DataFrame) -> pd.DataFrame:
    """The row of the validation error along seeds; none if it is not known."""
    return rows[(rows["measure"] == "val_error") & (rows["axis"] == "seed") & rows["estimate"].notna()]


def _validation(rows: pd.DataFrame) -> list[str]:
    """How well the validation error does on the same pairs."""
    found = _of_validation(rows)
    if found.empty:
        return []
    right = _percent(found["estimate"].iloc[0])
    return [f"For comparison, the validation error, which needs labels, is right in {right} % of such pairs."]


def _across(diversity: pd.DataFrame, layer: str | None) -> list[str]:
    """What holds along the axes that someone chose, which move error and diversity alike."""
    parts = []
    layers = (
        diversity["layer"] == layer if layer is not None else diversity["layer"] == diversity["layer"].max()
    )
    for axis, words in AXES.items():
        found = diversity[layers & (diversity["axis"] == axis) & diversity["estimate"].notna()]
        if len(found):
            parts.append(f"{share(found.iloc[0])} across {words}")
    if not parts:
        return []
    text = ", ".join(parts[:-1]) + (" and " if parts[1:] else "") + parts[-1]
    start = f"Of networks that differ in one setting the share is {text}"
    return [f"{start}; there the setting itself may move both, so that this decides nothing."]


def _limits(prediction: pd.DataFrame, best: pd.Series) -> list[str]:
    """On how much it rests, and what would have been too small to see."""
    unresolved = prediction[(prediction["statistic"] == "unresolved") & (prediction["axis"] == "seed")]
    unresolved = unresolved[unresolved["outcome"] == best["outcome"]]
    text = f"All this rests on {best['pairs']:,.0f} pairs of {best['trainings']:,.0f} trainings"
    if len(unresolved) and unresolved["estimate"].iloc[0] > 0:
        close = 100 * unresolved["estimate"].iloc[0]
        text += f"; {close:.0f} % of all such pairs have errors too close to call, and count for nothing"
    parts = [f"{text}."]
    if np.isfinite(best["low"]) and best["p_max_t"] > ALPHA:
        least = _percent(min((best["high"] - best["low"]) / 2, 1))
        parts.append(
            f"Only an order that is right, or wrong, in about {least} % of them or more would be seen."
        )
    return parts


def share(row: pd.Series) -> str:
    """In how many pairs more diversity goes with less error; a tie counts half."""
    return f"{_percent(-row['estimate'])} %"


def interval(row: pd.Series) -> str:
    """The interval of that share, and what to compare it with."""
    if not np.isfinite(row["low"]):
        return " (a coin: 50 %)"
    return f" (95 % interval {_percent(-row['high'])} to {_percent(-row['low'])} %; a coin: 50 %)"


def _percent(psi: float) -> str:
    return f"{50 * (1 + psi):.0f}"
