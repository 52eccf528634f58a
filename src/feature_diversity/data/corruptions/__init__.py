"""The corruptions of Hendrycks & Dietterich (2019, arXiv 1903.12261), one file for each of their four groups.

A corruption takes images in 0 ... 1, N x C x 32 x 32, a severity of 1 to 5 and a generator of its draws, and
returns as many images, perhaps beyond 0 ... 1. Its constants, one for each severity, are those of CIFAR-10-C
and CIFAR-100-C. Grey images (C = 1) stay grey.
"""
