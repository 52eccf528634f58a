"""Kinds of tests that several claims share: contrasts, orders, trends, correlations, early stopping."""
