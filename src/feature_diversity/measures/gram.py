"""Gram matrices: N x N inner products of the rows of a matrix, from which everything else follows."""

import numpy as np

CHUNK = 2**23  # float64 values converted at once (64 MiB)
LOSS = 1e3  # factor of the rounding error that double centring may cost: distances then keep 10 digits


def gram_matrix(x: np.ndarray, *, center: bool = False) -> np.ndarray:
    """Compute the inner products of the rows of `x`.

    Args:
        x: N x D, any real dtype, read in ranges of columns, so perhaps memory-mapped; its squares must not
            overflow.
        center: subtract the mean row first.

    Returns:
        float64, N x N.
    """
    n, dim = x.shape
    step = min(max(1, CHUNK // n), dim)
    buffer = np.empty(n * step)
    gram = np.zeros((n, n))
    for start in range(0, dim, step):
        columns = x[:, start : start + step]
        block = buffer[: columns.size].reshape(columns.shape)
        block[...] = columns
        if center:
            block -= block.mean(axis=0)
        gram += block @ block.T
    return gram


def double_centred(gram: np.ndarray) -> np.ndarray:
    """Subtract row and column means: the Gram matrix of the centred rows from that of the rows (N x N)."""
    means = gram.mean(axis=0)
    return gram - means - means[:, None] + means.mean()


def centred_gram_matrix(x: np.ndarray, gram: np.ndarray) -> np.ndarray:
    """Compute `gram_matrix(x, center=True)` from the matrix of the rows, unless rounding forbids it.

    Double centring leaves rounding errors of the size of the rows as they were; where a centred row is
    much shorter, the matrix is computed anew from the centred rows.

    Args:
        x: N x D, any real dtype.
        gram: float64, N x N, `gram_matrix(x)`.

    Returns:
        float64, N x N.
    """
    centred = double_centred(gram)
    if gram.diagonal().max() <= LOSS * centred.diagonal().min():
        return centred
    return gram_matrix(x, center=True)
