"""What a table of measures cannot say, in sentences: for the user to read before the numbers."""

import pandas as pd
import torch

from feature_diversity.measuring.jackknife import GROUPS

RANKS = ("rankme", "effective_rank", "vendi_q1")  # entropies: those that fill up with all directions
NEAR = 0.8  # of the largest possible, a bound of ours
SHOWN = 3  # places named in a sentence


def cautions(table: pd.DataFrame, dtypes: dict[str, torch.dtype]) -> list[str]:
    """Say where a table's numbers do not mean what they seem to.

    Args:
        table: as `measure` returns it.
        dtypes: of what each layer returned, by its name.

    Returns:
        A sentence for each kind of trouble: a rank near min(N, D), which tells N or D and not the features;
        too few images for standard errors; layers in half precision.
    """
    return [*_ranks(table), *_few(table), *_half(dtypes)]


def _ranks(table: pd.DataFrame) -> list[str]:
    ranks = table[table.measure.isin(RANKS)]
    near = ranks[ranks.value > NEAR * ranks[["n_vectors", "n_dim"]].min(axis=1)]
    few = near.n_vectors <= near.n_dim
    said = []
    for part, advice in (
        (near[few], "the number of vectors: take more images"),
        (near[~few], "the length of a vector: all directions are in use"),
    ):
        rows = part.itertuples()
        places = [f"{row.layer}, {row.reading}: {row.measure} is {row.value:.4g}" for row in rows]
        if places:
            said.append(f"{_listed(places)}: near the largest possible, {advice}")
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
