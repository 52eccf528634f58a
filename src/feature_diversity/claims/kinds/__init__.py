"""Kinds of tests that several claims share: comparisons of cell means, relations within cells, stopping."""
