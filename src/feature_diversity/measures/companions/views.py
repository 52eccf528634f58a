"""What two random views of each image say: whether they agree, and how many directions tell images apart."""

import numpy as np

WITHIN = 1e-4  # added to the variance within an image (Thilak et al. 2023, delta)
SHARE = 1e-8  # added to each eigenvalue (Thilak et al. 2023, epsilon)


def alignment(first: np.ndarray, second: np.ndarray, alpha: float = 2) -> float:
    """Compute the mean of |u_i - w_i|^alpha over positive pairs, two views of an image (Wang & Isola 2020).

    Args:
        first: N x D, of one view of each image, of any norm.
        second: N x D, of another; row i is of the same image.
        alpha: power of the distance.

    Returns:
        0 (views agree) to 2^alpha; lower is better aligned.
    """
    first, second = first.astype(np.float64), second.astype(np.float64)
    first /= np.linalg.norm(first, axis=1, keepdims=True)
    second /= np.linalg.norm(second, axis=1, keepdims=True)
    return float(np.mean(np.linalg.norm(first - second, axis=1) ** alpha))


def lidar(first: np.ndarray, second: np.ndarray) -> float:
    """Effective rank of what tells images apart, against what tells views apart (Thilak et al. 2023, LiDAR).

    B is the covariance of the images' means, divisor N - 1; W that of views around their image's mean,
    divisor N (q - 1), plus 1e-4 I. The value is exp of the entropy of the eigenvalues of W^(-1/2) B W^(-1/2),
    each plus 1e-8, as shares. The paper takes many views of an image, here q = 2; because of the 1e-4 it
    depends on the features' scale.

    Args:
        first: N x D, of one view of each image, N >= 2.
        second: N x D, of another; row i is of the same image.

    Returns:
        1 to min(D, N - 1), nearly; nan where all images have one mean.
    """
    first, second = first.astype(np.float64), second.astype(np.float64)
    n, dim = first.shape
    means = (first + second) / 2
    between = means - means.mean(axis=0)
    if np.abs(between).max() <= n * np.finfo(float).eps * np.abs(means).max():
        return np.nan
    between /= np.sqrt(n - 1)
    apart = (first - second) / np.sqrt(2 * n)  # two views lie half their difference from their mean, twice
    within = apart.T @ apart + WITHIN * np.eye(dim)
    whitened = np.linalg.solve(np.linalg.cholesky(within), between.T)
    products = whitened @ whitened.T if dim < n else whitened.T @ whitened
    values = np.zeros(dim)
    found = np.linalg.eigvalsh(products)[-dim:]
    values[: len(found)] = found.clip(0)
    shares = (values + SHARE) / (values + SHARE).sum()
    return float(np.exp(-np.sum(shares * np.log(shares))))
