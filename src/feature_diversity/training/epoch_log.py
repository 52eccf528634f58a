"""Measures of the features of some training images after every few epochs, for the history."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from feature_diversity.base.history import LOGGED_IMAGES, LOGGED_LAYERS
from feature_diversity.compute.draws import generator
from feature_diversity.data.loader import evaluation_images
from feature_diversity.data.store import Facts, Split, normalise, to_unit
from feature_diversity.measures import spectra
from feature_diversity.measures.energy import hyperspherical_energy
from feature_diversity.measures.spectra import Features

BATCH = 100  # images that pass through the network at a time


@dataclass(frozen=True)
class EpochLog:
    """Which images are measured, and when. The training goes on as if nobody had looked.

    Attributes:
        images: uint8, N x C x S x S, the same for all trainings on a data set.
        facts: of the data set.
        every: number of epochs between measurements; 0: never.
    """

    images: Tensor
    facts: Facts
    every: int

    @classmethod
    def of(cls, data: Split, facts: Facts, every: int) -> "EpochLog":
        """Draw LOGGED_IMAGES of the training images, or take all where there are no more."""
        drawn = torch.randperm(len(data.labels), generator=generator(0, "epoch log"))
        rows = drawn[: LOGGED_IMAGES if every else 0].sort().values.cpu().numpy()
        images = evaluation_images(data.some(rows), facts.image_size) if every else torch.empty(0)
        return cls(images, facts, every)

    @torch.no_grad()
    def measure(self, trunk: nn.Module, head: nn.Module, epoch: int) -> dict[str, float]:
        """Measures after an epoch, by the names of LOG_COLUMNS; empty where it is not one to be measured."""
        if not self.every or epoch % self.every:
            return {}
        modes = [(module, module.training) for part in (trunk, head) for module in part.modules()]
        trunk.eval(), head.eval()
        parts = []
        for batch in self.images.split(BATCH):
            features = trunk(normalise(to_unit(batch), self.facts))
            parts.append((features.flatten(1), head(features).flatten(1)))
        for module, training in modes:
            module.training = training
        found: dict[str, float] = {}
        for layer, values in zip(LOGGED_LAYERS, zip(*parts, strict=True), strict=True):
            measures = measures_of(torch.cat(values).double().cpu().numpy())
            found |= {f"{name}_{layer}": value for name, value in measures.items()}
        return found


def measures_of(x: np.ndarray) -> dict[str, float]:
    """LOGGED_MEASURES of vectors, N x D, those without a direction left out; none of fewer than two."""
    x = x[np.isfinite(x).all(axis=1) & (x != 0).any(axis=1)]
    if len(x) < 2:
        return {}
    features = Features(x)
    with np.errstate(divide="ignore", invalid="ignore"):  # nan where all images are alike
        return {
            "diversity": -hyperspherical_energy(x, [1], gram=features.gram).value[1],
            "mean_cosine": spectra.mean_cosine(features),
            "rankme": spectra.rankme(features),
            "participation_ratio": spectra.participation_ratio(features),
        }
