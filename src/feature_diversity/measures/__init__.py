"""The mathematics of diversity: hyperspherical energy, its companions, and what a feature vector is.

Functions of arrays. No files of a study, no settings, and torch in `torch_energy` alone.
"""
