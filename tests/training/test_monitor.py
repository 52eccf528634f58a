import re

import pytest
import torch
import torch.nn.functional as F
from support.checks import train
from torch import nn

from feature_diversity.algorithms import simclr
from feature_diversity.training import monitor


def warnings(capfd) -> list[str]:
    return re.findall(r"collapse: from step (\d+) on", capfd.readouterr().err)


def constant_head(self, *arguments, **options):
    """SimCLR whose head gives every image the same direction."""
    algorithm_init(self, *arguments, **options)
    self.head = nn.Sequential(nn.Linear(32 * 4, 8))
    nn.init.zeros_(self.head[0].weight)
    self.head[0].weight.requires_grad_(False)


algorithm_init = simclr.SimCLR.__init__


def test_a_collapse_is_told_once_with_its_step(tmp_path, monkeypatch, capfd):
    monkeypatch.setattr(simclr.SimCLR, "__init__", constant_head)
    train("simclr", tmp_path, epochs=4)
    assert warnings(capfd) == ["5"]  # epochs have 4 steps, and the first is that of an untrained network


@pytest.mark.parametrize("name", ["simclr", "rotnet", "byol"])
def test_a_training_that_does_not_collapse_has_no_warning(name, tmp_path, capfd):
    train(name, tmp_path, epochs=3)
    assert warnings(capfd) == []


def test_the_mean_cosine_is_that_of_all_pairs():
    x = torch.randn(7, 5, generator=torch.Generator().manual_seed(0))
    cosines = F.cosine_similarity(x[:, None], x[None], dim=2)
    pairs = cosines[~torch.eye(7, dtype=torch.bool)]
    torch.testing.assert_close(monitor.mean_cosine(x), pairs.mean())
