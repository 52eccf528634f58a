"""The stage `zoo`."""

from feature_diversity.networks.released.convert import main

__all__ = ["main"]
