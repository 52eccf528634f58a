"""Tests over trainings: contrasts of cell means, and rank correlations within cells.

Functions of tables and arrays, with no word about what is tested; that is said in `claims`.
"""
