"""Resampling: bootstrap and permutation tests over trainings.

Functions of tables and arrays, with no word about what is tested; that is said in `claims`.
"""
