"""Time and memory of the energy beside SciPy's `pdist` and the bare matrix product, in one run.

    OPENBLAS_NUM_THREADS=1 python benchmarks/energy.py
    OPENBLAS_NUM_THREADS=1 python benchmarks/energy.py stage

Input: float32, ReLU of normal values. Ours gives all three powers, near pairs to full precision and the
jackknife. `pdist` gets rows normalised in float64 and gives the three means. The floor is x @ x.T alone,
of a float64 copy made before the clock starts. The three take turns; ratios are medians over turns. Memory
is what the peak of a process of its own exceeds the float32 input by.

With `stage`, of each layer of a run: CPU seconds of all that the stage `energy` makes of its file (every
reading, centred and not, three powers, parts, companion measures, errors), beside the bare products of its
readings. The two take turns.
"""

import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from scipy.spatial.distance import pdist

from feature_diversity.measures.energy import hyperspherical_energy
from feature_diversity.measures.of_layers import VECTORS, energies_and_measures
from feature_diversity.measures.readings import READINGS

SIZES = {(500, 2048): 21, (500, 802_816): 3, (10_000, 2048): 3}  # N x D: turns
PDIST_TURNS = {(500, 2048): 21}  # minutes a turn at the larger sizes: once

IMAGES, TURNS = 500, 3
LAYERS = {  # of a ResNet-50 at 224 pixels, and of the demo's ResNet-14 at 32
    "resnet50": {
        "conv1": (64, 112, 112),
        "res2": (256, 56, 56),
        "res3": (512, 28, 28),
        "res4": (1024, 14, 14),
        "res5": (2048, 7, 7),
        "trunk": (2048,),
        "head": (128,),
    },
    "resnet14_w0.125": {
        "conv1": (8, 16, 16),
        "res2": (32, 8, 8),
        "res3": (64, 4, 4),
        "res4": (128, 2, 2),
        "res5": (256, 1, 1),
        "trunk": (256,),
        "head": (24,),
    },
}


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


def of_stage(folder: Path, layer: str, shape: tuple[int, ...]) -> tuple[float, float]:
    """CPU seconds of the bare products of a layer's readings and of the stage, medians over turns."""
    x = features(IMAGES, int(np.prod(shape))).reshape(IMAGES, *shape)
    np.save(folder / f"{layer}.npy", x)
    if layer in ("trunk", "head"):
        noise = np.random.default_rng(1).standard_normal((2, *x.shape), dtype=np.float32)
        np.save(folder / f"views_{layer}.npy", x + noise / 10)
    readings = {read.shape[1]: read for read in (READINGS[vector](x) for vector in VECTORS)}
    del x
    readings = [readings.pop(dim).astype(np.float64) for dim in list(readings)]
    turns = []
    for _ in range(TURNS):
        start = time.process_time()
        for reading in readings:
            reading @ reading.T
        middle = time.process_time()
        energies_and_measures(folder, [layer], [0, 1, 2], list(VECTORS), [False, True])
        turns.append((middle - start, time.process_time() - middle))
    (folder / f"{layer}.npy").unlink()
    bare, ours = np.median(turns, axis=0)
    return bare, ours


def stage() -> None:
    """Print a row for each layer of a run, and one for all."""
    print("| network | layer | D | x @ x.T | stage `energy` | ratio |\n|" + " --- |" * 6)
    for network, layers in LAYERS.items():
        total = np.zeros(2)
        with tempfile.TemporaryDirectory() as folder:
            for layer, shape in layers.items():
                seconds = np.array(of_stage(Path(folder), layer, shape))
                total += seconds
                print_row(network, layer, f"{np.prod(shape):,}", seconds)
        print_row(network, "all", "", total)


def print_row(network: str, layer: str, dim: str, seconds: np.ndarray) -> None:
    cells = [network, layer, dim, *(f"{value:.3f} s" for value in seconds)]
    print(f"| {' | '.join(cells)} | {seconds[1] / seconds[0]:.2f} |", flush=True)


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
    if sys.argv[1:] == ["stage"]:
        stage()
    elif len(sys.argv) > 1:
        print_extra_memory(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
    else:
        main()
