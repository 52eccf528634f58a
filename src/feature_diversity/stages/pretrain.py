"""The stage `pretrain`."""

from feature_diversity.training.loop import main

__all__ = ["main"]
