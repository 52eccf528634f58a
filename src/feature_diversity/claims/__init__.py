"""The paper's claims, a file for each of its figures: functions from a table of runs to evidence.

`claims.yaml` holds the sentences (Malviya & Sudhakar, arXiv 2209.01275), reworded, each with its test.
A claim's function takes the `Runs` of its family in one reading of the energy and returns `Evidence`.
"""
