"""The stage `vissl`."""

from feature_diversity.vissl.run import main

__all__ = ["main"]
