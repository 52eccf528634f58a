"""Reading the golden values of the energy; see `golden/energy/` for where they come from."""

import json

import numpy as np
from support.paths import GOLDEN

FOLDER = GOLDEN / "energy"


def cases(name: str) -> list[dict]:
    return json.loads((FOLDER / f"{name}.json").read_text())


def arrays(name: str) -> dict[str, np.ndarray]:
    with np.load(FOLDER / f"{name}.npz") as file:
        return dict(file)


def energies(name: str, key: str = "energies") -> list[tuple[str, np.ndarray, dict, float]]:
    """(case, matrix, one of its energies under `key`, least distance or 2) for all cases of a file."""
    return [
        (case["name"], arrays(name)[case["name"]], energy, float(case.get("min_distance", 2)))
        for case in cases(name)
        for energy in case.get(key, [])
    ]
