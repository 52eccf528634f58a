"""Is the package right and fast on a GPU? One command, at most eight minutes:

    python benchmarks/gpu.py                 on the GPU; where there are two or more, also two processes
    python benchmarks/gpu.py --device cpu    the same in small, without one

It needs torch, numpy, safetensors, pillow and scikit-learn, no network and no installation. Five parts, a
table each; what breaks a tolerance ends in WRONG, and then the exit code is 1:

    losses     every algorithm, a few steps in float32 and bfloat16, eager and compiled, beside the CPU's
    speed      SimCLR's images a second, beside bare compute (the same network on one batch of views), their
               share of the card's peak (a large matrix product, measured here), and memory
    resume     a training that is killed in the middle and started again, bit for bit beside one that was not
    stages     features, linear evaluation and energies, beside the CPU's
    two        a training by two processes beside the same by one
"""

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file
from torch.utils.flop_counter import FlopCounterMode

SOURCE = Path(__file__).parents[1] / "src"
sys.path.insert(0, str(SOURCE))

from feature_diversity.base.run import Network  # noqa: E402
from feature_diversity.compute.draws import generator  # noqa: E402
from feature_diversity.compute.machine import Machine, find_device, prepare  # noqa: E402
from feature_diversity.data.store import Facts, Split  # noqa: E402
from feature_diversity.measures import energy, torch_energy  # noqa: E402
from feature_diversity.planning.recipe import algorithms, recipe  # noqa: E402
from feature_diversity.training import loop  # noqa: E402
from feature_diversity.training.state import Training, initialise  # noqa: E402
from feature_diversity.training.step import encode, inputs  # noqa: E402

PARTS = ("losses", "speed", "resume", "stages", "two")
MODES = [
    ("float32", False),
    ("float32", True),
    ("bfloat16", False),
    ("bfloat16", True),
]  # precision, compiled
# Largest relative differences from the CPU's loss in float32: of the first step, where arithmetic alone
# differs, and of the third, where each step has enlarged that.
TOLERANCE = {"float32": (1e-4, 1e-2), "bfloat16": (2e-2, 1e-1)}
FEATURES = 1e-3  # largest relative difference of a layer's features
ERROR = (
    0.01  # largest difference of a test error, a share: images whose two best classes are as good as equal
)
STEPS, BATCH, IMAGES = 3, 64, 256  # of the losses
# depth, width, side of images, batch, turns, steps a turn
SPEED = {"cuda": (50, 1.0, 64, 256, 5, 10), "cpu": (14, 0.125, 32, 32, 2, 2)}
EPOCHS = 6  # of the trainings that are killed, or shared by two processes
DATASET = {"name": "digits", "path": "", "image_size": 32, "seed": 0, "duplicates": "refuse"} | {
    "held_out": 200, "held_out_2": 0, "test": 300, "train": 1000, "validation": 200
}  # fmt: skip
LAYERS = ["conv1", "res2", "res4", "trunk", "head"]


def main() -> None:
    """Run the parts that are asked for."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--device", choices=["auto", "cpu", "cuda"], default="auto")
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=list(PARTS))
    parser.add_argument("--algorithms", nargs="+", choices=algorithms(), default=algorithms())
    parser.add_argument("--eager", action="store_true", help="leave torch.compile out")
    arguments = parser.parse_args()
    device = find_device(arguments.device)
    prepare(device, len(os.sched_getaffinity(0)))
    modes = [mode for mode in MODES if not (mode[1] and arguments.eager)]
    name = torch.cuda.get_device_name() if device.type == "cuda" else "CPU"
    print(f"{name}, PyTorch {torch.__version__}, Python {sys.version.split()[0]}", flush=True)
    began, right = time.monotonic(), True
    with tempfile.TemporaryDirectory() as folder:
        parts: dict[str, Callable[[], bool]] = {
            "losses": lambda: losses(device, arguments.algorithms, modes),
            "speed": lambda: speed(device, modes),
            "resume": lambda: resumed(Stages(Path(folder), device)),
            "stages": lambda: stages(Stages(Path(folder), device)),
            "two": lambda: two_processes(Stages(Path(folder), device)),
        }
        for part in arguments.parts:
            before = time.monotonic()
            print(f"\n{part}", flush=True)
            right &= parts[part]()
            print(f"({time.monotonic() - before:.0f} s)", flush=True)
    print(f"\nall {'right' if right else 'but what is WRONG'}, {(time.monotonic() - began) / 60:.1f} minutes")
    sys.exit(not right)


def verdict(difference: float, tolerance: float) -> tuple[bool, str]:
    """Whether a difference is allowed, and how to say so; NaN is not."""
    right = difference <= tolerance
    return right, f"{difference:.1e} of {tolerance:.0e}{'' if right else '  WRONG'}"


# --- losses ---


def losses(device: torch.device, names: list[str], modes: list[tuple[str, bool]]) -> bool:
    """Compare each algorithm's losses with those of the CPU in float32, which draws the same."""
    right = True
    headings = [f"{precision}{', compiled' if compiled else ''}" for precision, compiled in modes]
    print(f"{'algorithm':<14} {'CPU':>9}  " + "  ".join(f"{heading:<24}" for heading in headings))
    for name in names:
        expected = first_losses(name, Machine(torch.device("cpu")))
        told = []
        for precision, compiled in modes:
            found = first_losses(name, Machine(device, precision, compiled))
            differences = [abs(a - b) / abs(b) for a, b in zip(found, expected, strict=True)]
            first, last = TOLERANCE[precision]
            fine = differences[0] <= first and differences[-1] <= last
            words = f"{differences[0]:.1e}, {differences[-1]:.1e}{'' if fine else '  WRONG'}"
            told.append(f"{words:<24}")
            right &= fine
        print(f"{name:<14} {expected[0]:>9.5f}  {'  '.join(told)}", flush=True)
    print(f"relative differences of the first loss and of that of step {STEPS}; allowed: {TOLERANCE}")
    return right


def first_losses(name: str, machine: Machine) -> list[float]:
    """The losses of the first steps of a small network."""
    values = recipe(name, small_images=True, changes={"batch_size": BATCH})
    training, data = training_of(Network(name, 14, 0.25, "batchnorm", seed=1), values, 32, IMAGES, machine)
    steps = loop.train(training, data, values, seed=1, epochs=1, until=1)
    for _ in range(STEPS):
        next(steps)
    return training.read_losses()


def training_of(
    network: Network, values: dict, size: int, images: int, machine: Machine
) -> tuple[Training, Split]:
    """A training of random images of ten classes."""
    draws = torch.Generator().manual_seed(0)
    pixels = torch.randint(256, (images, 3, size, size), dtype=torch.uint8, generator=draws)
    facts = Facts("random", [0.5] * 3, [0.25] * 3, size, size, [str(number) for number in range(10)])
    data = Split(pixels, torch.arange(images) % 10).to(machine.device)
    return initialise(network, values, facts, images, machine), data


# --- speed ---


def speed(device: torch.device, modes: list[tuple[str, bool]]) -> bool:
    """Measure SimCLR's images a second: all of a step, and bare compute, in turns."""
    depth, width, size, batch, turns, steps = SPEED[device.type]
    print(f"SimCLR, ResNet-{depth} of width {width:g}, {size} x {size} pixels, batches of {batch}")
    print(f"{'':<20} {'images/s':>9} {'of bare':>8} {'TFLOP/s':>8} {'of peak':>8} {'memory':>9}")
    values = recipe("simclr", small_images=True, changes={"batch_size": batch})
    network = Network("simclr", depth, width, "batchnorm", seed=1)
    work = None
    for precision, compiled in modes:
        if device.type == "cuda":
            torch.cuda.empty_cache()
            torch.cuda.reset_peak_memory_stats()
        machine = Machine(device, precision, compiled)
        training, data = training_of(network, values, size, 4 * batch, machine)
        whole = loop.train(training, data, values, seed=1, epochs=10**6, until=10**6)
        x, targets = inputs(training, first_batch(training, data, batch), generator(1, "views"))

        def bare(training: Training = training, x: list = x, targets: torch.Tensor = targets) -> None:
            loss = training.algorithm.loss(encode(training, x), targets, generator(1, "loss"))
            training.optimizer.zero_grad()
            loss.backward()
            training.optimizer.step()

        if work is None:  # the same in all modes
            with FlopCounterMode(display=False) as counter:
                bare()
            work = counter.get_total_flops()
        contestants = {"ours": lambda whole=whole: next(whole), "bare": bare}
        seconds = taking_turns(contestants, turns, steps, device)
        ours, of_bare = (statistics.median(seconds[name]) / steps for name in ("ours", "bare"))
        share = statistics.median(b / a for a, b in zip(seconds["ours"], seconds["bare"], strict=True))
        done, most = work / ours / 1e12, peak(device, precision)
        what = f"{precision}{', compiled' if compiled else ''}"
        print(
            f"{what:<20} {batch / ours:>9,.0f} {share:>8.2f} {done:>8.2f} {done / most:>8.0%}"
            f" {memory(device):>6.2f} GB   (bare {work / of_bare / 1e12 / most:.0%} of peak)",
            flush=True,
        )
    return True


def first_batch(training: Training, data: Split, batch: int) -> loop.Batch:
    """The first images as a batch."""
    rows = torch.arange(batch)
    return next(loop.batches_of(data, rows, batch_size=batch, size=training.facts.image_size, draw=(1, 0)))


def taking_turns(
    contestants: dict[str, Callable[[], object]], turns: int, steps: int, device: torch.device
) -> dict[str, list[float]]:
    """Seconds of each turn of each contestant, after one that does not count."""
    seconds: dict[str, list[float]] = {name: [] for name in contestants}
    for turn in range(turns + 1):
        for name, step in contestants.items():
            took = timed(step, steps, device)
            if turn:
                seconds[name].append(took)
    return seconds


def timed(step: Callable[[], object], steps: int, device: torch.device) -> float:
    """Seconds that so many steps take, with all that the device still does of them."""
    synchronise = torch.cuda.synchronize if device.type == "cuda" else lambda: None
    synchronise()
    began = time.perf_counter()
    for _ in range(steps):
        step()
    synchronise()
    return time.perf_counter() - began


def peak(device: torch.device, precision: str) -> float:
    """TFLOP/s of a large matrix product in a precision, the best of five."""
    side = 8192 if device.type == "cuda" else 1024
    a, b = (torch.randn(side, side, device=device, dtype=getattr(torch, precision)) for _ in range(2))
    timed(lambda: a @ b, 2, device)
    return 2 * side**3 / min(timed(lambda: a @ b, 3, device) / 3 for _ in range(5)) / 1e12


def memory(device: torch.device) -> float:
    """The most memory that was taken, in GB: of the GPU, or of this process so far."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated() / 1e9
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e9


# --- stages, as commands ---


class Stages:
    """The package's commands in a folder, on the device and on the CPU."""

    def __init__(self, folder: Path, device: torch.device):
        self.folder, self.device = folder, device
        self.data = folder / "data.safetensors"
        if not self.data.exists():
            self.run(
                "data", "--folder", str(folder), "--dataset", json.dumps(DATASET), "--output", str(self.data)
            )

    def environment(self, cpu: bool) -> dict[str, str]:
        """Of a command that sees no GPU, or all."""
        hidden = {"CUDA_VISIBLE_DEVICES": ""} if cpu else {}
        path = os.pathsep.join(filter(None, [str(SOURCE), os.environ.get("PYTHONPATH")]))
        return os.environ | {"PYTHONPATH": path} | hidden

    def start(self, *arguments: str, cpu: bool = False) -> subprocess.Popen:
        """Start a command."""
        command = [sys.executable, "-m", "feature_diversity", *arguments]
        pipes = {"stdout": subprocess.DEVNULL, "stderr": subprocess.PIPE}
        return subprocess.Popen(command, env=self.environment(cpu), text=True, **pipes)

    def run(self, *arguments: str, cpu: bool = False) -> None:
        """Run a command to its end; end with what it says where it fails."""
        process = self.start(*arguments, cpu=cpu)
        said = process.communicate()[1]
        if process.returncode:
            sys.exit(f"error: {arguments[0]} ended with code {process.returncode}: {said[-2000:]}")

    def training(self, name: str, processes: int = 1) -> list[str]:
        """Arguments of a training in a store of its own, `name`, in float32."""
        width = 1.0 if self.device.type == "cuda" else 0.125
        network = {"algorithm": "simclr", "depth": 14, "width": width, "norm": "batchnorm", "seed": 1}
        values = recipe("simclr", small_images=True, changes={"batch_size": 100})
        return [
            "pretrain", "--data", str(self.data), "--network", json.dumps(network),
            "--recipe", json.dumps(values), "--epochs", str(EPOCHS), "--models", str(self.model(name)),
            "--histories", str(self.model(name).with_name("history.csv")),
            "--store", str(self.folder / name / "store"), "--device", self.device.type,
            "--precision", "float32", *(["--gpus", str(processes)] if processes > 1 else []),
        ]  # fmt: skip

    def model(self, name: str) -> Path:
        """Where a training's network goes."""
        return self.folder / name / "run" / "model.safetensors"

    def trained(self, name: str) -> Path:
        """A network's file, trained where it is not there yet."""
        if not self.model(name).exists():
            self.run(*self.training(name))
        return self.model(name)


def resumed(here: Stages) -> bool:
    """Kill a training once it has saved a state, start it again, and compare."""
    expected = load_file(here.trained("undisturbed"))
    process = here.start(*here.training("killed"))
    store = here.folder / "killed" / "store"
    while process.poll() is None and not saved(store):
        time.sleep(0.005)
    in_time = process.poll() is None
    process.kill()
    process.communicate()
    found = load_file(here.trained("killed"))
    same = found.keys() == expected.keys() and all(found[key].equal(expected[key]) for key in expected)
    print(f"killed in the middle: {'yes' if in_time else 'no, it was too fast'}")
    print(f"{len(expected)} tensors, {'the same bits' if same else 'other bits  WRONG'}")
    return same


def saved(store: Path) -> bool:
    """Whether a training of a store has left a state to go on from."""
    return any(path.stat().st_size for path in store.glob("*/state*") if path.is_file())


def stages(here: Stages) -> bool:
    """Compare features, the error of the linear evaluation, and energies with the CPU's."""
    original, right = here.trained("undisturbed"), True
    errors: list[float] = []
    for name, cpu in (("there", False), ("cpu", True)):
        copy = here.model(name)
        copy.parent.mkdir(parents=True)
        copy.write_bytes(original.read_bytes())
        given = ["--data", str(here.data), "--models", str(copy)]
        here.run("extract", *given, "--layers", *LAYERS, cpu=cpu)
        options = json.dumps({"penalties": [1.0, 0.1, 0.01]})
        linear = copy.with_name("linear.json")
        here.run("linear_eval", *given, "--options", options, "--outputs", str(linear), cpu=cpu)
        errors.append(json.loads(linear.read_text(encoding="utf-8"))["test_error"])
    for layer in LAYERS:
        found, expected = (
            np.load(here.model(name).parent / "features" / f"{layer}.npy").astype(np.float64)
            for name in ("there", "cpu")
        )
        difference = float(np.linalg.norm(found - expected) / np.linalg.norm(expected))
        fine, words = verdict(difference, FEATURES)
        rows = torch.as_tensor(found).to(here.device)
        on_device = torch_energy.hyperspherical_energy(rows.flatten(1), 1).value[1].item()
        exact = energy.hyperspherical_energy(found, 1).value[1]
        fine_energy, of_energy = verdict(abs(on_device - exact) / abs(exact), 1e-9)
        print(f"{layer:<6} features {words:<26} energy {exact:.6f}, {of_energy}")
        right &= fine and fine_energy
    fine, words = verdict(abs(errors[0] - errors[1]), ERROR)
    print(f"test error {errors[0]:.4f}, the CPU's {errors[1]:.4f}: {words}")
    return right and fine


def two_processes(here: Stages) -> bool:
    """Compare the losses of a training by two processes with those of one."""
    if here.device.type == "cuda" and torch.cuda.device_count() < 2:
        print("left out: one GPU")
        return True
    here.run(*here.training("two", processes=2))
    pairs = list(
        zip(*(epoch_losses(path) for path in (here.trained("undisturbed"), here.model("two"))), strict=True)
    )
    # batches and draws are the same; sums over half a batch are added up in another order
    fine, words = verdict(max(abs(a - b) / a for a, b in pairs), 1e-2)
    print(f"losses of {len(pairs)} epochs: {words}")
    return fine


def epoch_losses(model: Path) -> Iterator[float]:
    """The losses in the history beside a model."""
    lines = model.with_name("history.csv").read_text(encoding="utf-8").splitlines()
    place = lines[0].split(",").index("loss")
    yield from (float(line.split(",")[place]) for line in lines[1:])


if __name__ == "__main__":
    main()
