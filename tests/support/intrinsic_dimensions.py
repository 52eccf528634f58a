"""Intrinsic dimensions by scikit-dimension, of points made from a seed.

`python tests/support/intrinsic_dimensions.py`, where scikit-dimension is installed, writes
golden/intrinsic_dimension.json anew.
"""

import json
from importlib.metadata import version
from pathlib import Path

import numpy as np

PATH = Path(__file__).parents[1] / "golden" / "intrinsic_dimension.json"
SHAPES = [(500, 1, 3), (500, 2, 0), (500, 5, 30), (500, 20, 0), (60, 3, 0), (301, 64, 0), (1000, 10, 5)]
SUBSETS = 16  # of half the points, whose spanning trees are compared with that of all


def points(kind: str, n: int, dim: int, zeros: int) -> np.ndarray:
    """N points of a cube or a normal law in `dim` dimensions, with some columns of zeros."""
    rng = np.random.default_rng(n + dim)
    x = rng.random((n, dim)) if kind == "cube" else rng.standard_normal((n, dim))
    return np.pad(x, ((0, 0), (0, zeros)))


def halves(n: int) -> np.ndarray:
    """The subsets that scikit-dimension draws first from its seed 0."""
    rng = np.random.RandomState(0)
    return np.array([rng.choice(n, size=n // 2, replace=False) for _ in range(SUBSETS)])


def main() -> None:
    """Write the file."""
    from skdim.id import PH, TwoNN

    cases = []
    for kind in ("cube", "normal"):
        for n, dim, zeros in SHAPES:
            x = points(kind, n, dim, zeros)
            sizes = {"n_range_min": n // 2, "n_range_max": n, "range_type": "num", "nsteps": 2}
            tree = PH(**sizes, subsamples=SUBSETS, random_state=0).fit(x)
            numbers = {"two_nn": TwoNN().fit(x).dimension_, "spanning_tree": tree.dimension_}
            of_case = {"kind": kind, "n": n, "dim": dim, "zeros": zeros}
            cases.append(of_case | {name: repr(float(number)) for name, number in numbers.items()})
    PATH.write_text(json.dumps({"scikit-dimension": version("scikit-dimension"), "cases": cases}, indent=1))


if __name__ == "__main__":
    main()
