"""Five readings of "a feature vector" from one stored feature map.

Every function takes maps, N x C x H x W, or vectors, N x C, of any real dtype, and returns a matrix. Vectors
are maps of one position: `flatten`, `gap` and `vissl` leave them as they are. Averages are taken in
float64. ValueError for any other number of axes.
"""

import math

import numpy as np

# VISSL's average pooling before its linear classifiers on ImageNet (feature_pool_ops of its configurations
# for linear evaluation) of a ResNet-50's maps at 224 pixels, C x H x W: window, stride, padding (its zeros
# count in the average). They leave 8,192 to 9,216 values.
VISSL_WINDOWS = {
    (64, 112, 112): (10, 10, 4),
    (256, 56, 56): (16, 8, 0),
    (512, 28, 28): (13, 5, 0),
    (1024, 14, 14): (8, 3, 0),
    (2048, 7, 7): (6, 1, 0),
}
VISSL_VALUES = 9216


def flatten(maps: np.ndarray) -> np.ndarray:
    """Take the whole map as one vector: N x (C H W), sharing the maps' memory and dtype."""
    maps = _checked(maps)
    return maps.reshape(len(maps), -1)


def gap(maps: np.ndarray) -> np.ndarray:
    """Take the mean over H and W (global average pooling): N x C, float64."""
    maps = _checked(maps)
    if maps.shape[2:] == (1, 1):
        return maps.reshape(len(maps), -1)
    return maps.mean(axis=(2, 3), dtype=np.float64)


def vissl(maps: np.ndarray) -> np.ndarray:
    """Pool a map to about 9,000 values by averages, as VISSL's linear evaluation does: N x (C k k), float64.

    A ResNet-50's maps at 224 pixels are pooled with VISSL's own windows; others adaptively to the largest
    k x k with C k² <= 9,216 (the k of VISSL's windows), which leaves smaller maps as they are.
    """
    maps = _checked(maps)
    channels, height, width = maps.shape[1:]
    if maps.shape[1:] in VISSL_WINDOWS:
        rows = columns = _strided(height, *VISSL_WINDOWS[maps.shape[1:]])
    else:
        k = max(1, math.isqrt(VISSL_VALUES // channels))
        if k >= height and k >= width:
            return flatten(maps)
        rows, columns = _adaptive(height, min(k, height)), _adaptive(width, min(k, width))
    down, across = _averages(rows, height), _averages(columns, width).T
    pooled = np.empty((len(maps), channels, len(rows), len(columns)))
    for image, cells in zip(maps, pooled, strict=True):  # one at a time stays in cache
        strips = image.astype(np.float64).reshape(-1, width) @ across
        np.matmul(down, strips.reshape(channels, height, -1), out=cells)
    return pooled.reshape(len(maps), -1)


def positions(maps: np.ndarray) -> np.ndarray:
    """Take every position of every image as one vector of channels: (N H W) x C."""
    maps = _checked(maps)
    return maps.transpose(0, 2, 3, 1).reshape(-1, maps.shape[1])


def channels(maps: np.ndarray) -> np.ndarray:
    """Take every channel as one vector over all images and positions: C x (N H W)."""
    maps = _checked(maps)
    return maps.transpose(1, 0, 2, 3).reshape(maps.shape[1], -1)


READINGS = {f.__name__: f for f in (flatten, gap, vissl, positions, channels)}


def _checked(maps: np.ndarray) -> np.ndarray:
    if maps.ndim == 2:
        return maps[:, :, None, None]
    if maps.ndim != 4 or 0 in maps.shape:
        raise ValueError(f"need maps N x C x H x W or vectors N x C, got shape {maps.shape}")
    return maps


def _strided(size: int, window: int, stride: int, padding: int) -> list[tuple[int, int, int]]:
    """(start, stop, divisor) of each window of an average pooling with padding along one axis."""
    starts = range(-padding, size + padding - window + 1, stride)
    return [(max(start, 0), min(start + window, size), window) for start in starts]


def _adaptive(size: int, k: int) -> list[tuple[int, int, int]]:
    """(start, stop, divisor) of each of k windows that cover one axis, as torch's adaptive pooling."""
    windows = [(i * size // k, -(-(i + 1) * size // k)) for i in range(k)]
    return [(start, stop, stop - start) for start, stop in windows]


def _averages(windows: list[tuple[int, int, int]], size: int) -> np.ndarray:
    """A matrix, windows x size, that takes values along one axis to their averages."""
    matrix = np.zeros((len(windows), size))
    for row, (start, stop, divisor) in zip(matrix, windows, strict=True):
        row[start:stop] = 1 / divisor
    return matrix
