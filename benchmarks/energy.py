"""Time and memory of the energy beside SciPy's `pdist` and the bare matrix product, in one run.

    OPENBLAS_NUM_THREADS=1 python benchmarks/energy.py

Input: float32, ReLU of normal values. Ours gives all three powers, near pairs to full precision and the
jackknife. `pdist` gets rows normalised in float64 and gives the three means. The floor is x @ x.T alone,
of a float64 copy made before the clock starts. The three take turns; ratios are medians over turns. Memory
is what the peak of a process of its own exceeds the float32 input by.
"""

import subprocess
import sys
import time
from pathlib import Path

import numpy as np
from scipy.spatial.distance import pdist

from feature_diversity.measures.energy import hyperspherical_energy

SIZES = {(500, 2048): 21, (500, 802_816): 3, (10_000, 2048): 3}  # N x D: turns
PDIST_TURNS = {(500, 2048): 21}  # minutes a turn at the larger sizes: once


def features(n: int, dim: int) -> np.ndarray:
    x = np.random.default_rng(0).standard_normal((n, dim), dtype=np.float32)
    return np.maximum(x, 0, out=x)


def by_pdist(x: np.ndarray) -> dict[float, float]:
    unit = x.astype(np.float64)
    unit /= np.linalg.norm(unit, axis=1, keepdims=True)
    r = pdist(unit)
    return {0: -np.log(r).mean(), 1: (1 / r).mean(), 2: (r**-2).mean()}


def floor(x: np.ndarray) -> None:
    x = x.astype(np.float64, copy=False)
    x @ x.T


METHODS = {"ours": hyperspherical_energy, "floor": floor, "pdist": by_pdist}


def seconds(method, x: np.ndarray) -> float:
    start = time.perf_counter()
    method(x)
    return time.perf_counter() - start


def extra_memory(name: str, n: int, dim: int) -> float:
    """MB beyond the float32 input at the peak, measured in a process of its own."""
    command = [sys.executable, __file__, name, str(n), str(dim)]
    return float(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


def print_extra_memory(name: str, n: int, dim: int) -> None:
    x = features(n, dim)
    before = peak_memory()
    METHODS[name](x)
    print(peak_memory() - before)


def peak_memory() -> float:
    """Largest resident set of this process so far, in MB (Linux; getrusage's also counts the parent's)."""
    status = Path("/proc/self/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) * 1024 / 1e6


def main() -> None:
    columns = "N x D | ours | x @ x.T | pdist | ours / x @ x.T | pdist / ours"
    columns += " | memory ours | allowed | x @ x.T | pdist"
    print(f"| {columns} |\n|" + " --- |" * 10)
    for (n, dim), turns in SIZES.items():
        x = features(n, dim)
        x64 = x.astype(np.float64)
        times = {"ours": [], "floor": [], "pdist": []}
        for turn in range(turns):
            times["floor"].append(seconds(floor, x64))
            times["ours"].append(seconds(hyperspherical_energy, x))
            if turn < PDIST_TURNS.get((n, dim), 1):
                times["pdist"].append(seconds(by_pdist, x))
        del x, x64
        ours, bare, peer = (np.array(times[name]) for name in ("ours", "floor", "pdist"))
        memory = {name: extra_memory(name, n, dim) for name in METHODS}
        cells = [f"{n:,} x {dim:,}", *(f"{np.median(values):.3f} s" for values in (ours, bare, peer))]
        cells += [f"{np.median(ours / bare):.2f}", f"{np.median(peer / ours[: len(peer)]):.1f}"]
        megabytes = [memory["ours"], (n * n * 8 + 256 * 2**20) / 1e6, memory["floor"], memory["pdist"]]
        cells += [f"{value:.0f} MB" for value in megabytes]
        print(f"| {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    if len(sys.argv) > 1:
        print_extra_memory(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
    else:
        main()
