"""What a table of measures cannot say, in sentences: for the user to read before the numbers."""

import pandas as pd
import torch

from feature_diversity.networks.others.jackknife import GROUPS

# Of N vectors drawn from P directions of equal variance, a rank finds less than half of P where it is above
# this share of N. The participation ratio finds N P / (N + P), since E tr S² = P + P² / N of the covariance
# S, and so does Vendi's score of order 2; the entropies' shares are of Marchenko and Pastur (1967).
HALF_FOUND = {
    "rankme": 0.918,
    "effective_rank": 0.918,
    "vendi_q1": 0.699,
    "vendi_q2": 0.5,
    "participation_ratio": 0.5,
}
NEAR = 0.8  # of the length of a vector, a bound of ours
SHOWN = 3  # places named in a sentence


def cautions(table: pd.DataFrame, dtypes: dict[str, torch.dtype]) -> list[str]:
    """Say where a table's numbers do not mean what they seem to.

    Args:
        table: as `measure` returns it.
        dtypes: of what each layer returned, by its name.

    Returns:
        A sentence for each kind of trouble: a rank that the number of vectors bounds, or that is near their
        length, and so tells of these and not of the features; too few images for standard errors; layers in
        half precision.
    """
    return [*_ranks(table), *_few(table), *_half(dtypes)]


def _ranks(table: pd.DataFrame) -> list[str]:
    ranks = table[table.measure.isin(HALF_FOUND)]
    few = ranks.value > ranks.measure.map(HALF_FOUND) * ranks.n_vectors
    full = ~few & (ranks.value > NEAR * ranks.n_dim)
    said = []
    for part, advice in (
        (
            ranks[few],
            "there may be twice as many directions that so few vectors do not show: take more images",
        ),
        (ranks[full], "near the length of a vector: all directions are in use"),
    ):
        rows = part.itertuples()
        places = [f"{row.layer}, {row.reading}: {row.measure} is {row.value:.4g}" for row in rows]
        if places:
            said.append(f"{_listed(places)}: {advice}")
    return said


def _few(table: pd.DataFrame) -> list[str]:
    count = int(table.n_images.max())
    if count >= 2 * GROUPS:
        return []
    return [f"{count} images: standard errors need {2 * GROUPS}, two in each of {GROUPS} groups"]


def _half(dtypes: dict[str, torch.dtype]) -> list[str]:
    said = []
    for dtype in (torch.float16, torch.bfloat16):
        layers = [layer for layer, found in dtypes.items() if found == dtype]
        if layers:
            said.append(
                f"{_listed(layers)}: {str(dtype).removeprefix('torch.')} rounds to "
                f"{torch.finfo(dtype).eps:.1g}, which is in small distances and in ranks: use model.float()"
            )
    return said


def _listed(places: list[str]) -> str:
    more = f" and {len(places) - SHOWN} more" if len(places) > SHOWN else ""
    return "; ".join(places[:SHOWN]) + more
