"""Features of a layer with their Gram matrix and spectra, and the measures that are a formula of these.

Measures that need an algorithm, such as neighbours, clusters or two views, are in `companions`.

Each function takes the `Features` of one layer, so that they share one Gram matrix and its spectra, and
returns a float. X stands for the matrix, U for its rows u_i of length 1, sigma for the singular values of
X, lambda for the eigenvalues of its covariance.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from feature_diversity.measures.gram import LOSS, centred_gram_matrix, double_centred, gram_matrix


@dataclass(frozen=True)
class Features:
    """N vectors of D values with all that the measures share, computed when first asked for.

    Spectra come from the smaller of the two matrices of products, N x N or D x D: min(N, D) values, largest
    first; what rounding cannot tell from 0 is 0.

    Attributes:
        x: N x D, real, finite, no zero row.
    """

    x: np.ndarray

    def subset(self, rows: np.ndarray) -> "Features":
        """Take some rows (int64, their numbers); their Gram matrix is cut out of this one."""
        part = Features(self.x[rows])
        part.__dict__["gram"] = self.gram[np.ix_(rows, rows)]
        return part

    @cached_property
    def gram(self) -> np.ndarray:
        """X X^T, N x N."""
        return gram_matrix(self.x)

    @cached_property
    def centred_gram(self) -> np.ndarray:
        """X X^T of the rows less their mean, N x N."""
        return centred_gram_matrix(self.x, self.gram)

    @cached_property
    def cosines(self) -> np.ndarray:
        """U U^T, N x N."""
        norm = np.sqrt(self.gram.diagonal())
        return self.gram / norm / norm[:, None]

    @cached_property
    def squared_distances(self) -> np.ndarray:
        """|x_i - x_j|², N x N; what rounding cannot tell from 0 is 0."""
        squares = self.centred_gram.diagonal()
        distances = squares + squares[:, None] - 2 * self.centred_gram
        smallest = (LOSS + max(self.x.shape)) * np.finfo(float).eps * squares.max()
        return np.where(distances > smallest, distances, 0)

    @cached_property
    def canonical_order(self) -> np.ndarray:
        """The rows' numbers (int64, N) in an order that is not that of the file: by mean cosine to all rows.

        So draws of rows in this order are the same whatever the order, axes and scale of the features.
        """
        return np.argsort(self.cosines.sum(axis=1))

    @cached_property
    def singular_values(self) -> np.ndarray:
        """sigma, of X neither centred nor normalised."""
        return np.sqrt(self._spectrum(self.gram, unit=False, center=False))

    @cached_property
    def covariance_eigenvalues(self) -> np.ndarray:
        """lambda, of the covariance of X with divisor N - 1."""
        return self._spectrum(self.centred_gram, unit=False, center=True) / (len(self.x) - 1)

    @cached_property
    def kernel_eigenvalues(self) -> np.ndarray:
        """Eigenvalues of U U^T / N; they sum to 1."""
        return self._spectrum(self.cosines, unit=True, center=False) / len(self.x)

    @cached_property
    def unit_covariance_eigenvalues(self) -> np.ndarray:
        """Eigenvalues of the covariance of the u_i, divisor N."""
        return self._spectrum(double_centred(self.cosines), unit=True, center=True) / len(self.x)

    def _spectrum(self, products: np.ndarray, *, unit: bool, center: bool) -> np.ndarray:
        n, dim = self.x.shape
        if dim < n:
            rows = self.x.astype(np.float64)
            if unit:
                rows /= np.linalg.norm(rows, axis=1, keepdims=True)
            if center:
                rows -= rows.mean(axis=0)
            products = rows.T @ rows
        values = np.linalg.eigvalsh(products)[::-1].copy()
        if center:
            values[n - 1 :] = 0  # centred rows span at most N - 1 directions, whatever rounding leaves
        return np.where(values > max(n, dim) * np.finfo(float).eps * values[0], values, 0)


def mean_cosine(features: Features) -> float:
    """Mean of u_i . u_j over i != j; the mean squared distance is 2 - 2 mean_cosine."""
    n = len(features.x)
    return float((features.cosines.sum() - np.trace(features.cosines)) / (n * (n - 1)))


def resultant_length(features: Features) -> float:
    """Length of the mean of the u_i, 0 (balanced) to 1 (one direction)."""
    return float(np.sqrt(max(0, features.cosines.mean())))


def uniformity(features: Features, t: float = 2) -> float:
    """Take the log of the mean of exp(-t |u_i - u_j|²) over i < j (Wang & Isola 2020); low is uniform."""
    above = features.cosines[np.triu_indices(len(features.x), 1)]
    return float(np.log(np.mean(np.exp(-2 * t * (1 - above)))))


def rankme(features: Features, epsilon: float = 1e-7) -> float:
    """exp(-sum p log p) with p = sigma / sum(sigma) + epsilon (Garrido et al. 2023, eq. 3)."""
    p = features.singular_values / features.singular_values.sum() + epsilon
    return float(np.exp(-np.sum(p * np.log(p))))


def effective_rank(features: Features) -> float:
    """exp of the entropy of sigma / sum(sigma) (Roy & Vetterli 2007)."""
    return _exp_entropy(features.singular_values / features.singular_values.sum())


def alpha_req(features: Features) -> float:
    """Fit the decay alpha of lambda_i ~ i^(-alpha) (Agrawal et al. 2022, alpha-ReQ).

    Least squares of log lambda on log i over all nonzero lambda, with weights 1 / i (Stringer et al. 2019),
    so that every octave of i counts the same.

    Returns:
        alpha; nan for fewer than two nonzero lambda.
    """
    eigenvalues = features.covariance_eigenvalues[features.covariance_eigenvalues > 0]
    if len(eigenvalues) < 2:
        return np.nan
    index = np.arange(1, len(eigenvalues) + 1)
    x, y, weight = np.log(index), np.log(eigenvalues), 1 / index
    x = x - np.average(x, weights=weight)
    return float(-np.sum(weight * x * y) / np.sum(weight * x**2))


def nesum(features: Features) -> float:
    """sum(lambda) / max(lambda), normalised eigenvalue sum (He & Ozay 2022)."""
    return _ratio(features.covariance_eigenvalues.sum(), features.covariance_eigenvalues[0])


def stable_rank(features: Features) -> float:
    """sum(sigma²) / max(sigma²), of X neither centred nor normalised (Rudelson & Vershynin 2007)."""
    return float(np.sum(features.singular_values**2) / features.singular_values[0] ** 2)


def participation_ratio(features: Features) -> float:
    """sum(lambda)² / sum(lambda²) (e.g. Gao et al. 2017)."""
    eigenvalues = features.covariance_eigenvalues
    return _ratio(eigenvalues.sum() ** 2, np.sum(eigenvalues**2))


def vendi_score(features: Features, q: float) -> float:
    """Compute the Vendi score of order q with the cosine kernel, w = eigenvalues of U U^T / N.

    q = 1: exp(-sum w log w); q = 2: 1 / sum w²; q = inf: 1 / max w (Friedman & Dieng 2023; Pasarkar &
    Dieng 2024).

    Returns:
        1 (all alike) to N.

    Raises:
        ValueError: another q.
    """
    weights = features.kernel_eigenvalues
    if q == 1:
        return _exp_entropy(weights)
    if q == 2:
        return float(1 / np.sum(weights**2))
    if q == np.inf:
        return float(1 / weights[0])
    raise ValueError(f"q must be 1, 2 or inf, got {q}")


def wasserstein_uniformity(features: Features) -> float:
    """sqrt(|m|² + 1 + tr S - (2 / sqrt D) tr S^(1/2)), m and S mean and covariance of the u_i.

    Distance of the Gaussian N(m, S) to N(0, I / D) (Fang et al. 2024); lower is more uniform.
    """
    values = features.unit_covariance_eigenvalues
    squared = resultant_length(features) ** 2 + 1 + values.sum()
    return float(np.sqrt(max(0, squared - 2 / np.sqrt(features.x.shape[1]) * np.sqrt(values).sum())))


def linear_cka(first: Features, second: Features) -> float:
    """Compute |Xc^T Yc|² / (|Xc^T Xc| |Yc^T Yc|), Frobenius norms, columns centred (Kornblith et al. 2019).

    Args:
        first: features of N images.
        second: features of the same images, in any other dimension.

    Returns:
        0 (unrelated) to 1 (alike up to rotation and scale); nan where all rows are equal.
    """
    norms = float(np.linalg.norm(first.centred_gram) * np.linalg.norm(second.centred_gram))
    return _ratio(np.vdot(first.centred_gram, second.centred_gram), norms)


def _exp_entropy(p: np.ndarray) -> float:
    p = p[p > 0]
    return float(np.exp(-np.sum(p * np.log(p))))


def _ratio(above: float, below: float) -> float:
    """above / below; nan where all rows are equal, so that both are 0."""
    return float(above / below) if below > 0 else np.nan
