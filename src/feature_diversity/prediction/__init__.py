"""What predicts the error: statistics over pairs of runs, told apart by the axes in which the pair differs.

Here: each statistic of the stage `predict`, and the answer in words. Not here: the paper's own statements
(claims), pictures (figures), and resampling that others need as well (statistics).
"""
