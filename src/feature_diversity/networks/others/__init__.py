"""The diversity of any network: hooks on its layers, what they return as vectors, a table of measures.

No files of a study and no networks of ours: what is measured is whatever PyTorch module is given.
"""
