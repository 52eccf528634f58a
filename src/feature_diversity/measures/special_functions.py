"""The gamma function's relatives, to nearly all digits where differences of `math.lgamma` lose them."""

import math


def log_gamma_ratio(x: float, step: float) -> float:
    """Compute log(G(x + step) / G(x)) without the cancellation of a difference of two log-gammas.

    Stirling's series for large x, reached by G(x + 1) = x G(x).

    Args:
        x: > 0.
        step: > -x.
    """
    result = 0.0
    while min(x, x + step) < 20:
        result -= math.log1p(step / x)
        x += 1
    y = x + step
    return result + (y - 0.5) * math.log1p(step / x) + step * math.log(x) - step + _stirling(y) - _stirling(x)


def log_gauss(x: float, b: float) -> float:
    """Compute log(G(x) G(x - 2b) / G(x - b)²) = log 2F1(b, b; x; 1) (Gauss), for x well above 2b."""
    total, term, k = 0.0, b * b / x, 1
    while term > 1e-18 * total:
        total += term
        term *= (b + k) ** 2 / ((x + k) * (k + 1))
        k += 1
    return math.log1p(total)


def _stirling(x: float) -> float:
    inverse = 1 / (x * x)
    return (1 / 12 - inverse * (1 / 360 - inverse * (1 / 1260 - inverse * (1 / 1680 - inverse / 1188)))) / x


def digamma(x: float) -> float:
    """Compute psi(x) = G'(x) / G(x), x > 0: asymptotic series, reached by psi(x + 1) = psi(x) + 1 / x."""
    result = 0.0
    while x < 20:
        result -= 1 / x
        x += 1
    inverse = 1 / (x * x)
    series = 1 / 12 - inverse * (1 / 120 - inverse * (1 / 252 - inverse * (1 / 240 - inverse / 132)))
    return result + math.log(x) - 0.5 / x - series * inverse


def trigamma(x: float) -> float:
    """Compute psi'(x), x > 0: asymptotic series, reached by psi'(x + 1) = psi'(x) - 1 / x²."""
    result = 0.0
    while x < 20:
        result += 1 / (x * x)
        x += 1
    inverse = 1 / (x * x)
    series = 1 / 6 - inverse * (1 / 30 - inverse * (1 / 42 - inverse * (1 / 30 - inverse * 5 / 66)))
    return result + 1 / x + inverse / 2 + series * inverse / x
