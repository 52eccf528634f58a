"""Tables of results of an intervention whose truth is known: a row for each variant, seed and layer."""

import itertools

import numpy as np
import pandas as pd

DELTAS = (-1.0, -0.5, 0.0, 0.5, 1.0)
LEVERS = ("energy", "uniformity")
TREATED = "trunk"
SHARE = 0.6  # positive doses deliver so much of what they ask for, as in pilots
IMAGES = 2000
ERROR = 0.2
SEED_SD, NOISE_SD = 0.01, 0.006  # of the error between seeds, and between trainings of one seed
TRUTHS = {  # what is so -> the verdict that says it
    "cause": "causes",
    "no effect": "no effect",
    "lever": "depends on the lever",
    "not delivered": "not delivered",
    "turns": "undecided",
}
EFFECT = 0.04  # of a cause, in error from the untreated excess to none


def penalties(layer: str = TREATED) -> dict[str, dict | None]:
    """The variants of the study."""
    arms: dict[str, dict | None] = {"default": None}
    arms["untreated"] = {"lever": "energy", "layer": layer, "weight": 0}
    for lever, delta in itertools.product(LEVERS, DELTAS):
        name = f"{lever}{delta:+g}"
        arms[name] = {"lever": lever, "layer": layer, "delta": delta, "kappa": 3, "reference": "untreated"}
    for treated in ("energy-1", "energy+1"):
        arms[f"turned {treated}"] = {"placebo": "rotation", "layer": layer, "reference": treated}
    return arms


def table(
    truth: str,
    draw: int,
    seeds: int = 8,
    *,
    further: bool = False,
    layer: str = TREATED,
    width: float = 0.25,
    effect: float = EFFECT,
) -> pd.DataFrame:
    """A table of results in which a truth of TRUTHS holds.

    "cause": error falls with the excess, whatever set it. "lever": only what one lever does falls. "not
    delivered": doses leave the excess as it is, and the error follows them nevertheless. "turns": more excess
    does more harm than less of it, and the least error is near the untreated run's.
    further: with another layer, and outcomes beside the test error.
    layer, width: what is treated. effect: of a cause, in error from no excess to the untreated one.
    """
    rng = np.random.default_rng(draw)
    network = {"dataset": "digits", "algorithm": "simclr", "depth": 14, "width": width, "norm": "batchnorm"}
    fixed = network | {"epochs": 20, "vector": "gap", "centred": False, "s": 1, "n_test": IMAGES}
    arms, rows = penalties(layer), []
    for seed in range(1, seeds + 1):
        of_seed = ERROR + SEED_SD * rng.standard_normal()
        untreated = 0.3 * (1 + 0.1 * rng.standard_normal())
        for variant, penalty in arms.items():
            delta, lever = (penalty or {}).get("delta", 0.0), (penalty or {}).get("lever")
            x = 1.0 if truth == "not delivered" else 1 - delta * (SHARE if delta > 0 else 1)
            x *= 1 + 0.03 * rng.standard_normal()
            moved = 0.0
            if truth == "cause" or (truth == "lever" and lever == LEVERS[0]):
                moved = effect * (x - 1)
            elif truth == "not delivered":
                moved = -effect * delta
            elif truth == "turns":
                moved = effect * (2 * (x - 1) ** 2 + (x - 1) / 2)
            error = of_seed + moved + NOISE_SD * rng.standard_normal()
            run = fixed | {"seed": seed, "variant": variant, "test_error": error}
            run["final_loss"] = 1 + 0.05 * rng.standard_normal()
            energies = {layer: untreated * x}
            if further:
                noise = 0.01 * rng.standard_normal(4)
                run |= {"val_error": error + noise[0], "knn_test_error": error + noise[1]}
                run |= {"alignment": 0.3 + noise[2]}
                energies["res4"] = untreated * (1 + noise[3])
            for name, excess in energies.items():
                energy = {"energy": 0.7 + excess, "diversity": -0.7 - excess, "excess": excess}
                rows.append(run | {"layer": name} | energy)
    return pd.DataFrame(rows)
