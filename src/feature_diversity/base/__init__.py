"""What every room stands on: errors, atomic files, locks, the axes of a run, the paths of results.

Nothing here knows networks, images or statistics, and nothing imports torch.
"""
